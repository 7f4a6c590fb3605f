// Cards of metrics that are not drawn: a row a run with its single value, and how it compares; or words.
import { h, swatch } from "./layout.js";

/** Fill a card with what each run that is shown has logged; `metric.values` holds [run, text, number or null]. */
export function fill(element, metric, grid) {
  const hidden = grid.view.hide;
  const shown = metric.values.filter(([id]) => !hidden.includes(id));
  element.parentElement.dataset.points = String(metric.values.length);
  element.classList.toggle("alone", metric.values.length === 1 && grid.runs.length === 1);
  const most = whole(shown);
  element.replaceChildren(...shown.map(([id, text, number]) => row(grid, id, text, most && number / most)));
}

/** The number that a whole bar stands for; null where bars would tell nothing: of words, below zero, of one run. */
function whole(values) {
  const numbers = values.map(([, , number]) => number);
  if (numbers.length < 2 || numbers.some((number) => number === null || number < 0)) return null;
  return Math.max(...numbers) || null;
}

function row(grid, id, text, share) {
  const run = grid.runs.find((each) => each.id === id);
  if (!run) return h("div", { title: text }, h("span.value", {}, text));
  const element = h("div", {
    title: `${run.name}: ${text}`,
    onpointerenter: () => grid.pointer.light(id), onpointerleave: () => grid.pointer.light(null),
  }, swatch(run, grid.theme), h("span.name", {}, run.name), h("span.value", {}, text));
  if (share !== null) {
    element.style.setProperty("--share", `${100 * share}%`);
    element.style.setProperty("--of", grid.theme.colour(run));
  }
  return element;
}
