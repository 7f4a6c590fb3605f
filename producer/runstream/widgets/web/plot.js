// One metric's line in SVG: colours come from the page's style sheet, so a change of theme needs no new drawing.
import { number, tick } from "../../../../dashboard/runstream_dashboard/web/numbers.js";
import { el, svg } from "./dom.js";
import { count } from "./words.js";

const HEIGHT = 132;
const LEFT = 46;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 20;
// Below so many points each is worth a dot.
const DOTTED = 30;

/** Least and greatest finite number of some arrays; null if there is none. */
function range(...arrays) {
  let low = Infinity;
  let high = -Infinity;
  for (const values of arrays) {
    for (const value of values) {
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low > high ? null : [low, high];
}

/** The range to draw: never empty, with some room above and below, but none below a floor at zero. */
function padded([low, high]) {
  const pad = (high - low || Math.abs(high) * 0.1 || 1) * 0.06;
  return [low >= 0 && low - pad < 0 ? Math.min(low, 0) : low - pad, high + pad];
}

/** About `count` round places from `low` to `high`. */
function ticks(low, high, count) {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return [low];
  const rough = span / Math.max(1, count);
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((factor) => rough <= factor * unit);
  const first = Math.ceil(low / step);
  const last = Math.floor(high / step);
  return Array.from({ length: Math.min(50, Math.max(0, last - first + 1)) }, (_, i) => (first + i) * step);
}

/** A card with one chart; `update` draws a curve, `resize` the same one at another width. */
export class Plot {
  constructor(name) {
    this.note = el("span", { class: "rs-note" });
    this.picture = svg("svg", { height: HEIGHT, role: "img" });
    this.element = el(
      "figure",
      { class: "rs-card", "data-metric": name },
      el("figcaption", {}, el("span", { class: "rs-name", title: name }, name), this.note),
      this.picture,
    );
    this.picture.addEventListener("pointermove", (event) => this.point(event.offsetX));
    this.picture.addEventListener("pointerleave", () => this.point(null));
  }

  /** Draw this curve unless all of its points are drawn already. */
  update(curve) {
    if (curve.n === this.curve?.n && curve.x.length === this.curve.x.length) return;
    this.curve = curve;
    this.draw();
  }

  resize(width) {
    if (width === this.width || width < 80) return;
    this.width = width;
    this.draw();
  }

  draw() {
    const { curve, width } = this;
    if (!curve || !width) return;
    const marked = curve.marks.map(([x]) => x);
    const y = range(curve.y, curve.low, curve.high);
    this.x = range(curve.x, marked) ?? [0, 1];
    if (this.x[0] === this.x[1]) this.x = [this.x[0] - 0.5, this.x[1] + 0.5];
    this.y = padded(y ?? [0, 1]);
    this.picture.setAttribute("width", width);
    this.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.cross = svg("g", { class: "rs-cross", visibility: "hidden" }, svg("line", { y1: TOP, y2: HEIGHT - BOTTOM }), svg("circle", { r: 3.5 }));
    this.picture.replaceChildren(...this.axes(), ...this.shapes(), this.cross);
    this.picture.setAttribute("aria-label", `${curve.name}: ${count(curve.n, "point")}, last ${number(this.last())}`);
    this.element.dataset.points = curve.n;
    this.point(null);
  }

  px(x) {
    return LEFT + ((x - this.x[0]) / (this.x[1] - this.x[0])) * (this.width - LEFT - RIGHT);
  }

  py(y) {
    return HEIGHT - BOTTOM - ((y - this.y[0]) / (this.y[1] - this.y[0])) * (HEIGHT - TOP - BOTTOM);
  }

  last() {
    const { y } = this.curve;
    for (let i = y.length - 1; i >= 0; i--) if (Number.isFinite(y[i])) return y[i];
    return null;
  }

  axes() {
    const bottom = HEIGHT - BOTTOM;
    const lines = ticks(...this.y, 3).map((at) => [
      svg("line", { class: "rs-grid", x1: LEFT, x2: this.width - RIGHT, y1: this.py(at), y2: this.py(at) }),
      svg("text", { x: LEFT - 6, y: this.py(at) + 3.5, "text-anchor": "end" }, tick(at)),
    ]);
    const labels = ticks(...this.x, Math.max(2, Math.floor(this.width / 70))).map((at) => {
      const x = this.px(at);
      // A label at the very edge would be cut off.
      const anchor = x > this.width - RIGHT - 14 ? "end" : x < LEFT + 6 ? "start" : "middle";
      return svg("text", { x, y: bottom + 14, "text-anchor": anchor }, tick(at));
    });
    return [...lines.flat(), svg("line", { class: "rs-axis", x1: LEFT, x2: this.width - RIGHT, y1: bottom, y2: bottom }), ...labels];
  }

  shapes() {
    const { x, y, low, high, marks } = this.curve;
    const at = (i, values) => `${this.px(x[i]).toFixed(1)} ${this.py(values[i]).toFixed(1)}`;
    let line = "";
    let pen = "M";
    for (let i = 0; i < x.length; i++) {
      if (Number.isFinite(y[i])) line += `${pen}${at(i, y)}`;
      pen = Number.isFinite(y[i]) ? "L" : "M";
    }
    const shapes = [svg("path", { class: "rs-line", d: line })];
    if (low.length) {
      const drawn = [...x.keys()].filter((i) => Number.isFinite(low[i]) && Number.isFinite(high[i]));
      const edge = [...drawn.map((i) => at(i, high)), ...drawn.reverse().map((i) => at(i, low))];
      if (edge.length) shapes.unshift(svg("path", { class: "rs-band", d: `M${edge.join("L")}Z` }));
    }
    const dots = x.length <= DOTTED ? [...x.keys()].filter((i) => Number.isFinite(y[i])) : [];
    shapes.push(...dots.map((i) => svg("circle", { class: "rs-dot", cx: this.px(x[i]), cy: this.py(y[i]), r: x.length === 1 ? 3.5 : 2 })));
    return [...shapes, ...marks.map((mark) => this.mark(...mark))];
  }

  /** A triangle: at the top for +inf, at the bottom for NaN and -inf. */
  mark(x, kind, n) {
    const base = kind === "inf" ? TOP + 8 : HEIGHT - BOTTOM;
    const at = this.px(x);
    return svg("path", { class: "rs-mark", d: `M${at} ${base - 8}L${at - 4} ${base}L${at + 4} ${base}Z` }, svg("title", {}, `${kind} × ${n}`));
  }

  /** Show the value nearest to this pixel beside the name; null: the last one. */
  point(pixel) {
    const { curve } = this;
    if (!curve || !this.cross) return;
    const i = pixel === null ? -1 : this.nearest(pixel);
    this.cross.setAttribute("visibility", i < 0 ? "hidden" : "visible");
    if (i < 0) {
      this.note.textContent = number(this.last());
      return;
    }
    const [px, py] = [this.px(curve.x[i]), this.py(curve.y[i])];
    const [line, circle] = this.cross.children;
    line.setAttribute("x1", px);
    line.setAttribute("x2", px);
    circle.setAttribute("cx", px);
    circle.setAttribute("cy", py);
    this.note.textContent = `${number(curve.y[i])} at ${curve.x_name} ${number(curve.x[i])}`;
  }

  nearest(pixel) {
    const { x, y } = this.curve;
    let best = -1;
    for (let i = 0; i < x.length; i++) {
      if (!Number.isFinite(y[i])) continue;
      if (best < 0 || Math.abs(this.px(x[i]) - pixel) < Math.abs(this.px(x[best]) - pixel)) best = i;
    }
    return best;
  }
}
