// Numbers as people read them: four significant digits, thousands separated, times in the reader's zone.

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
  if (size !== 0 && (size < 0.001 || size >= 1e9)) return value.toExponential(0).replace("e+", "e");
  if (size >= 1e6) return `${+(value / 1e6).toPrecision(4)}M`;
  if (size >= 1e4) return `${+(value / 1e3).toPrecision(4)}k`;
  return String(+value.toPrecision(6));
}

/** Seconds since the first point as 0.25s, 42s, 12m30, 1h05. */
export function elapsed(seconds) {
  const s = Math.abs(seconds);
  const sign = seconds < 0 ? "-" : "";
  if (s < 60) return `${sign}${+s.toPrecision(3)}s`;
  const two = (n) => String(Math.floor(n)).padStart(2, "0");
  if (s < 3600) return `${sign}${Math.floor(s / 60)}m${s % 60 >= 1 ? two(s % 60) : ""}`;
  return `${sign}${Math.floor(s / 3600)}h${two((s % 3600) / 60)}`;
}

/** The name of the metric that an x axis shows, null for the axes that every metric has: the same rule as in Python. */
export function axisMetric(axis) {
  return ["step", "relative", "time"].includes(axis) ? null : axis.replace(/^metric:/, "");
}

/** A place on the x axis without the axis's name. */
export function spot(x, axis) {
  if (axis === "time") return new Date(x * 1000).toLocaleString();
  if (axis === "relative") return elapsed(x);
  return axis === "step" ? Math.round(x).toLocaleString("en-US") : number(x);
}

/** A place on the x axis in words. */
export function place(x, axis) {
  if (axis === "time" || axis === "relative") return spot(x, axis);
  return `${axisMetric(axis) ?? "step"} ${spot(x, axis)}`;
}
