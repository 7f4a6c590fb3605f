// The elements of the grid: rail of runs, toolbar, sections of cards, tooltip. Builds and labels; decides nothing.
import { chartKey } from "./keys.js";
import { number } from "./numbers.js";
import { axisMetric, place } from "./places.js";

const TIP_ROWS = 12;
const ICONS = {
  png: "M10 3v9m0 0 4-4m-4 4-4-4M4 16h12",
  full: "M4 8V4h4m4 0h4v4m0 4v4h-4m-4 0H4v-4",
  table: "M4 5h12v10H4zM4 9h12M10 5v10",
};
const AXES = [["step", "Step"], ["relative", "Relative time"], ["time", "Wall time"]];
const BANDS = [["range", "least to greatest"], ["std", "standard deviation"]];

/** Make an element: h("button.primary", {title: "…", onclick: f}, child, "text"). */
export function h(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && key !== "list") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A short line in the run's colour and dash: the same mark in rail, tooltip and cards. */
export function swatch(run, theme) {
  const mark = h("span.swatch");
  const dash = ["", "7 4", "2 3", "9 3 2 3"][run.dash % 4];
  mark.innerHTML = `<svg viewBox="0 0 18 4"><line x1="0" y1="2" x2="18" y2="2" stroke-dasharray="${dash}"/></svg>`;
  mark.style.color = theme.colour(run);
  return mark;
}

/** The frame of the whole grid; `grid` takes the events. */
export function skeleton(grid) {
  const on = (act) => (event) => act(event.target);
  const search = h("input.search", {
    type: "search", placeholder: "Search metrics  ( / )", "data-testid": "rs-search", "aria-label": "Search metrics",
    oninput: on((input) => grid.change({ q: input.value })),
  });
  const axis = select("rs-x", "X axis", AXES, (x) => grid.reshape({ x, zoom: null }));
  const group = select("rs-group", "Group runs by", [], (value) => grid.reshape({ group: value, hide: [] }));
  const band = select("rs-band", "Band of a group", BANDS, (value) => grid.reshape({ band: value }));
  const groupField = h("label.field", { hidden: true }, h("span", {}, "Group"), group, band);
  const smooth = h("input", {
    type: "range", min: 0, max: 0.99, step: 0.01, "data-testid": "rs-smooth", "aria-label": "Smoothing",
    oninput: on((input) => grid.change({ smooth: Number(input.value) })),
  });
  const amount = h("output.amount");
  const toggle = (name, text, id, title) =>
    h("button.toggle", { type: "button", "data-testid": id, title, onclick: () => grid.toggle(name) }, text);
  const log = toggle("log", "Log y", "rs-log", "Logarithmic y axis in every chart ( l )");
  const clip = toggle("clip", "Clip outliers", "rs-clip", "Let outliers leave the chart; its header then names the extreme");
  const large = toggle("large", "Large", "rs-large", "Larger charts, fewer beside each other");
  const runs = toggle("rail", "Runs", "rs-rail-toggle", "Show the list of runs beside the charts");
  const chip = h("button.chip", { type: "button", "data-testid": "rs-zoom-reset", title: "Show the whole range ( Esc )", onclick: () => grid.zoom.to(null) });
  const rail = h("nav.rail", { "data-testid": "rs-rail", "aria-label": "Runs" });
  const sections = h("div.sections");
  const empty = h("p.empty", { "data-testid": "rs-empty" });
  const tip = h("div.tip", { role: "status" });
  const toolbar = h("div.toolbar", { role: "toolbar", "aria-label": "What the charts show" },
    runs, search, h("label.field", {}, h("span", {}, "X"), axis),
    h("label.field", {}, h("span", {}, "Smoothing"), smooth, amount), log, clip, large, groupField, chip);
  const root = h("div.grid", { "data-testid": "rs-grid", "data-ready": "0", tabIndex: -1 },
    rail, h("div.main", {}, toolbar, empty, sections), tip);
  return { root, rail, runs, sections, tip, search, axis, group, band, groupField, smooth, amount, log, clip, large, chip, empty };
}

function options(pairs) {
  return pairs.map(([value, text]) => h("option", { value }, text));
}

function select(id, label, pairs, act) {
  return h("select", { "data-testid": id, "aria-label": label, onchange: ({ target }) => act(target.value) }, ...options(pairs));
}

/** What can be the x axis: step, times, and every metric that is drawn; a chosen one stays though no run has it. */
export function axisOptions(metrics, chosen) {
  const own = new Map(metrics.filter(({ kind }) => kind === "line").map(({ axis, name }) => [axis, name]));
  if (axisMetric(chosen) !== null && !own.has(chosen)) own.set(chosen, axisMetric(chosen));
  return [...options(AXES), ...(own.size ? [h("optgroup", { label: "Metric" }, ...options([...own]))] : [])];
}

/** What runs can be grouped by: [value, text] pairs; a chosen one stays though no run has it. */
export function groupOptions(groups, chosen) {
  const known = groups.some(([value]) => value === chosen) || chosen === "" ? [] : [[chosen, chosen]];
  return options([["", "none"], ...groups, ...known]);
}

/** What x is, in a word. */
export function axisName(axis) {
  return axisMetric(axis) ?? { step: "step", relative: "seconds since the start", time: "seconds since 1970" }[axis];
}

function counted(n, noun) {
  return n === 1 ? `1 ${noun}` : `${n} ${noun}s`;
}

/** Rows of the rail, one button a run. */
export function railRows(grid) {
  const { runs, theme, view } = grid;
  const rows = runs.map((run) => {
    const state = run.live ? h("span.live", { title: "Running" }) : h("span.state", {}, run.status === "Completed" ? "" : run.status);
    return h("button.run", {
      type: "button", title: `${run.name}\nclick: hide or show, alt-click: only this run`, "data-testid": "rs-run", "data-run": run.id,
      "aria-pressed": String(!view.hide.includes(run.id)),
      onclick: (event) => grid.hideOrShow(run.id, event.altKey),
      onpointerenter: () => grid.pointer.light(run.id), onpointerleave: () => grid.pointer.light(null),
    }, swatch(run, theme), h("span.name", {}, run.name), state);
  });
  return [h("div.count", {}, counted(runs.length, view.group ? "group" : "run")), ...rows];
}

/** A foldable section with its (still empty) row of cards. */
export function section(name, grid) {
  const cards = h("div.cards");
  const count = h("span.count");
  const head = h("button.head", { type: "button", onclick: () => grid.fold(name) }, h("span.arrow"), h("b", {}, name || "metrics"), count);
  return { root: h("section", { "data-testid": "rs-section", "data-section": name }, head, cards), cards, count, head };
}

/** One card: title, note, buttons, and the box that the chart is drawn in. */
export function card(metric, grid) {
  const cut = metric.name.lastIndexOf("/") + 1;
  const title = h("h3", { title: metric.name }, h("span", {}, metric.name.slice(0, cut)), metric.name.slice(cut));
  const note = h("span.note");
  const root = h("article.card.waiting", {
    role: "group", tabIndex: 0, "aria-label": metric.name, "data-testid": "rs-chart", "data-metric": metric.name,
    onkeydown: (event) => chartKey(grid, metric.name, event),
  });
  if (metric.kind === "text") {
    root.classList.remove("waiting");
    root.classList.add("text");
    root.append(h("header", {}, title), h("div.values"));
    return { root, note, box: null };
  }
  const button = (text, label, act) => h("button", { type: "button", title: label, "aria-label": `${label}: ${metric.name}`, onclick: act }, text);
  const log = button("log", "Logarithmic y axis", () => grid.toggleLog(metric.name));
  const box = h("div.box");
  root.append(h("header", {}, title, note, h("span.tools", {}, log,
    button(icon("table"), "Show as table ( t )", () => grid.table.open(metric.name)),
    button(icon("png"), "Save as PNG", () => grid.save(metric.name)),
    button(icon("full"), "Full screen ( f )", () => grid.fullScreen(metric.name)))), box);
  return { root, note, box, log };
}

/** Fill the tooltip for one chart at x: the nearest run in bold with its band. */
export function tooltip(element, chart, x, nearestRun, grid) {
  const rows = chart.rows(x);
  const at = rows.find((row) => row.run.id === nearestRun) ?? rows[0];
  const kept = rows.slice(0, TIP_ROWS);
  if (at && !kept.includes(at)) kept[TIP_ROWS - 1] = at;
  element.replaceChildren(
    h("div.at", {}, place(at ? at.x : x, grid.view.x)),
    ...kept.map((row) => h(row === at && rows.length > 1 ? "div.row.near" : "div.row", {},
      swatch(row.run, grid.theme), h("span.name", {}, row.run.name), h("span.value", {}, number(row.y)),
      h("span.band", {}, row === at && row.band ? `${number(row.low)} … ${number(row.high)}` : ""))),
    ...(rows.length > kept.length ? [h("div.at", {}, `${rows.length - kept.length} more`)] : []),
  );
  return rows.length > 0;
}

/** Show the tooltip beside the crosshair of a chart, inside the window. */
export function placeTip(tip, chart, x) {
  const over = chart.plot.over.getBoundingClientRect();
  const at = over.left + chart.plot.valToPos(x, "x");
  tip.classList.add("on");
  const { offsetWidth: width, offsetHeight: height } = tip;
  tip.style.left = `${Math.max(8, at + 16 + width > innerWidth ? at - 16 - width : at + 16)}px`;
  tip.style.top = `${Math.max(8, Math.min(innerHeight - height - 8, over.bottom - 24))}px`;
}

/** Metrics by section (the text before the last slash), in the order of first logging, the machine's own figures last. */
export function sectionsOf(metrics) {
  const found = new Map();
  for (const metric of metrics) {
    const name = metric.name.slice(0, Math.max(0, metric.name.lastIndexOf("/")));
    if (!found.has(name)) found.set(name, []);
    found.get(name).push(metric);
  }
  return new Map([...found].sort(([a], [b]) => a.startsWith("system") - b.startsWith("system")));
}
