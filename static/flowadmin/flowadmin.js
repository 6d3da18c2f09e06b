// A row just added to a form is there to be filled in: unfold adds it closed.
document.addEventListener("formset:added", (event) => {
  setTimeout(() => event.target.querySelector("h3[x-on\\:click]")?.click());
});

// A dialog takes the focus when it opens; unfold leaves it on the page behind.
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id !== "modal-content") return;
  const fields = "input:not([type=hidden]), select, textarea, button";
  setTimeout(() => event.target.querySelector(`#dialog :is(${fields})`)?.focus());
});

// The zone that the page tells its times in; scripts that tell some go by it too.
const viewerZone = () => document.querySelector("meta[name=viewer-zone]")?.content;

// Pages tell times in this zone from the next request on, unless the viewer chose another one.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
document.cookie = `flowadmin_zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;

// What select2 puts in place of a select is named by what is chosen, so by nothing at first.
window.addEventListener("load", () => window.django?.jQuery?.(() => {
  for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
    const label = select.labels[0];
    if (!label) continue;
    label.id ||= `${select.id}-label`;
    for (const part of select.nextElementSibling.querySelectorAll("[role=combobox], [role=textbox]")) {
      part.setAttribute("aria-labelledby", `${label.id} ${part.getAttribute("aria-labelledby") ?? ""}`);
    }
  }
}));
