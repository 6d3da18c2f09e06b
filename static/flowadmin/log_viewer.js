// A log of any length: only the rows in sight are elements, and pages are fetched as they come into
// sight. The server's index says how many lines there are and with which id each page begins, so
// that a position leads to its page whatever the filter is.
const ROW_PX = 18;
const PAGES_KEPT = 60;
const AT_ONCE = 3;
const HASH = /^#line-(\d+)$/;

class LogViewer {
  constructor(root) {
    this.root = root;
    this.address = root.dataset.log;
    this.form = root.querySelector("form");
    const lines = root.querySelector("[data-log-lines]").shadowRoot;
    this.view = lines.querySelector(".log");
    this.sizer = lines.querySelector(".log-sizer");
    this.rows = lines.querySelector(".log-rows");
    this.detail = lines.querySelector(".log-line");
    this.status = root.querySelector("[data-log-status]");
    this.clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hour12: false, timeZone: viewerZone() });
    this.listen();
    this.reload();
  }

  listen() {
    this.view.addEventListener("scroll", () => this.onScroll(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.view);
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("change", (event) => this.onChange(event.target.name));
    this.form.q.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.find(event.shiftKey ? "before" : "after");
    });
    for (const button of this.form.querySelectorAll("[data-log-find]")) {
      button.addEventListener("click", () => this.find(button.dataset.logFind));
    }
    this.rows.addEventListener("click", (event) => {
      const clicked = event.target.closest(".log-row");
      const row = [...this.drawn.values()].find((one) => one.element === clicked);
      if (row?.line && !String(getSelection())) this.select(row.line[0]);
    });
    this.root.addEventListener("live", () => this.more());
    addEventListener("hashchange", () => this.goToHash());
  }

  query(extra = {}) {
    const { node, level, since, until, q, only } = this.form;
    const query = new URLSearchParams(extra);
    for (const field of [node, level, since, until]) if (field?.value && field.value !== "0") query.set(field.name, field.value);
    if (only.checked && q.value) query.set("text", q.value);
    return query;
  }

  async ask(what, extra) {
    const answer = await fetch(`${this.address}${what}/?${this.query(extra)}`);
    if (!answer.ok || answer.redirected) throw new Error("the log cannot be read now; try again");
    return answer.json();
  }

  // Another filter is another log: what is fetched for the one before does not count any more.
  async reload() {
    const era = (this.era = (this.era ?? 0) + 1);
    this.pages = new Map();
    this.fetching = new Set();
    this.drawn = new Map();
    this.rows.replaceChildren();
    this.root.querySelector("[data-log-download]").href = `${this.address}download/?${this.query()}`;
    this.say("Reading…");
    try {
      const found = await this.ask("index");
      if (era !== this.era) return;
      Object.assign(this, { total: found.total, starts: found.starts, size: found.page, complete: found.complete, truncated: found.truncated });
    } catch (error) {
      if (era === this.era) this.say(error.message);
      return;
    }
    this.resize();
    if (!(await this.goToHash()) && this.form.tail.checked && !this.complete) this.toEnd();
    this.draw();
  }

  onChange(name) {
    if (name === "tail") return this.form.tail.checked && this.toEnd();
    if (name === "q" && !this.form.only.checked) return this.draw();
    return this.reload();
  }

  onScroll() {
    if (this.view.scrollTop < this.lastTop - 2 && !this.complete) this.form.tail.checked = false;
    this.lastTop = this.view.scrollTop;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  resize() {
    this.sizer.style.height = `${this.total * ROW_PX}px`;
    const lines = `${this.total.toLocaleString()} line${this.total === 1 ? "" : "s"}`;
    const rest = this.truncated ? " · cut here: the rest is kept by Prefect only" : this.complete === false ? " · more may come" : "";
    this.say(this.total || this.complete !== false ? lines + rest : "No lines yet");
  }

  toEnd() {
    this.view.scrollTop = this.lastTop = this.view.scrollHeight;
  }

  // What is drawn already stays, and what is out of sight is used again: a frame of scrolling
  // writes a few rows. They are in the order of their lines, so that several can be copied.
  draw() {
    if (this.total === undefined) return;
    // Read before anything is written: asking for it afterwards would lay the page out at once.
    const top = this.view.scrollTop;
    const first = Math.max(0, Math.floor(top / ROW_PX) - 10);
    const last = Math.min(this.total, Math.ceil((top + this.view.clientHeight) / ROW_PX) + 10);
    const free = [];
    for (const [position, row] of this.drawn) {
      if (position >= first && position < last) continue;
      free.push(row);
      this.drawn.delete(position);
    }
    let below = null;
    for (let position = last - 1; position >= first; position--) below = this.place(position, below, free);
    for (const row of free) row.element.remove();
    this.fetchAround(first, last, top < (this.drawnTop ?? 0));
    this.drawnTop = top;
  }

  place(position, below, free) {
    let row = this.drawn.get(position);
    if (!row) {
      row = free.pop() ?? new LogRow(this.clock);
      this.drawn.set(position, row);
      this.rows.insertBefore(row.element, below);
    }
    const line = this.line(position);
    row.place(position, ROW_PX);
    row.show(line, line !== undefined && line[0] === this.chosen, this.form.q.value);
    return row.element;
  }

  line(position) {
    return this.pages.get(Math.floor(position / this.size))?.[position % this.size];
  }

  // The pages in sight first, then the one that scrolling leads to. Who drags the bar passes many:
  // those that are out of sight when there is room for them are left.
  fetchAround(first, last, isUpwards) {
    const top = Math.floor(first / this.size);
    const bottom = Math.floor(Math.max(first, last - 1) / this.size);
    for (const number of [top, bottom, isUpwards ? top - 1 : bottom + 1]) {
      if (number in this.starts && !this.pages.has(number) && this.fetching.size < AT_ONCE) this.fetchPage(number);
    }
  }

  async fetchPage(number) {
    if (this.fetching.has(number)) return;
    this.fetching.add(number);
    const era = this.era;
    try {
      const { lines } = await this.ask("lines", { start: this.starts[number] });
      if (era !== this.era) return;
      this.pages.set(number, lines);
      for (const old of this.pages.keys()) if (this.pages.size > PAGES_KEPT && Math.abs(old - number) > 3) this.pages.delete(old);
    } catch (error) {
      if (era === this.era) this.say(error.message);
      return;
    } finally {
      if (era === this.era) this.fetching.delete(number);
    }
    this.draw();
  }

  // There are more lines: ask for those after the last page that is full. One question at a time.
  async more() {
    if (this.asking || this.total === undefined) return void (this.again = true);
    this.asking = true;
    this.again = false;
    const era = this.era;
    try {
      const found = await this.ask("index");
      if (era !== this.era) return;
      const touched = Math.floor(this.total / this.size);
      Object.assign(this, { total: found.total, starts: found.starts, complete: found.complete, truncated: found.truncated });
      this.fetching.delete(touched);
      if (this.pages.has(touched)) await this.fetchPage(touched);
      this.resize();
      if (this.form.tail.checked) this.toEnd();
      this.draw();
    } catch (error) {
      this.say(error.message);
    } finally {
      this.asking = false;
      if (this.again) setTimeout(() => this.more(), 300);
    }
  }

  async find(direction) {
    const text = this.form.q.value;
    if (!text) return this.form.q.focus();
    this.say("Searching…");
    try {
      const from = this.chosen ? { [direction]: this.chosen } : direction === "before" ? { before: Number.MAX_SAFE_INTEGER } : {};
      const hit = await this.ask("find", { q: text, ...from });
      this.resize();
      if (hit.id) this.show(hit);
      else this.say(`“${text}” is not found ${this.chosen ? (direction === "after" ? "below" : "above") + " this line" : "in these lines"}`);
    } catch (error) {
      this.say(error.message);
    }
  }

  async goToHash() {
    const line = HASH.exec(location.hash)?.[1];
    if (!line || Number(line) === this.chosen) return false;
    const hit = await this.ask("find", { line });
    if (!hit.id) return this.say("The line of this link is not among these lines"), false;
    this.show(hit);
    return true;
  }

  show({ id, position }) {
    this.form.tail.checked = false;
    this.view.scrollTop = this.lastTop = Math.max(0, position * ROW_PX - this.view.clientHeight / 2);
    this.select(id, position);
  }

  async select(id, position) {
    this.chosen = id;
    history.replaceState(null, "", `#line-${id}`);
    this.draw();
    if (position !== undefined && !this.pages.has(Math.floor(position / this.size))) await this.fetchPage(Math.floor(position / this.size));
    const line = [...this.pages.values()].flat().find((one) => one[0] === id);
    this.detail.hidden = !line;
    if (line) writeMessage(this.detail, line[4], this.form.q.value);
    this.draw();
  }

  say(text) {
    if (this.status.textContent !== text) this.status.textContent = text;
  }
}

document.addEventListener("DOMContentLoaded", () => {
  for (const root of document.querySelectorAll("[data-log]")) root.logViewer = new LogViewer(root);
});
