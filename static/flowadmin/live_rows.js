// A list of runs: the cells of the runs that it shows follow them; of newer runs it tells.
let newest;

document.addEventListener("live", ({ target, detail }) => {
  if (target.id !== "run-rows") return;
  const rows = JSON.parse(detail);
  for (const [run, cells] of rows) {
    for (const [column, html] of Object.entries(cells)) {
      const cell = document.querySelector(`[data-cell="${run} ${column}"]`);
      if (cell && cell.dataset.shown !== html) cell.innerHTML = cell.dataset.shown = html;
    }
  }
  const first = rows[0]?.[0] ?? "none";
  newest ??= first;
  target.hidden = first === newest;
});
