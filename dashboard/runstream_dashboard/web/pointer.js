// Where the reader points: one crosshair through all charts, the nearest curve lit, the tooltip that stays over ticks.
import { placeTip, tooltip } from "./layout.js";

export class Pointer {
  constructor(grid) {
    this.grid = grid;
    this.lit = null;
    this.at = null;
  }

  /** Light up one run in the rail and in every chart; null lights up none. */
  light(id) {
    if (this.lit === id) return;
    this.lit = id;
    const { ui, inView, charts } = this.grid;
    for (const row of ui.rail.querySelectorAll(".run")) row.classList.toggle("lit", row.dataset.run === id);
    for (const name of inView) charts.get(name)?.plot?.redraw(false, false);
  }

  hover(chart, left, top) {
    // Charts report their cursor after every redraw too: only the one under the pointer has something to say.
    if (this.pointing || left < 0 || !chart.plot?.over.matches(":hover")) return;
    const x = chart.plot.posToVal(left, "x");
    this.at = { chart, x, run: this.closest(chart, x, chart.plot.posToVal(top, "y")) };
    this.crosshairs(chart, x);
    if (this.grid.runs.length > 1) this.light(this.at.run);
    this.showTip();
  }

  /** After new data: the pointer has not moved, what lies under it may have. */
  stay() {
    const { chart, x } = this.at ?? {};
    if (!chart?.plot) return;
    if (chart.plot.over.matches(":hover")) this.hover(chart, chart.plot.cursor.left, chart.plot.cursor.top);
    else {
      this.crosshairs(null, x);
      this.showTip();
    }
  }

  /** Move the crosshair of a chart by so many hundredths of its width, as the arrow keys do. */
  step(chart, hundredths) {
    const [low, high] = chart.x;
    const from = this.at?.x ?? (low + high) / 2;
    const x = Math.min(high, Math.max(low, from + ((high - low) / 100) * hundredths));
    this.at = { chart, x, run: this.at?.run ?? chart.shown()[0]?.[0].id };
    this.crosshairs(null, x);
    this.showTip();
  }

  crosshairs(source, x) {
    this.pointing = true;
    for (const name of this.grid.inView) {
      const chart = this.grid.charts.get(name);
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
    const { chart, x, run } = this.at;
    const { tip } = this.grid.ui;
    if (!chart.plot || !tooltip(tip, chart, x, run, this.grid)) return tip.classList.remove("on");
    placeTip(tip, chart, x);
  }

  leave() {
    this.at = null;
    this.grid.ui.tip.classList.remove("on");
    this.light(null);
    this.crosshairs(null, null);
  }
}
