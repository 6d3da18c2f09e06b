// An issue leads to its node, and to the field in the node's config.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-node]");
  if (!link) return;
  event.preventDefault();
  const keys = document.querySelectorAll('input[name^="nodes-"][name$="-key"]');
  const key = [...keys].find((input) => input.value === link.dataset.node);
  if (!key) return;
  document.querySelector('a[href="#nodes"]')?.click();
  const row = key.closest(".inline-related, .inline-stacked, [x-data]");
  const head = row?.querySelector("h3[x-on\\:click]");
  if (head && key.offsetParent === null) head.click();
  setTimeout(() => {
    const config = document.querySelector(`[name="${key.name.replace(/-key$/, "-config")}"]`) ?? key;
    config.scrollIntoView({ block: "center" });
    config.focus();
    const at = link.dataset.field ? config.value.indexOf(`"${link.dataset.field.split(".")[0]}"`) : -1;
    if (at >= 0) config.setSelectionRange(at, at + link.dataset.field.split(".")[0].length + 2);
  }, 60);
});
