// Keeps the elements of a page up to date: by a stream while there is one, else by asking every
// so often. A message is {id: content}; the element of that id is replaced, or, where it is
// marked data-live="signal", told of it by an event "live" with the content as its detail. Where it
// is marked data-live="actions", its content decides which buttons the page has.
const WORDS = { live: "Live", polling: "Live updates are interrupted: asking every few seconds", lost: "No connection" };
const HIDDEN_FOR_MS = 10_000;

class LivePage {
  constructor(root) {
    this.root = root;
    this.topics = root.dataset.topics.split(" ");
    this.shown = new Map();
    document.addEventListener("visibilitychange", () => this.onVisibility());
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", (event) => event.persisted && this.look());
    this.open(root.dataset.ticket);
  }

  open(ticket) {
    this.stream?.close();
    this.stream = new EventSource(`/sse/?ticket=${encodeURIComponent(ticket)}`);
    this.stream.onopen = () => {
      clearTimeout(this.timer);
      this.timer = null;
      this.say("live");
    };
    this.stream.onmessage = (event) => this.show(JSON.parse(event.data));
    this.stream.addEventListener("refused", () => location.reload());
    // Spread out: all pages lose their stream at once when the server starts anew.
    this.stream.onerror = () => (this.timer ??= setTimeout(() => this.look(), 1000 + 2000 * Math.random()));
  }

  close() {
    this.stream?.close();
    clearTimeout(this.timer);
    this.timer = null;
  }

  async look() {
    this.timer = null;
    try {
      const query = new URLSearchParams(this.topics.map((topic) => ["topic", topic]));
      const answer = await fetch(`${this.root.dataset.poll}?${query}`);
      if (answer.redirected || answer.status === 404) return location.reload();
      if (!answer.ok) throw new Error(answer.statusText);
      const { ticket, parts } = await answer.json();
      this.show(parts);
      if (this.stream.readyState === EventSource.CLOSED) this.open(ticket);
      if (this.stream.readyState !== EventSource.OPEN) this.say("polling");
    } catch {
      this.say("lost");
    }
    if (this.stream.readyState !== EventSource.OPEN) this.timer ??= setTimeout(() => this.look(), 10_000 + 5000 * Math.random());
  }

  // Browsers allow six connections to a server; tabs that nobody looks at must not hold them.
  onVisibility() {
    clearTimeout(this.sleep);
    if (document.hidden) this.sleep = setTimeout(() => this.close(), HIDDEN_FOR_MS);
    else if (this.stream.readyState === EventSource.CLOSED) this.look();
  }

  show(parts) {
    for (const [id, content] of Object.entries(parts)) {
      const element = document.getElementById(id);
      if (!element || this.shown.get(id) === content) continue;
      this.shown.set(id, content);
      if (element.dataset.live === "actions") showActions(element, content);
      else if (element.dataset.live === "signal") element.dispatchEvent(new CustomEvent("live", { detail: content, bubbles: true }));
      else replace(element, content);
    }
  }

  say(state) {
    this.root.dataset.state = state;
    if (this.root.textContent !== WORDS[state]) this.root.textContent = WORDS[state];
  }
}

// What the viewer has opened, scrolled or focused in the element stays so.
function replace(element, content) {
  const scrolled = [...element.querySelectorAll("[data-keep]")].map((one) => [one.dataset.keep, one.scrollLeft, one.scrollTop]);
  const opened = [...element.querySelectorAll("details[id]")].map((one) => [one.id, one.open]);
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  const fresh = new DOMParser().parseFromString(content, "text/html").body.firstElementChild;
  element.replaceWith(fresh);
  for (const [keep, left, top] of scrolled) fresh.querySelector(`[data-keep="${keep}"]`)?.scrollTo(left, top);
  for (const [id, open] of opened) {
    const details = document.getElementById(id);
    if (details) details.open = open;
  }
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  htmx.process(fresh);
  fresh.dispatchEvent(new CustomEvent("live:replaced", { bubbles: true }));
}

document.addEventListener("DOMContentLoaded", () => {
  const root = document.querySelector("[data-topics]");
  if (root) root.livePage = new LivePage(root);
});

async function showActions(element, content) {
  if (element.textContent === content) return;
  element.textContent = content;
  const text = await (await fetch(location.href)).text();
  const actions = "[x-data='{ showActions: false }']";
  const [now, then] = [new DOMParser().parseFromString(text, "text/html"), document].map((page) => page.querySelector(actions));
  if (!then) return;
  then.replaceWith(now ?? "");
  if (now) htmx.process(now);
}
