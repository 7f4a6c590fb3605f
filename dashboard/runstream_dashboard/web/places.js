// Places on an x axis as people read them: steps, lengths of time, times in the reader's zone.
import { number } from "./numbers.js";

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
