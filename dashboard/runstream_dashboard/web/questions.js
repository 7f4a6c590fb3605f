// What the grid tells and asks Python: its view, which charts are looked at, and which answer it waits for.

const ASK_AFTER_MS = 300;
const COLUMNS = [200, 2000];

export class Questions {
  constructor(grid) {
    this.grid = grid;
    this.mount = crypto.getRandomValues(new Uint32Array(2)).join("-");
    // Told again each time: an answer to an older number is ignored, and one message may replace another on its way.
    this.extra = {};
    this.question = null;
  }

  /** Send the view after a pause: for the address, and for charts further down. */
  later() {
    this.set(ASK_AFTER_MS);
  }

  /** Send the view in the next task, because data is missing. */
  now(extra = {}) {
    Object.assign(this.extra, extra);
    this.set(0);
  }

  /** Send the view now and measure how long the answer takes. */
  measured(extra = {}) {
    this.question = crypto.getRandomValues(new Uint32Array(1))[0];
    this.askedAt = performance.now();
    delete this.grid.ui.root.dataset.roundtrip;
    this.now(extra);
  }

  /** A frame has come; `question` is the one that it answers. */
  answered(question) {
    if (!question || question !== this.question) return;
    this.grid.ui.root.dataset.roundtrip = String(Math.round(performance.now() - this.askedAt));
    this.question = null;
  }

  set(after) {
    const soon = after === 0;
    if (this.timer && this.soon && !soon) return;
    clearTimeout(this.timer);
    this.soon = soon;
    this.timer = setTimeout(() => this.tell(), after);
  }

  columns() {
    const { inView, cards } = this.grid;
    const widest = Math.max(0, ...[...inView].map((name) => cards.get(name)?.box?.clientWidth ?? 0));
    return Math.min(COLUMNS[1], Math.max(COLUMNS[0], Math.ceil(widest)));
  }

  tell() {
    this.timer = null;
    const { grid, mount, question, extra } = this;
    const { frame, view } = grid;
    if (!grid.ui.root.isConnected) return;
    // Before the first whole frame there is no view: what the address says must not be overwritten by defaults.
    if (!view) return grid.send({ mount, frame, ...extra });
    const charts = grid.metrics.map((metric) => metric.name).filter((name) => grid.inView.has(name));
    const columns = this.columns();
    grid.send({ ...view, mount, frame, question, charts, columns, hidden: document.hidden, ...extra });
  }
}
