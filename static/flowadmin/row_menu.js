// The menu of a list's rows: written once per page, filled in for the row that asks.
(() => {
  let open = null;

  function close() {
    open?.menu.remove();
    open?.button.focus();
    open = null;
  }

  function show(button) {
    const menu = document.createElement("nav");
    menu.className = "row-popup";
    menu.popover = "auto";
    menu.setAttribute("role", "menu");
    const links = document.getElementById("row-actions").innerHTML;
    menu.innerHTML = links.replaceAll("--pk--", encodeURIComponent(button.dataset.row));
    document.body.append(menu);
    htmx.process(menu);
    menu.showPopover();
    const place = button.getBoundingClientRect();
    menu.style.left = `${Math.max(8, place.right - menu.offsetWidth)}px`;
    menu.style.top = `${Math.min(place.bottom + 4, innerHeight - menu.offsetHeight - 8)}px`;
    menu.addEventListener("toggle", (event) => event.newState === "closed" && close());
    menu.addEventListener("htmx:afterRequest", close);
    open = { menu, button };
    menu.querySelector("a")?.focus();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".row-menu");
    if (button) show(button);
  });

  document.addEventListener("keydown", (event) => {
    if (!open || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    event.preventDefault();
    const links = [...open.menu.querySelectorAll("a")];
    const step = event.key === "ArrowDown" ? 1 : links.length - 1;
    links[(links.indexOf(document.activeElement) + step) % links.length].focus();
  });
})();
