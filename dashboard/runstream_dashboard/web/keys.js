// The keyboard: what each key does in the page, in the grid and on a focused chart.

const ARROWS = { ArrowLeft: -1, ArrowRight: 1 };
const FAR = 5;

/** Listen to the keys of the page. */
export function listen(grid) {
  document.addEventListener("keydown", (event) => pageKey(grid, event));
}

/** A key pressed on a card itself, not on one of its buttons. */
export function chartKey(grid, name, event) {
  const chart = grid.charts.get(name);
  if (event.target !== grid.cards.get(name).root || !chart?.plot) return;
  if (opened(grid, name, event.key)) return event.preventDefault();
  if (event.key in ARROWS) grid.pointer.step(chart, (ARROWS[event.key] / 2) * (event.shiftKey ? FAR : 1));
  else return;
  event.preventDefault();
}

/** What a key opens of a chart, full screen or its numbers; says whether it does. */
function opened(grid, name, key) {
  if (key === "f") grid.fullScreen(name);
  else if (key === "t") grid.table.open(name);
  else return false;
  return true;
}

/** The chart under the pointer: a key needs no click on it first. */
function pointedAt(grid) {
  return [...grid.charts.keys()].find((name) => grid.cards.get(name).root.matches(":hover"));
}

/** Esc closes what is open; inside the grid, with nothing open, it shows the whole range again. */
function escape(grid, event) {
  if (grid.view.table) grid.table.close();
  else if (grid.view.full) grid.fullScreen(grid.view.full);
  else if (event.composedPath().includes(grid.ui.root)) grid.zoom.to(null);
}

function pageKey(grid, event) {
  const target = event.composedPath()[0];
  if (!grid.view || !grid.ui.root.isConnected || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") return escape(grid, event);
  // A key pressed while a reader types is a letter, not a command.
  if (target.matches?.("input, textarea, select, [contenteditable]")) return;
  if (event.key === "/") {
    event.preventDefault();
    grid.ui.search.focus();
  } else if (event.key === "l") grid.toggle("log");
  else if (event.key === "+") grid.zoom.stretch(0.5);
  else if (event.key === "-") grid.zoom.stretch(2);
  else if (pointedAt(grid)) opened(grid, pointedAt(grid), event.key);
}
