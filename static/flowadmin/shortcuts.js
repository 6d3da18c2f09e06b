// Keys that lead somewhere, unless somebody is writing; "?" lists them.
(() => {
  const PLACES = { h: "/admin/", w: "/workflows/workflow/", r: "/workflows/run/", c: "/workflows/connection/", p: "/workers/pool/" };
  let isGoing = false;
  let timer;

  const isWriting = (target) => target.isContentEditable || target.closest?.("input:not([type=checkbox]), textarea, select, dialog[open]");
  const isOpen = (id) => document.getElementById(id)?.checkVisibility();

  // A link of the sidebar: whoever may not see a page has none.
  function go(key) {
    const link = [...document.querySelectorAll("#nav-sidebar a, aside a, nav a")].find((one) => PLACES[key] && one.pathname.endsWith(PLACES[key]));
    if (link) location.assign(link.href);
  }

  const ACTS = {
    "/": () => {
      const box = document.getElementById("searchbar");
      if (box) box.focus();
      else dispatchEvent(new CustomEvent("opencommand"));
    },
    "?": () => document.getElementById("shortcuts")?.showModal(),
    r: () => document.querySelector('a[href*="/run_now/"]:not([role=menuitem])')?.click(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (isWriting(event.target) || isOpen("modal-content")) return;
    if (isGoing) {
      isGoing = false;
      return go(event.key);
    }
    if (event.key === "g") {
      isGoing = true;
      clearTimeout(timer);
      timer = setTimeout(() => (isGoing = false), 1500);
    } else if (ACTS[event.key]) {
      event.preventDefault();
      ACTS[event.key]();
    }
  });
})();
