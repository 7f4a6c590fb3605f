// The live chart grid: takes frames from Python, keeps what the reader does, asks Python only for data.
// Streamlit calls the default export again for every frame, with the same parent element.
import { Chart } from "./chart.js";
import { decode, merge } from "./frame.js";
import { listen } from "./keys.js";
import { axisOptions, card, groupOptions, railRows, section, sectionsOf, skeleton } from "./layout.js";
import { spot } from "./places.js";
import { Pointer } from "./pointer.js";
import { Questions } from "./questions.js";
import { Table } from "./table.js";
import { readTheme } from "./theme.js";
import { fill } from "./values.js";
import { Zoom } from "./zoom.js";

const styles = await Promise.all(["./vendor/uPlot.min.css", "./grid.css"].map(async (name) => {
  const sheet = new CSSStyleSheet();
  return sheet.replace(await (await fetch(new URL(name, import.meta.url))).text());
}));

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
    this.frame = 0;
    this.runs = [];
    this.metrics = [];
    this.groups = [];
    this.curves = new Map();
    this.charts = new Map();
    this.cards = new Map();
    this.sections = new Map();
    this.inView = new Set();
    this.questions = new Questions(this);
    this.pointer = new Pointer(this);
    this.zoom = new Zoom(this);
    this.ui = skeleton(this);
    this.table = new Table(this);
    const root = parent.getRootNode();
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, ...styles];
    parent.append(this.ui.root);
    this.watcher = new IntersectionObserver((seen) => this.scrolled(seen), { rootMargin: "240px 0px" });
    this.sizes = new ResizeObserver(() => requestAnimationFrame(() => this.redraw()));
    this.sizes.observe(this.ui.sections);
    this.ui.sections.addEventListener("pointerleave", () => this.pointer.leave());
    document.addEventListener("visibilitychange", () => this.questions.now());
    listen(this);
  }

  // --- frames in -------------------------------------------------------------------------------------------------

  take(data) {
    const header = decode(data);
    if (header.frame === this.frame) return;
    if (header.base !== 0 && header.base !== this.frame) return this.questions.now({ resync: header.frame });
    const first = !this.view;
    if (first) this.view = header.view;
    this.readTheme();
    if ("rail" in header) this.ui.root.classList.toggle("single", !header.rail);
    if ("bare" in header) this.ui.root.classList.toggle("bare", header.bare);
    this.palette = header.palette ?? this.palette;
    if (header.base === 0) this.curves.clear();
    // Curves over another axis or of other groups: asked for before the reader chose anew.
    if (header.sight !== this.sight()) header.curves = [];
    const changed = merge(header, this.curves);
    if (changed === null) return this.questions.now({ resync: header.frame });
    this.frame = header.frame;
    if (header.groups) this.setGroups(header.groups);
    if (header.runs) this.setRuns(header.runs);
    if (header.charts) this.setMetrics(header.charts, first);
    for (const name of header.base === 0 ? this.inView : changed) this.draw(name);
    this.questions.answered(header.answers);
    this.label();
    if (changed.has(this.view.table) || header.base === 0) this.table.update();
    Object.assign(this.ui.root.dataset, { version: String(this.frame), commit: String(header.version), ready: "1" });
    // uPlot draws in a microtask; after it the pointer may stand over another x.
    requestAnimationFrame(() => this.pointer.stay());
    if (first) this.start();
  }

  /** After the first frame: open what the address says is open, and tell which charts are looked at. */
  start() {
    this.showFull();
    this.questions.now();
  }

  /** What the curves depend on beside their runs and range; Python names the same. */
  sight() {
    return `${this.view.x}|${this.view.group}|${this.view.band}`;
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

  setGroups(groups) {
    this.groups = groups;
    this.ui.group.replaceChildren(...groupOptions(groups, this.view.group));
  }

  setRuns(runs) {
    this.runs = runs;
    this.ui.rail.replaceChildren(...railRows(this));
  }

  setMetrics(metrics, first) {
    this.metrics = metrics;
    this.ui.axis.replaceChildren(...axisOptions(metrics, this.view.x));
    const names = sectionsOf(metrics);
    const order = [...names.keys()];
    if (first && metrics.length > FOLD_ABOVE && !this.view.fold.length) this.view.fold = order.slice(OPEN_SECTIONS);
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
    if (metric.kind === "text") this.fill(metric);
  }

  fill(metric) {
    fill(this.cards.get(metric.name).root.querySelector(".values"), metric, this);
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
    root.setAttribute("aria-label", chart.told());
    note.textContent = chart.note(this.ui.root.classList.contains("bare"));
  }

  redraw() {
    for (const name of this.inView) this.draw(name);
    if (this.pointer.at) this.pointer.showTip();
    if (this.view) this.table.update();
  }

  label() {
    const { ui, view } = this;
    const active = this.ui.root.getRootNode().activeElement;
    if (active !== ui.search) ui.search.value = view.q;
    ui.axis.value = view.x;
    ui.group.value = view.group;
    ui.groupField.hidden = this.groups.length === 0 && view.group === "";
    ui.band.hidden = view.group === "";
    ui.band.value = view.band;
    ui.smooth.value = view.smooth;
    ui.amount.value = view.smooth.toFixed(2);
    for (const name of ["log", "clip", "large"]) ui[name].setAttribute("aria-pressed", String(view[name]));
    ui.runs.setAttribute("aria-pressed", String(view.rail));
    ui.root.classList.toggle("railless", !view.rail);
    ui.root.classList.toggle("large", view.large);
    // Two points have nothing between them to smooth.
    ui.smooth.disabled = this.curves.size > 0 && ![...this.curves.values()].some(({ x }) => x.length > 2);
    ui.chip.hidden = !view.zoom;
    if (view.zoom) {
      const [low, high] = view.zoom.map((x) => (x === null ? "newest" : spot(x, view.x)));
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
    if ("hide" in part) for (const metric of this.metrics) if (metric.kind === "text") this.fill(metric);
    if ("q" in part || "fold" in part) this.filter();
    else this.redraw();
    if (fresh) this.questions.measured();
    else this.questions.later();
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

  /** Show other curves: over another axis, or of other groups. What is held says nothing about them. */
  reshape(part) {
    this.pointer.leave();
    for (const chart of this.charts.values()) chart.destroy();
    this.curves.clear();
    for (const { root, box } of this.cards.values()) {
      root.classList.toggle("waiting", Boolean(box));
      if (box) delete root.dataset.points;
    }
    this.questions.now({ resync: this.frame });
    this.change(part, true);
  }

  fullScreen(name) {
    this.view.full = this.view.full === name ? "" : name;
    this.showFull();
    this.questions.measured();
  }

  showFull() {
    const { full } = this.view;
    for (const [each, { root }] of this.cards) root.classList.toggle("full", each === full);
    this.ui.root.classList.toggle("covered", Boolean(full));
    for (const name of [full, this.view.table]) if (this.charts.has(name)) this.inView.add(name);
    requestAnimationFrame(() => this.redraw());
  }

  save(name) {
    const link = document.createElement("a");
    Object.assign(link, { href: this.charts.get(name).picture(), download: `${name.replaceAll("/", "_")}.png` });
    link.click();
  }

  scrolled(seen) {
    let lacking = false;
    const kept = [this.view?.full, this.view?.table];
    for (const { target, isIntersecting } of seen) {
      const name = target.dataset.metric;
      if (isIntersecting) this.inView.add(name);
      else if (!kept.includes(name)) this.inView.delete(name);
      if (isIntersecting) this.draw(name);
      lacking ||= isIntersecting && target.classList.contains("waiting");
    }
    if (!this.view) return;
    if (lacking) this.questions.now();
    else this.questions.later();
  }
}
