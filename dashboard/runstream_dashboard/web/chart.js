// One chart: uPlot keeps axes, cursor, zoom selection and size; the curves are painted here, because every run has
// its own x, a band, a smoothed line and marks for what is not finite.
import uPlot from "./vendor/uPlot.esm.js";
import { nearest, rangeOf, smoothed, windowOf } from "./curve.js";
import { number, tick } from "./numbers.js";
import { elapsed } from "./places.js";

const LINE_PX = 1.6;
const LIT_PX = 2.6;
const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];
// Below so many points per curve each is worth a dot.
const DOTTED = 40;

export class Chart {
  /** `grid` gives curves, runs, view, theme and takes hover and zoom; `box` is the element to draw in. */
  constructor(name, box, grid) {
    this.name = name;
    this.box = box;
    this.grid = grid;
    this.plot = null;
  }

  /** [run, curve] of every run that is shown and has points here. */
  shown() {
    const { runs, view } = this.grid;
    return runs
      .filter((run) => !view.hide.includes(run.id))
      .map((run) => [run, this.grid.curves.get(`${this.name}\u0000${run.id}`)])
      .filter(([, curve]) => curve && (curve.x.length || curve.nonfinite.length));
  }

  get log() {
    const { view } = this.grid;
    return view.log !== view.logs.includes(this.name);
  }

  extent() {
    let low = Infinity;
    let high = -Infinity;
    for (const [, { x, nonfinite }] of this.shown()) {
      if (x.length) [low, high] = [Math.min(low, x[0]), Math.max(high, x[x.length - 1])];
      for (const [at] of nonfinite) [low, high] = [Math.min(low, at), Math.max(high, at)];
    }
    return low > high ? null : [low, high];
  }

  /** Work out both ranges from what will be drawn; false = nothing to draw. */
  measure() {
    const extent = this.extent();
    const zoom = this.grid.view.zoom;
    if (!extent && !zoom) return false;
    let [low, high] = extent ?? zoom;
    if (zoom) [low, high] = [zoom[0], zoom[1] ?? Math.max(high, zoom[0])];
    if (low === high) [low, high] = [low - 0.5, high + 0.5];
    this.x = [low, high];
    const pieces = this.shown().map(([, curve]) => [curve, ...windowOf(curve.x, low, high)]);
    const range = rangeOf(pieces, this.grid.view.clip, this.log);
    this.range = range;
    let [bottom, top] = range ? [range.low, range.high] : [0.1, 1];
    // A logarithmic axis has no end below: thirty decades are all that an axis can label.
    if (this.log) [bottom, top] = [Math.max(bottom, top * 1e-30) / 1.15, top * 1.15];
    else {
      const pad = (top - bottom || Math.abs(top) * 0.1 || 1) * 0.06;
      // A quantity that starts at zero keeps its floor: no empty strip below it.
      [bottom, top] = [bottom >= 0 && bottom - pad < 0 ? Math.min(bottom, 0) : bottom - pad, top + pad];
    }
    this.y = [bottom, top];
    return true;
  }

  /** Draw what the grid holds now; zoom, cursor and canvas stay. */
  update() {
    if (!this.measure()) return 0;
    const style = `${this.log}|${this.grid.view.x}|${this.grid.theme.dark}`;
    if (this.plot && this.style !== style) this.destroy();
    this.style = style;
    const data = [this.x, this.y];
    if (!this.plot) this.plot = new uPlot(this.options(), data, this.box);
    else {
      this.resize();
      this.plot.setData(data);
    }
    return this.shown().reduce((n, [, curve]) => n + curve.x.length, 0);
  }

  /** What the card's head says beside the name; `bare` charts always tell their last value. */
  note(bare) {
    const notes = [];
    const shown = this.shown();
    const marks = shown.reduce((n, [, curve]) => n + curve.nonfinite.reduce((sum, [, , count]) => sum + count, 0), 0);
    if (marks) notes.push(`${marks.toLocaleString("en-US")} NaN/inf`);
    if (this.range && this.range.cutHigh !== null) notes.push(`max ${number(this.range.cutHigh)} ↑`);
    if (this.range && this.range.cutLow !== null) notes.push(`min ${number(this.range.cutLow)} ↓`);
    const only = this.grid.runs.length === 1 ? shown[0]?.[1] : null;
    if ((bare || !notes.length) && only?.y.length) notes.push(number(only.y[only.y.length - 1]));
    return notes.join(" · ");
  }

  /** The chart in words, for those who do not see it: nothing of what was logged is left out silently. */
  told() {
    const shown = this.shown();
    const sum = (of) => shown.reduce((n, [, curve]) => n + of(curve), 0).toLocaleString("en-US");
    const drawn = shown.some(([, curve]) => curve.band) ? `, drawn in ${sum((curve) => curve.x.length)} columns` : "";
    return `${this.name}: ${shown.length} curve${shown.length === 1 ? "" : "s"}, ${sum((curve) => curve.n)} points${drawn}`;
  }

  resize() {
    const { width, height } = this.size();
    if (width !== this.plot.width || height !== this.plot.height) this.plot.setSize({ width, height });
  }

  size() {
    return { width: Math.max(80, this.box.clientWidth), height: Math.max(80, this.box.clientHeight) };
  }

  destroy() {
    this.plot?.destroy();
    this.plot = null;
  }

  options() {
    const { theme, view } = this.grid;
    const font = `11px ${theme.font}`;
    const axis = { stroke: theme.muted, font, grid: { stroke: theme.line, width: 1 }, ticks: { show: false } };
    const time = view.x === "time";
    const label = view.x === "relative" ? elapsed : tick;
    return {
      ...this.size(),
      padding: [10, 12, 0, 0],
      legend: { show: false },
      scales: {
        x: { time, range: () => this.x },
        y: { distr: this.log ? 3 : 1, range: () => this.y },
      },
      axes: [
        { ...axis, size: 26, gap: 4, space: time ? 64 : 44, ...(time ? {} : { values: (_, splits) => splits.map(label) }) },
        { ...axis, size: 50, gap: 6, space: 28, values: (_, splits) => splits.map((v) => (v === null ? "" : tick(v))) },
      ],
      series: [{}, { paths: () => null, points: { show: false } }],
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false, dist: 4 },
        bind: {
          dblclick: () => () => this.grid.zoom.to(null),
          mousedown: (_, __, open) => (event) => (event.shiftKey ? this.grid.zoom.pan(this, event) : open(event)),
        },
      },
      hooks: {
        // uPlot draws in a microtask, by which a chart may have been destroyed.
        draw: [() => this.plot && this.paint()],
        setCursor: [(u) => this.grid.pointer.hover(this, u.cursor.left, u.cursor.top)],
        setSelect: [(u) => this.select(u)],
      },
    };
  }

  select(u) {
    const { left, width } = u.select;
    if (width < 4) return;
    const [low, high] = [u.posToVal(left, "x"), u.posToVal(left + width, "x")];
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.grid.zoom.select(this, low, high);
  }

  /** Put the crosshair at x without telling the grid; null takes it away. */
  point(x) {
    if (!this.plot) return;
    const left = x === null || x < this.x[0] || x > this.x[1] ? -10 : this.plot.valToPos(x, "x");
    this.plot.setCursor({ left, top: left < 0 ? -10 : 1 }, false);
  }

  /** The rows of a tooltip at x: nearest point of each run inside the range, greatest value first. */
  rows(x) {
    const rows = [];
    // A run that ended long before x, or begins long after it, has nothing to say there.
    const reach = (this.x[1] - this.x[0]) / 20;
    for (const [run, curve] of this.shown()) {
      const i = nearest(curve.x, x);
      const within = x >= curve.x[0] && x <= curve.x[curve.x.length - 1];
      if (i < 0 || (!within && Math.abs(curve.x[i] - x) > Math.max(reach, curve.width))) continue;
      const y = this.line(curve)[i];
      rows.push({ run, x: curve.x[i], y, low: curve.low[i], high: curve.high[i], band: curve.band });
    }
    return rows.sort((a, b) => (b.y > a.y ? 1 : b.y < a.y ? -1 : 0));
  }

  line(curve) {
    const { smooth } = this.grid.view;
    return smooth > 0 && curve.x.length > 2 ? smoothed(curve, smooth, this.x[1] - this.x[0]) : curve.y;
  }

  projector() {
    const { bbox } = this.plot;
    const [x0, x1] = this.x;
    const flat = this.log ? (v) => Math.log10(v > 0 ? v : Number.MIN_VALUE) : (v) => v;
    const [y0, y1] = this.y.map(flat);
    return [
      (x) => bbox.left + ((x - x0) / (x1 - x0)) * bbox.width,
      (y) => bbox.top + bbox.height - ((flat(y) - y0) / (y1 - y0)) * bbox.height,
    ];
  }

  paint() {
    const { ctx, bbox } = this.plot;
    const { lit } = this.grid.pointer;
    const shown = this.shown().sort(([a], [b]) => (a.id === lit) - (b.id === lit));
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top - 2, bbox.width + 2, bbox.height + 4);
    ctx.clip();
    ctx.lineJoin = "round";
    for (const [run, curve] of shown) this.paintCurve(ctx, run, curve, lit && lit !== run.id, lit === run.id);
    ctx.restore();
  }

  paintCurve(ctx, run, curve, faded, lit) {
    const { theme, view } = this.grid;
    const [px, py] = this.projector();
    const [from, to] = windowOf(curve.x, ...this.x);
    const alpha = faded ? theme.fade : 1;
    ctx.strokeStyle = ctx.fillStyle = theme.colour(run);
    if (curve.band && !faded) this.paintBand(ctx, curve, px, py, from, to, theme.band);
    const smooth = view.smooth > 0 && curve.x.length > 2;
    ctx.setLineDash(DASHES[run.dash % DASHES.length].map((n) => n * devicePixelRatio));
    ctx.lineWidth = (lit ? LIT_PX : LINE_PX) * devicePixelRatio;
    if (smooth && !faded) {
      ctx.globalAlpha = theme.raw;
      this.paintLine(ctx, curve.x, curve.y, px, py, from, to);
    }
    ctx.globalAlpha = alpha;
    this.paintLine(ctx, curve.x, this.line(curve), px, py, from, to);
    ctx.setLineDash([]);
    if (to - from <= DOTTED) this.paintDots(ctx, curve, px, py, from, to, lit);
    this.paintMarks(ctx, curve.nonfinite, px);
    ctx.globalAlpha = 1;
  }

  paintBand(ctx, curve, px, py, from, to, alpha) {
    ctx.globalAlpha = alpha;
    ctx.beginPath();
    for (let i = from; i < to; i++) ctx.lineTo(px(curve.x[i]), py(curve.high[i]));
    for (let i = to - 1; i >= from; i--) ctx.lineTo(px(curve.x[i]), py(curve.low[i]));
    ctx.fill();
  }

  paintLine(ctx, x, y, px, py, from, to) {
    ctx.beginPath();
    let pen = false;
    for (let i = from; i < to; i++) {
      const drawable = Number.isFinite(y[i]) && !(this.log && y[i] <= 0);
      if (drawable && pen) ctx.lineTo(px(x[i]), py(y[i]));
      else if (drawable) ctx.moveTo(px(x[i]), py(y[i]));
      pen = drawable;
    }
    ctx.stroke();
  }

  paintDots(ctx, curve, px, py, from, to, lit) {
    const y = this.line(curve);
    const radius = (to - from === 1 ? 4 : lit ? 3 : 2) * devicePixelRatio;
    for (let i = from; i < to; i++) {
      if (!Number.isFinite(y[i]) || (this.log && y[i] <= 0)) continue;
      ctx.beginPath();
      ctx.arc(px(curve.x[i]), py(y[i]), radius, 0, 2 * Math.PI);
      ctx.fill();
    }
  }

  /** Triangles: at the top for +inf, at the bottom for NaN and -inf. */
  paintMarks(ctx, nonfinite, px) {
    const { bbox } = this.plot;
    const size = 5 * devicePixelRatio;
    for (const [x, kind] of nonfinite) {
      const up = kind === "inf";
      const base = up ? bbox.top + 2 * size : bbox.top + bbox.height;
      ctx.beginPath();
      ctx.moveTo(px(x), base - 2 * size);
      ctx.lineTo(px(x) - size, base);
      ctx.lineTo(px(x) + size, base);
      ctx.fill();
    }
  }

  /** The chart as a PNG with its name and the page's background. */
  picture() {
    const source = this.plot.ctx.canvas;
    const head = 34 * devicePixelRatio;
    const canvas = Object.assign(document.createElement("canvas"), { width: source.width, height: source.height + head });
    const ctx = canvas.getContext("2d");
    ctx.fillStyle = this.grid.theme.background;
    ctx.fillRect(0, 0, canvas.width, canvas.height);
    ctx.fillStyle = this.grid.theme.text;
    ctx.font = `600 ${14 * devicePixelRatio}px ${this.grid.theme.font}`;
    ctx.fillText(this.name, 12 * devicePixelRatio, 23 * devicePixelRatio);
    ctx.drawImage(source, 0, head);
    return canvas.toDataURL("image/png");
  }
}
