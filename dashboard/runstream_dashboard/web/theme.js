// The page's theme as the grid needs it: read from Streamlit's CSS variables, light or dark by the background.

/** Say whether a CSS colour is dark. */
function isDark(colour) {
  const dot = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
  dot.fillStyle = colour;
  dot.fillRect(0, 0, 1, 1);
  const [r, g, b] = dot.getImageData(0, 0, 1, 1).data;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b < 128;
}

/** Colours, opacities and the font of the page that holds `element`; `palette()` gives the runs' colours. */
export function readTheme(element, palette) {
  const style = getComputedStyle(element);
  const read = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
  const background = read("--st-background-color", "#ffffff");
  const dark = isDark(background);
  const colours = () => palette()[dark ? "dark" : "light"];
  return {
    dark,
    background,
    text: read("--st-text-color", "#111827"),
    font: read("--st-font", "sans-serif"),
    muted: dark ? "#98a2b3" : "#667085",
    line: dark ? "#ffffff12" : "#10182810",
    fade: dark ? 0.3 : 0.2,
    band: dark ? 0.2 : 0.15,
    raw: dark ? 0.34 : 0.26,
    colour: (run) => colours()[run.color % colours().length],
  };
}
