// The numbers behind one chart, as a table that keys and screen readers reach, and as CSV.
import { windowOf } from "./curve.js";
import { axisName, h } from "./layout.js";
import { number } from "./numbers.js";
import { spot } from "./places.js";

// More rows than anybody reads; the CSV holds all.
const SHOWN_ROWS = 1000;

export class Table {
  constructor(grid) {
    this.grid = grid;
    this.note = h("span.note");
    this.title = h("h3");
    this.body = h("div.rows", { tabIndex: 0 });
    this.out = h("button.toggle", { type: "button", "data-testid": "rs-csv", onclick: () => this.save() }, "Download CSV");
    this.done = h("button.toggle", { type: "button", title: "Close ( Esc )", onclick: () => this.close() }, "Close");
    this.root = h("div.sheet", { role: "dialog", "data-testid": "rs-table", hidden: true },
      h("header", {}, this.title, this.note, this.out, this.done), this.body);
    grid.ui.root.append(this.root);
  }

  open(name) {
    this.grid.change({ table: name });
    this.done.focus();
  }

  close() {
    const name = this.grid.view.table;
    this.grid.change({ table: "" });
    this.grid.cards.get(name)?.root.focus();
  }

  /** [run, x, value, least, greatest] of every curve that the chart shows, inside its range. */
  rows() {
    const chart = this.grid.charts.get(this.grid.view.table);
    if (!chart?.x) return [];
    return chart.shown().flatMap(([run, curve]) => {
      const [from, to] = windowOf(curve.x, ...chart.x);
      const rows = [];
      for (let i = from; i < to; i++) {
        if (curve.x[i] < chart.x[0] || curve.x[i] > chart.x[1]) continue;
        rows.push([run.name, curve.x[i], curve.y[i], curve.low[i], curve.high[i]]);
      }
      return rows;
    });
  }

  banded() {
    return this.grid.charts.get(this.grid.view.table)?.shown().some(([, curve]) => curve.band) ?? false;
  }

  heads() {
    return ["run", axisName(this.grid.view.x), "value", ...(this.banded() ? ["least", "greatest"] : [])];
  }

  /** Show what the chart holds now; the place to which a reader has scrolled stays. */
  update() {
    const name = this.grid.view.table;
    this.root.hidden = !name;
    if (!name) return;
    const rows = this.rows();
    const heads = this.heads();
    this.title.textContent = name;
    this.root.setAttribute("aria-label", `Values of ${name}`);
    this.note.textContent = rows.length > SHOWN_ROWS
      ? `the first ${SHOWN_ROWS.toLocaleString("en-US")} of ${rows.length.toLocaleString("en-US")} rows; the CSV holds all`
      : `${rows.length.toLocaleString("en-US")} row${rows.length === 1 ? "" : "s"}`;
    const cells = ([run, x, ...values]) => [run, spot(x, this.grid.view.x), ...values.slice(0, heads.length - 2).map(number)];
    const line = (row) => h("tr", {}, ...cells(row).map((text, i) => (i ? h("td", {}, text) : h("th", { scope: "row" }, text))));
    const top = this.body.scrollTop;
    this.body.replaceChildren(h("table", {},
      h("thead", {}, h("tr", {}, ...heads.map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, ...rows.slice(0, SHOWN_ROWS).map(line))));
    this.body.scrollTop = top;
    this.root.dataset.rows = String(rows.length);
  }

  csv() {
    const n = this.heads().length;
    const quoted = (value) => (typeof value === "string" ? `"${value.replaceAll('"', '""')}"` : String(value));
    return [this.heads(), ...this.rows().map((row) => row.slice(0, n))].map((row) => row.map(quoted).join(",")).join("\r\n");
  }

  save() {
    const url = URL.createObjectURL(new Blob([this.csv(), "\r\n"], { type: "text/csv" }));
    h("a", { href: url, download: `${this.grid.view.table.replaceAll("/", "_")}.csv` }).click();
    URL.revokeObjectURL(url);
  }
}
