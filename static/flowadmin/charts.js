// Draws every canvas with data-chart: one look for all charts, in light and in dark.
(() => {
  const drawn = new Map();
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function words(iso, step) {
    const date = new Date(iso);
    const timeZone = viewerZone();
    const clock = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false, timeZone });
    return step >= 120 ? `${date.toLocaleDateString([], { weekday: "short", timeZone })} ${clock}` : clock;
  }

  function dataset(series) {
    const tone = color(`--fa-${series.tone}`);
    const look = { label: series.label, data: series.values, type: series.kind, borderColor: tone };
    return series.kind === "bar"
      ? { ...look, backgroundColor: tone, stack: "all", maxBarThickness: 26 }
      : { ...look, backgroundColor: `color-mix(in oklch, ${tone} 18%, transparent)`, fill: true, stepped: true, borderWidth: 1.5, pointRadius: 0 };
  }

  function limit(chart) {
    const line = { label: "Limit", data: chart.moments.map(() => chart.limit), type: "line", borderColor: color("--fa-muted") };
    return { ...line, borderDash: [5, 4], borderWidth: 1.5, pointRadius: 0 };
  }

  function draw(canvas) {
    drawn.get(canvas)?.destroy();
    const chart = JSON.parse(canvas.dataset.chart);
    const datasets = chart.series.map(dataset);
    if (chart.limit !== null) datasets.push(limit(chart));
    const ink = color("--fa-muted");
    const axis = { ticks: { color: ink, maxRotation: 0, autoSkipPadding: 16, precision: 0 }, border: { color: color("--fa-line") } };
    drawn.set(canvas, new Chart(canvas, {
      type: "bar",
      data: { labels: chart.moments.map((at) => words(at, chart.step_minutes)), datasets },
      options: {
        animation: false,
        maintainAspectRatio: false,
        interaction: { mode: "index", intersect: false },
        plugins: { legend: { position: "bottom", labels: { color: ink, boxWidth: 12, boxHeight: 12 } } },
        scales: {
          x: { ...axis, stacked: true, grid: { display: false } },
          y: { ...axis, stacked: chart.series.every((one) => one.kind === "bar"), beginAtZero: true, suggestedMax: chart.limit ?? 1, grid: { color: color("--fa-line") } },
        },
      },
    }));
  }

  function tidy() {
    for (const canvas of drawn.keys()) if (!canvas.isConnected) { drawn.get(canvas).destroy(); drawn.delete(canvas); }
  }

  const drawAll = () => {
    tidy();
    document.querySelectorAll("canvas[data-chart]").forEach(draw);
  };
  document.addEventListener("DOMContentLoaded", () => {
    drawAll();
    new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ["class"] });
  });
  for (const name of ["htmx:afterSettle", "live:replaced"]) {
    document.addEventListener(name, (event) => {
      tidy();
      event.target.querySelectorAll("canvas[data-chart]").forEach(draw);
    });
  }
})();
