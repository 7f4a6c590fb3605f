// Making elements. Text is text: nothing here reads markup.
const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** An HTML element; strings among `children` become text. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** A link to one of the dashboard's pages; what is no such address is text. */
export function link(url, text, attributes = {}) {
  if (!/^https?:\/\//.test(url ?? "")) return el("span", {}, text);
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer", ...attributes }, text);
}

/** A table of rows of strings or elements, with an optional head. */
export function table(head, rows, name) {
  return el(
    "div",
    { class: "rs-scroll" },
    el(
      "table",
      { "aria-label": name },
      head && el("thead", {}, el("tr", {}, ...head.map((text) => el("th", { scope: "col" }, text)))),
      el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell) => el("td", {}, cell))))),
    ),
  );
}
