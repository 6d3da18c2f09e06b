// A row of the log viewer. It is written again with another line when its own is out of sight:
// elements that are made anew in every frame of scrolling cost more than their texts.
const LEVELS = { 10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL" };

class LogRow {
  constructor(clock) {
    this.clock = clock;
    this.element = made("div", "log-row");
    this.number = made("a", "log-number");
    this.at = made("span", "log-at");
    this.level = made("span", "log-level");
    this.run = made("a", "log-run");
    this.node = made("span", "log-node");
    this.text = made("span", "log-text");
    this.element.append(this.number, this.at, this.level, this.run, this.node, this.text);
  }

  place(position, heightPx) {
    if (this.position === position) return;
    this.position = position;
    this.element.style.top = `${position * heightPx}px`;
    write(this.number, String(position + 1));
  }

  // A line that is on its way is undefined.
  show(line, isChosen, searched) {
    if (this.line === line && this.isChosen === isChosen && this.searched === searched) return;
    if (this.line !== line) this.fill(line);
    if (this.line !== line || this.searched !== searched) writeMessage(this.text, line ? line[4] : "…", searched);
    if (this.isChosen !== isChosen) this.element.classList.toggle("log-chosen", isChosen);
    Object.assign(this, { line, isChosen, searched });
  }

  fill([id, at, level, node, , run, name] = []) {
    const word = level ? (LEVELS[level] ?? String(level)) : "";
    if (id) this.number.href = `#line-${id}`;
    else this.number.removeAttribute("href");
    this.at.title = at ? new Date(at).toISOString() : "";
    write(this.at, at ? this.clock.format(at) : "");
    write(this.level, word);
    this.element.dataset.level = word.toLowerCase();
    this.run.hidden = !run;
    if (run) this.run.href = `/admin/workflows/run/${run}/change/`;
    write(this.run, name ?? "");
    write(this.node, node ?? "");
  }
}

function made(tag, name, text) {
  const element = document.createElement(tag);
  element.className = name;
  if (text) element.textContent = text;
  return element;
}

function write(cell, text) {
  if (cell.textContent !== text) cell.textContent = text;
}

// Colors of terminals become classes; other control sequences are left out. Text stays text.
function writeMessage(cell, text, searched) {
  if (!searched && !text.includes("\x1b")) return write(cell, text);
  const parts = [];
  let classes = [];
  for (const [index, part] of text.split(/\x1b\[([\d;]*)m/).entries()) {
    if (index % 2) classes = styles(classes, part);
    else if (part) parts.push(...marked(part.replace(/\x1b\[[\d;?]*[A-Za-z]/g, ""), searched).map((one) => dressed(one, classes)));
  }
  cell.replaceChildren(...parts);
}

function styles(before, codes) {
  let now = before;
  for (const code of (codes || "0").split(";").map(Number)) {
    if (code === 0) now = [];
    else if (code === 1) now = [...now, "ansi-bold"];
    else if (code === 39) now = now.filter((name) => !/^ansi-\d/.test(name));
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) now = [...now.filter((name) => !/^ansi-\d/.test(name)), `ansi-${code % 10}`];
  }
  return now;
}

function dressed(part, classes) {
  if (!classes.length) return part;
  const dress = made("span", classes.join(" "));
  dress.append(part);
  return dress;
}

// Texts, and an element for each hit.
function marked(text, searched) {
  if (!searched) return [text];
  const found = [];
  const low = text.toLowerCase();
  const wanted = searched.toLowerCase();
  let from = 0;
  for (let at = low.indexOf(wanted); at >= 0; at = low.indexOf(wanted, from)) {
    found.push(text.slice(from, at), made("mark", "", text.slice(at, at + wanted.length)));
    from = at + wanted.length;
  }
  return [...found, text.slice(from)];
}
