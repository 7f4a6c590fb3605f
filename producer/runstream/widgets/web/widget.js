// A run in a notebook cell. The kernel sends what has changed; once the run has ended nothing is sent, and nothing runs.
import { el } from "./dom.js";
import { Frames } from "./frames.js";
import { Logs, Metrics, Pictures, details, failure, family, heading, progress } from "./panels.js";

// The kernel tells of each look, one a second or slower where the history is: this long without one is not live.
const STALE_MS = 12_000;
const TABS = [
  ["metrics", "Metrics"],
  ["pictures", "Images"],
  ["logs", "Logs"],
  ["details", "Details"],
  ["children", "Children"],
];

class View {
  constructor(model, host) {
    this.model = model;
    this.frames = new Frames();
    this.drawn = {};
    this.tab = "metrics";
    this.head = el("header");
    this.progress = el("div", { class: "rs-progress" });
    this.trouble = el("div", { class: "rs-trouble", role: "status", hidden: true });
    this.failure = el("div", { class: "rs-failure", hidden: true });
    this.tabs = el("div", { role: "tablist", class: "rs-tabs", onkeydown: (event) => this.step(event) });
    this.again = el("button", { class: "rs-again", type: "button", onclick: () => this.lookAgain() }, "Refresh");
    this.metrics = new Metrics();
    this.pictures = new Pictures();
    this.logs = new Logs();
    const content = { metrics: this.metrics.element, pictures: this.pictures.element, logs: this.logs.element };
    this.panels = Object.fromEntries(TABS.map(([key, name]) => [key, el("section", { role: "tabpanel", "aria-label": name }, content[key])]));
    this.root = el("div", { class: "rs-run" }, this.head, this.progress, this.trouble, this.failure, this.tabs, ...Object.values(this.panels));
    host.append(this.root);
    this.sizes = new ResizeObserver(() => this.metrics.resize());
    this.sizes.observe(this.root);
    this.update = () => this.draw();
    model.on("change", this.update);
    this.draw();
  }

  /** Whether one of these parts was sent anew since it was drawn last. */
  isNew(...names) {
    const changed = names.filter((name) => this.drawn[name] !== this.model.get(name));
    for (const name of changed) this.drawn[name] = this.model.get(name);
    return changed.length > 0;
  }

  draw() {
    const get = (name) => this.model.get(name);
    const [run, still] = [get("run"), get("is_still")];
    if (this.isNew("n_looks", "is_still", "trouble")) this.tellLiveness(still);
    if (this.isNew("run")) {
      this.head.replaceChildren(...heading(run), this.again);
      this.failure.replaceChildren(...failure(run.error));
      this.failure.hidden = !run.error;
      this.drawn.progress = this.drawn.labels = null;
    }
    if (this.isNew("progress")) this.progress.replaceChildren(...progress(run, get("progress")));
    if (this.isNew("labels")) this.panels.details.replaceChildren(...details(run, get("labels")));
    if (this.isNew("children")) this.panels.children.replaceChildren(...family(get("children")));
    const newest = this.isNew("whole", "tail");
    const valued = this.isNew("values", "n_more_curves");
    if (newest || valued) {
      const { curves, lines } = this.frames.read(get("whole"), get("tail"));
      this.metrics.update(curves, get("values"), get("n_more_curves"));
      this.logs.update(lines);
    }
    const { rows = [] } = get("pictures");
    if (this.isNew("pictures", ...rows.map((row) => `slot_${row.slot}`))) this.pictures.update(get("pictures"), (slot) => get(`slot_${slot}`));
    this.drawTabs();
  }

  tellLiveness(still) {
    clearTimeout(this.timer);
    this.again.hidden = !still;
    this.root.dataset.live = String(!still);
    const looks = this.model.get("n_looks");
    this.tell(this.model.get("trouble") || (looks ? "" : "Reading the history…"));
    if (!still) this.timer = setTimeout(() => this.stale(), STALE_MS);
  }

  stale() {
    this.root.dataset.live = "false";
    this.tell("Not live: the kernel has told nothing for a while. It may be busy, or gone.");
  }

  tell(text) {
    this.trouble.textContent = text;
    this.trouble.hidden = !text;
  }

  lookAgain() {
    this.again.hidden = true;
    this.model.send({ kind: "look again" });
  }

  /** Tabs that have something to show. */
  present() {
    const { pictures, children } = Object.fromEntries(["pictures", "children"].map((key) => [key, this.model.get(key).rows?.length ?? 0]));
    const n = { metrics: null, pictures, logs: this.logs.lines.size ? null : 0, details: null, children: this.model.get("children").n ?? children };
    return TABS.filter(([key]) => n[key] !== 0).map(([key, name]) => [key, n[key] ? `${name} ${n[key]}` : name]);
  }

  drawTabs() {
    const present = this.present();
    if (!present.some(([key]) => key === this.tab)) this.tab = "metrics";
    const stamp = JSON.stringify([present, this.tab]);
    if (stamp === this.stamp) return;
    this.stamp = stamp;
    const focused = this.tabs.contains(document.activeElement);
    this.tabs.replaceChildren(
      ...present.map(([key, name]) => {
        const chosen = key === this.tab;
        return el("button", { role: "tab", type: "button", "data-tab": key, "aria-selected": String(chosen), tabindex: chosen ? "0" : "-1", onclick: () => this.choose(key) }, name);
      }),
    );
    for (const [key, panel] of Object.entries(this.panels)) panel.hidden = key !== this.tab;
    if (focused) this.tabs.querySelector("[aria-selected=true]").focus();
    if (this.tab === "metrics") this.metrics.resize();
    if (this.tab === "logs") this.logs.toEnd();
  }

  choose(key) {
    this.tab = key;
    this.drawTabs();
  }

  step(event) {
    const turn = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!turn) return;
    // The notebook has plans of its own for the arrow keys.
    event.stopPropagation();
    event.preventDefault();
    const keys = this.present().map(([key]) => key);
    this.choose(keys[(keys.indexOf(this.tab) + turn + keys.length) % keys.length]);
  }

  close() {
    clearTimeout(this.timer);
    this.sizes.disconnect();
    this.model.off("change", this.update);
    this.pictures.close();
    this.root.remove();
  }
}

export default {
  render({ model, el: host }) {
    const view = new View(model, host);
    return () => view.close();
  },
};
