// The parts of the widget: each takes what the kernel has sent and fills its element.
import { number } from "../../../../dashboard/runstream_dashboard/web/numbers.js";
import { el, link, table } from "./dom.js";
import { Plot } from "./plot.js";
import { count, duration, moment } from "./words.js";

const FIRST_CARDS = 12;
// Colours and cursor movements of a terminal, and what else would not be seen.
const ESCAPES = /\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])|[\x00-\x08\x0b-\x1f\x7f]/g;

/** The run's status as a badge. */
export function badge(status) {
  return el("span", { class: "rs-state", "data-status": status ?? "" }, status ?? "…");
}

/** Name, experiment, links. */
export function heading(run) {
  const place = run.experiment ? `${run.experiment} · run ${run.number}` : "";
  return [
    badge(run.status),
    el("span", { class: "rs-title", title: run.id }, run.name ?? run.id),
    el("span", { class: "rs-where" }, place),
    run.url ? link(run.url, "Run page ↗", { class: "rs-out" }) : null,
  ].filter(Boolean);
}

/** How far the run is, in words. */
export function progress(run, now) {
  if (now.n_points === undefined) return [];
  const parts = [count(now.n_points, "point"), duration(now.duration_s)];
  if (run.is_over) parts.push(`ended ${moment(run.ended_s ?? now.seen_s)}`);
  else parts.push(now.silent_s < 2 ? "seen just now" : `last seen ${duration(now.silent_s)} ago`);
  const lost = now.n_lost ? el("strong", {}, `${count(now.n_lost, "point")} could not be kept`) : null;
  return [...parts.map((text) => el("span", {}, text)), lost].filter(Boolean);
}

/** What ended a run that failed. */
export function failure(error) {
  if (!error) return [];
  const what = [error.type, error.message].filter(Boolean).join(": ") || error.code || "failed";
  const trace = error.traceback && el("details", {}, el("summary", {}, "Traceback"), el("pre", {}, error.traceback));
  return [el("p", {}, what), trace].filter(Boolean);
}

/** Cards of curves above the metrics that are one value. */
export class Metrics {
  constructor() {
    this.plots = new Map();
    this.cards = el("div", { class: "rs-cards" });
    this.values = el("dl", { class: "rs-values" });
    this.more = el("button", { class: "rs-more", type: "button", onclick: () => this.showAll() });
    this.rest = el("p", { class: "rs-faint" });
    this.element = el("div", {}, this.values, this.cards, this.more, this.rest);
    this.all = false;
    this.curves = new Map();
  }

  showAll() {
    this.all = true;
    this.draw();
  }

  update(curves, values, nMore) {
    this.curves = curves;
    this.values.replaceChildren(
      ...values.map(({ name, value, n }) =>
        el("div", { "data-value": name }, el("dt", { title: name }, name), el("dd", { title: value }, value, n > 1 ? el("small", {}, ` × ${n}`) : "")),
      ),
    );
    const empty = !curves.size && !values.length;
    this.rest.textContent = empty ? "No metrics yet." : nMore ? `${count(nMore, "more metric")} on the run page.` : "";
    this.draw();
  }

  draw() {
    const names = [...this.curves.keys()].slice(0, this.all ? undefined : FIRST_CARDS);
    for (const [name, plot] of this.plots) {
      if (names.includes(name)) continue;
      plot.element.remove();
      this.plots.delete(name);
    }
    for (const name of names) {
      if (!this.plots.has(name)) this.plots.set(name, new Plot(name));
      const plot = this.plots.get(name);
      if (!plot.element.isConnected) this.cards.append(plot.element);
      plot.update(this.curves.get(name));
    }
    const hidden = this.curves.size - names.length;
    this.more.hidden = hidden === 0;
    this.more.textContent = `Show ${count(hidden, "more chart")}`;
    this.resize();
  }

  resize() {
    // Read all widths before any chart is drawn: one layout, not one a chart.
    const widths = [...this.plots.values()].map((plot) => [plot, plot.element.clientWidth]);
    for (const [plot, width] of widths) plot.resize(width);
  }
}

/** Pictures, newest first; their bytes become addresses that are given back when they go. */
export class Pictures {
  constructor() {
    this.urls = new Map();
    this.element = el("div", { class: "rs-pictures" });
  }

  update({ rows = [], n_more: nMore = 0 }, bytesOf) {
    const shown = rows.map((row) => {
      const name = row.metric || row.path;
      const bytes = bytesOf(row.slot);
      const image =
        bytes?.byteLength && !row.trouble
          ? el("img", { src: this.url(row, bytes), alt: name, loading: "lazy" })
          : el("p", { class: "rs-faint" }, `${row.path}: ${row.trouble || "on its way"}`);
      return el("figure", { "data-path": row.path }, image, el("figcaption", { title: row.path }, name, el("small", {}, moment(row.logged_at_s))));
    });
    const rest = nMore ? el("p", { class: "rs-faint" }, `${count(nMore, "older picture")} on the run page.`) : "";
    this.element.replaceChildren(...shown, rest);
    const slots = new Set(rows.map((row) => row.slot));
    for (const slot of [...this.urls.keys()].filter((slot) => !slots.has(slot))) this.free(slot);
  }

  url(row, bytes) {
    const known = this.urls.get(row.slot);
    if (known?.bytes === bytes) return known.url;
    this.free(row.slot);
    const url = URL.createObjectURL(new Blob([bytes], { type: row.content_type }));
    this.urls.set(row.slot, { bytes, url });
    return url;
  }

  free(slot) {
    if (this.urls.has(slot)) URL.revokeObjectURL(this.urls.get(slot).url);
    this.urls.delete(slot);
  }

  close() {
    for (const slot of [...this.urls.keys()]) this.free(slot);
  }
}

/** One stream's newest lines; a reader who has scrolled up stays there. */
export class Logs {
  constructor() {
    this.choice = el("select", { "aria-label": "Log", onchange: () => this.draw() });
    this.note = el("span", { class: "rs-faint" });
    this.text = el("pre", { class: "rs-log", tabindex: "0" });
    this.element = el("div", {}, el("div", { class: "rs-bar" }, this.choice, this.note), this.text);
    this.lines = new Map();
  }

  update(lines) {
    this.lines = lines;
    const names = [...lines.keys()];
    const known = [...this.choice.options].map((option) => option.value);
    if (names.join("\n") !== known.join("\n")) {
      const chosen = this.choice.value;
      this.choice.replaceChildren(...names.map((name) => el("option", { value: name }, name)));
      if (names.includes(chosen)) this.choice.value = chosen;
    }
    this.draw();
  }

  draw() {
    const stream = this.lines.get(this.choice.value);
    this.choice.hidden = !stream;
    const text = stream ? stream.lines.join("\n").replace(ESCAPES, "") : "";
    if (this.text.textContent !== text) {
      const atEnd = this.text.scrollHeight - this.text.scrollTop - this.text.clientHeight < 24;
      this.text.textContent = text;
      if (atEnd) this.toEnd();
    }
    const cut = stream && stream.n_lines > stream.lines.length;
    this.note.textContent = !stream ? "" : cut ? `the last ${stream.lines.length} of ${count(stream.n_lines, "line")}` : count(stream.n_lines, "line");
  }

  toEnd() {
    this.text.scrollTop = this.text.scrollHeight;
  }
}

/** Tags, properties, and where the run comes from. */
export function details(run, labels) {
  const facts = [
    ["Id", run.id],
    ["Workspace", run.workspace],
    ["Type", run.type],
    ["Description", run.description],
    ["Created", moment(run.created_s)],
    ["Ended", run.ended_s ? moment(run.ended_s) : null],
    ["By", [run.user, run.host].filter(Boolean).join(" on ")],
    ["Parent", run.parent],
  ].filter(([, value]) => value);
  const block = (title, rows) => (rows?.length ? [el("h4", {}, title), table(null, rows.map(([key, value]) => [key, value ?? "–"]), title)] : []);
  return [...block("Tags", labels.tags), ...block("Properties", labels.properties), ...block("Run", facts)];
}

/** The runs that belong to this one. */
export function family({ rows = [], n = 0 }) {
  const cells = rows.map((row) => [
    link(row.url, row.name, { title: row.id }),
    badge(row.status),
    number(row.n_points),
    duration(row.duration_s),
    moment(row.created_s),
  ]);
  const rest = n > rows.length ? [el("p", { class: "rs-faint" }, `The newest ${rows.length} of ${n}.`)] : [];
  return [table(["Run", "Status", "Points", "Time", "Created"], cells, "Children"), ...rest];
}
