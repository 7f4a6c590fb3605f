// The one range of all charts: dragged open, stretched, pushed along, reset. `view.zoom` is [low, high], high null =
// up to the newest point, or null for the whole range.

// A range that ends within this share of the newest point touches it, and follows it from then on.
const TOUCHES = 0.005;

export class Zoom {
  constructor(grid) {
    this.grid = grid;
  }

  /** Show this range in every chart and ask for its exact points; null shows everything. */
  to(zoom) {
    if (zoom === null && !this.grid.view.zoom) return;
    this.grid.change({ zoom }, true);
  }

  /** Show what was dragged open in a chart. */
  select(chart, low, high) {
    const [first, newest] = chart.x;
    this.to([low, high >= newest - (newest - first) * TOUCHES ? null : high]);
  }

  /** Zoom by a factor around the crosshair, or around the middle without one. */
  stretch(factor) {
    const { pointer, charts, inView } = this.grid;
    const chart = pointer.at?.chart ?? charts.get([...inView].find((name) => charts.get(name)?.x));
    if (!chart?.x) return;
    const [low, high] = chart.x;
    const at = pointer.at?.x ?? (low + high) / 2;
    this.to([at - (at - low) * factor, at + (high - at) * factor]);
  }

  /** Push the range along with the pointer until its button is let go; the charts follow at once, data comes after. */
  pan(chart, event) {
    const { grid } = this;
    const [low, high] = chart.x;
    const start = event.clientX;
    const perPixel = (high - low) / chart.plot.over.clientWidth;
    let zoom = null;
    const move = ({ clientX }) => {
      const by = (start - clientX) * perPixel;
      zoom = [low + by, high + by];
      grid.view.zoom = zoom;
      grid.label();
      grid.redraw();
    };
    const end = () => {
      document.removeEventListener("pointermove", move);
      document.removeEventListener("pointerup", end);
      grid.ui.root.classList.remove("pans");
      if (zoom) this.to(zoom);
    };
    document.addEventListener("pointermove", move);
    document.addEventListener("pointerup", end);
    grid.ui.root.classList.add("pans");
  }
}
