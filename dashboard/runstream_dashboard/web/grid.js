// The live chart grid: takes frames from Python, keeps what the reader does, asks Python only for data.
// Streamlit calls the default export again for every frame, with the same parent element.
import { Chart } from "./chart.js";
import { decode, merge } from "./frame.js";
import { card, placeTip, railRows, section, sectionsOf, skeleton, textValues, tooltip } from "./layout.js";
import { place } from "./numbers.js";
import { readTheme } from "./theme.js";

const styles = await Promise.all(["./vendor/uPlot.min.css", "./grid.css"].map(async (name) => {
  const sheet = new CSSStyleSheet();
  return sheet.replace(await (await fetch(new URL(name, import.meta.url))).text());
}));

const ASK_AFTER_MS = 300;
const FOLD_ABOVE = 300;
const OPEN_SECTIONS = 3;
const grids = new WeakMap();

export default function grid({ data, parentElement, setStateValue }) {
  if (!grids.has(parentElement)) grids.set(parentElement, new Grid(parentElement));
  const it = grids.get(parentElement);
  it.send = (view) => setStateValue("view", view);
  if (data) it.take(data);
}

class Grid {
  constructor(parent) {
    this.mount = crypto.getRandomValues(new Uint32Array(2)).join("-");
    this.frame = 0;
    this.runs = [];
    this.metrics = [];
    this.curves = new Map();
    this.charts = new Map();
    this.cards = new Map();
    this.inView = new Set();
    this.lit = null;
    this.hovered = null;
    this.ui = skeleton(this);
    const root = parent.getRootNode();
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, ...styles];
    parent.append(this.ui.root);
    this.watcher = new IntersectionObserver((seen) => this.scrolled(seen), { rootMargin: "240px 0px" });
    this.sizes = new ResizeObserver(() => requestAnimationFrame(() => this.redraw()));
    this.sizes.observe(this.ui.sections);
    this.ui.sections.addEventListener("pointerleave", () => this.leave());
    this.ui.root.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("keydown", (event) => this.pageKey(event));
    document.addEventListener("visibilitychange", () => this.ask(0));
  }

  // --- frames in -------------------------------------------------------------------------------------------------

  take(data) {
    const header = decode(data);
    if (header.frame === this.frame) return;
    if (header.base !== 0 && header.base !== this.frame) return this.ask(0, { resync: header.frame });
    const first = !this.view;
    if (first) this.view = header.view;
    this.readTheme();
    this.ui.root.classList.toggle("single", !header.rail);
    this.ui.root.classList.toggle("bare", header.bare);
    this.palette = header.palette ?? this.palette;
    if (header.base === 0) this.curves.clear();
    const changed = merge(header, this.curves);
    if (changed === null) return this.ask(0, { resync: header.frame });
    this.frame = header.frame;
    if (header.runs) this.setRuns(header.runs);
    if (header.charts) this.setMetrics(header.charts, first);
    for (const name of header.base === 0 ? this.inView : changed) this.draw(name);
    if (header.answers && header.answers === this.question) this.answered();
    this.label();
    Object.assign(this.ui.root.dataset, { version: String(this.frame), commit: String(header.version), ready: "1" });
    // uPlot draws in a microtask; after it the pointer may stand over another x.
    requestAnimationFrame(() => this.stay());
    if (first) this.ask(0);
  }

  answered() {
    this.ui.root.dataset.roundtrip = String(Math.round(performance.now() - this.askedAt));
    this.question = null;
  }

  readTheme() {
    const theme = readTheme(this.ui.root, () => this.palette);
    if (this.theme?.background === theme.background) return;
    const repaint = Boolean(this.theme);
    this.theme = theme;
    this.ui.root.classList.toggle("dark", theme.dark);
    if (repaint) {
      this.ui.rail.replaceChildren(...railRows(this));
      this.redraw();
    }
  }

  setRuns(runs) {
    this.runs = runs;
    this.ui.rail.replaceChildren(...railRows(this));
  }

  setMetrics(metrics, first) {
    this.metrics = metrics;
    const names = sectionsOf(metrics);
    const order = [...names.keys()];
    if (first && metrics.length > FOLD_ABOVE && !this.view.fold.length) this.view.fold = order.slice(OPEN_SECTIONS);
    this.sections ??= new Map();
    for (const name of order) {
      if (!this.sections.has(name)) {
        const made = section(name, this);
        this.sections.set(name, made);
        this.ui.sections.append(made.root);
      }
      for (const metric of names.get(name)) this.addCard(metric, this.sections.get(name).cards);
    }
    this.filter();
  }

  addCard(metric, parent) {
    if (!this.cards.has(metric.name) || this.cards.get(metric.name).kind !== metric.kind) {
      const made = { ...card(metric, this), kind: metric.kind };
      const old = this.cards.get(metric.name);
      if (old) {
        this.charts.get(metric.name)?.destroy();
        this.charts.delete(metric.name);
        old.root.replaceWith(made.root);
      } else parent.append(made.root);
      this.cards.set(metric.name, made);
      if (made.box) {
        this.charts.set(metric.name, new Chart(metric.name, made.box, this));
        this.watcher.observe(made.root);
      }
    }
    if (metric.kind === "text") textValues(this.cards.get(metric.name).root.querySelector(".values"), metric, this);
  }

  // --- drawing ---------------------------------------------------------------------------------------------------

  draw(name) {
    const chart = this.charts.get(name);
    if (!chart || !this.inView.has(name) || !this.view) return;
    const { root, note, log } = this.cards.get(name);
    const waits = !this.runs.some((run) => this.curves.has(`${name}\u0000${run.id}`));
    root.classList.toggle("waiting", waits);
    if (waits) return;
    const n = chart.update();
    root.dataset.points = String(n);
    root.classList.toggle("void", n === 0);
    log.classList.toggle("on", chart.log);
    note.textContent = chart.note(this.ui.root.classList.contains("bare"));
  }

  redraw() {
    for (const name of this.inView) this.draw(name);
    if (this.hovered) this.showTip();
  }

  label() {
    const { ui, view } = this;
    const active = this.ui.root.getRootNode().activeElement;
    if (active !== ui.search) ui.search.value = view.q;
    ui.axis.value = view.x;
    ui.smooth.value = view.smooth;
    ui.amount.value = view.smooth.toFixed(2);
    for (const [button, on] of [[ui.log, view.log], [ui.clip, view.clip]]) button.setAttribute("aria-pressed", String(on));
    ui.chip.hidden = !view.zoom;
    if (view.zoom) {
      const [low, high] = view.zoom.map((x) => (x === null ? "newest" : place(x, view.x).replace("step ", "")));
      ui.chip.textContent = `${low} – ${high}  ✕`;
    }
    for (const row of ui.rail.querySelectorAll(".run")) row.setAttribute("aria-pressed", String(!view.hide.includes(row.dataset.run)));
  }

  filter() {
    const { q, fold } = this.view;
    let test = (name) => name.toLowerCase().includes(q.toLowerCase());
    try {
      const pattern = new RegExp(q, "i");
      const words = test;
      test = (name) => words(name) || pattern.test(name);
    } catch {
      // Not a regular expression (yet): the words alone decide.
    }
    let any = false;
    for (const [name, { root, count, cards, head }] of this.sections) {
      const all = [...cards.children];
      const hits = all.filter((each) => {
        each.hidden = q !== "" && !test(each.dataset.metric);
        return !each.hidden;
      });
      root.hidden = !hits.length;
      any ||= hits.length > 0;
      count.textContent = hits.length === all.length ? `${all.length}` : `${hits.length} of ${all.length}`;
      const folded = fold.includes(name) && q === "";
      cards.hidden = folded;
      head.setAttribute("aria-expanded", String(!folded));
    }
    this.ui.empty.hidden = any;
    this.ui.empty.textContent = this.metrics.length ? `No metric matches “${q}”.` : "No metrics yet: the first value logged appears here by itself.";
  }

  // --- what the reader does --------------------------------------------------------------------------------------

  /** Change the view; only `fresh` changes need data, all of them reach the address. */
  change(part, fresh = false) {
    Object.assign(this.view, part);
    this.label();
    if ("q" in part || "fold" in part) this.filter();
    else this.redraw();
    this.ask(fresh ? 0 : ASK_AFTER_MS, {}, fresh);
  }

  toggle(name) {
    this.change({ [name]: !this.view[name], ...(name === "log" ? { logs: [] } : {}) });
  }

  toggleLog(name) {
    const { logs } = this.view;
    this.change({ logs: logs.includes(name) ? logs.filter((each) => each !== name) : [...logs, name] });
  }

  fold(name) {
    const { fold } = this.view;
    this.change({ fold: fold.includes(name) ? fold.filter((each) => each !== name) : [...fold, name] });
  }

  hideOrShow(id, alone) {
    const { hide } = this.view;
    const others = this.runs.map((run) => run.id).filter((each) => each !== id);
    if (alone) return this.change({ hide: others.every((each) => hide.includes(each)) && !hide.includes(id) ? [] : others });
    return this.change({ hide: hide.includes(id) ? hide.filter((each) => each !== id) : [...hide, id] });
  }

  setAxis(x) {
    for (const chart of this.charts.values()) chart.destroy();
    this.curves.clear();
    for (const { root, box } of this.cards.values()) root.classList.toggle("waiting", Boolean(box));
    this.change({ x, zoom: null }, true);
  }

  zoomTo(zoom) {
    if (zoom === null && !this.view.zoom) return;
    this.change({ zoom }, true);
  }

  /** Zoom by a factor around the crosshair, or around the middle without one. */
  stretch(factor) {
    const chart = this.hovered?.chart ?? this.charts.get([...this.inView][0]);
    if (!chart?.x) return;
    const [low, high] = chart.x;
    const at = this.hovered?.x ?? (low + high) / 2;
    this.zoomTo([at - (at - low) * factor, at + (high - at) * factor]);
  }

  fullScreen(name) {
    const was = this.view.full;
    this.view.full = was === name ? "" : name;
    for (const [each, { root }] of this.cards) root.classList.toggle("full", each === this.view.full);
    this.ui.root.classList.toggle("covered", Boolean(this.view.full));
    this.inView.add(name);
    requestAnimationFrame(() => this.redraw());
    this.ask(0, {}, true);
  }

  save(name) {
    const link = document.createElement("a");
    Object.assign(link, { href: this.charts.get(name).picture(), download: `${name.replaceAll("/", "_")}.png` });
    link.click();
  }

  light(id) {
    if (this.lit === id) return;
    this.lit = id;
    for (const row of this.ui.rail.querySelectorAll(".run")) row.classList.toggle("lit", row.dataset.run === id);
    for (const name of this.inView) this.charts.get(name)?.plot?.redraw(false, false);
  }

  hover(chart, left, top) {
    // Charts report their cursor after every redraw too: only the one under the pointer has something to say.
    if (this.pointing || left < 0 || !chart.plot?.over.matches(":hover")) return;
    const x = chart.plot.posToVal(left, "x");
    const y = chart.plot.posToVal(top, "y");
    this.hovered = { chart, x };
    this.crosshairs(chart, x);
    this.hovered.run = this.closest(chart, x, y);
    if (this.runs.length > 1) this.light(this.hovered.run);
    this.showTip();
  }

  /** After new data: the pointer has not moved, what lies under it may have. */
  stay() {
    const { chart, x } = this.hovered ?? {};
    if (!chart?.plot) return;
    if (chart.plot.over.matches(":hover")) this.hover(chart, chart.plot.cursor.left, chart.plot.cursor.top);
    else {
      this.crosshairs(null, x);
      this.showTip();
    }
  }

  crosshairs(source, x) {
    this.pointing = true;
    for (const name of this.inView) {
      const chart = this.charts.get(name);
      if (chart && chart !== source && chart.x) chart.point(x);
    }
    this.pointing = false;
  }

  closest(chart, x, y) {
    let best = null;
    for (const row of chart.rows(x)) if (!best || Math.abs(row.y - y) < Math.abs(best.y - y)) best = row;
    return best?.run.id ?? null;
  }

  showTip() {
    const { chart, x, run } = this.hovered;
    const { tip } = this.ui;
    if (!chart.plot || !tooltip(tip, chart, x, run, this)) return tip.classList.remove("on");
    placeTip(tip, chart, x);
  }

  leave() {
    this.hovered = null;
    this.ui.tip.classList.remove("on");
    this.light(null);
    this.crosshairs(null, null);
  }

  chartKey(name, event) {
    const chart = this.charts.get(name);
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.target !== this.cards.get(name).root || !chart?.plot) return;
    if (event.key === "f") this.fullScreen(name);
    else if (move) {
      const step = ((chart.x[1] - chart.x[0]) / 200) * move * (event.shiftKey ? 5 : 1);
      const x = Math.min(chart.x[1], Math.max(chart.x[0], (this.hovered?.x ?? (chart.x[0] + chart.x[1]) / 2) + step));
      this.hovered = { chart, x, run: this.hovered?.run ?? chart.shown()[0]?.[0].id };
      this.crosshairs(null, x);
      this.showTip();
    } else return;
    event.preventDefault();
  }

  key(event) {
    if (event.key !== "Escape") return;
    if (this.view.full) this.fullScreen(this.view.full);
    else this.zoomTo(null);
  }

  pageKey(event) {
    const target = event.composedPath()[0];
    if (!this.ui.root.isConnected || event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.matches?.("input, textarea, select, [contenteditable]")) return;
    if (event.key === "/") {
      event.preventDefault();
      this.ui.search.focus();
    } else if (event.key === "l") this.toggle("log");
    else if (event.key === "+") this.stretch(0.5);
    else if (event.key === "-") this.stretch(2);
  }

  // --- questions to Python ---------------------------------------------------------------------------------------

  scrolled(seen) {
    let lacking = false;
    for (const { target, isIntersecting } of seen) {
      const name = target.dataset.metric;
      if (isIntersecting) this.inView.add(name);
      else if (name !== this.view?.full) this.inView.delete(name);
      if (isIntersecting) this.draw(name);
      lacking ||= isIntersecting && target.classList.contains("waiting");
    }
    if (this.view) this.ask(lacking ? 0 : ASK_AFTER_MS);
  }

  columns() {
    const widest = Math.max(0, ...[...this.inView].map((name) => this.cards.get(name)?.box?.clientWidth ?? 0));
    return Math.min(2000, Math.max(200, Math.ceil(widest)));
  }

  /** Send the view after a pause, or in the next task when data is missing. */
  ask(after, extra = {}, fresh = false) {
    this.extra = { ...this.extra, ...extra };
    if (fresh) {
      this.question = crypto.getRandomValues(new Uint32Array(1))[0];
      this.askedAt = performance.now();
      delete this.ui.root.dataset.roundtrip;
    }
    const soon = after === 0;
    if (this.timer && this.soon && !soon) return;
    clearTimeout(this.timer);
    this.soon = soon;
    this.timer = setTimeout(() => this.send1(), after);
  }

  send1() {
    this.timer = null;
    if (!this.ui.root.isConnected) return;
    const { mount, frame, question = null } = this;
    // Before the first whole frame there is no view: what the address says must not be overwritten by defaults.
    if (!this.view) return this.send({ mount, frame, ...this.extra });
    const charts = this.metrics.map((metric) => metric.name).filter((name) => this.inView.has(name));
    const columns = this.columns();
    this.send({ ...this.view, mount, frame, question, charts, columns, hidden: document.hidden, ...this.extra });
    this.extra = {};
  }
}
