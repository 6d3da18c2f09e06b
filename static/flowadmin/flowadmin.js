// A row just added to a form is there to be filled in: unfold adds it closed.
document.addEventListener("formset:added", (event) => {
  setTimeout(() => event.target.querySelector("h3[x-on\\:click]")?.click());
});
