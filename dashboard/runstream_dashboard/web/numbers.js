// Numbers as people read them, on the pages and in a notebook: four significant digits, thousands separated. No DOM.

const DIGITS = 4;

/** A value for a tooltip, a header or an axis: 0.7377, 12,345, 1.23e-5, NaN, inf. */
export function number(value) {
  if (value === null || value === undefined) return "–";
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 0.001 || size >= 1e9) return value.toExponential(2).replace("e+", "e");
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  return value.toLocaleString("en-US", { maximumSignificantDigits: Math.max(DIGITS, Math.ceil(Math.log10(size)) + 1) });
}

/** A tick of an axis: short, because neighbours tell the magnitude. */
export function tick(value) {
  if (value === null) return "";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e9)) return value.toExponential(1).replace("e+", "e").replace(".0e", "e");
  if (size >= 1e6) return `${+(value / 1e6).toPrecision(4)}M`;
  if (size >= 1e4) return `${+(value / 1e3).toPrecision(4)}k`;
  return String(+value.toPrecision(6));
}
