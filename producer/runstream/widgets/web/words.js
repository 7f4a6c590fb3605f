// Times and counts in words. No DOM.

const two = (n) => String(Math.floor(n)).padStart(2, "0");

/** A length of time in its two greatest units: 4 s, 12 m 30 s, 1 h 05 m, 3 d 04 h. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const s = Math.max(0, seconds);
  if (s < 60) return `${s < 10 && s % 1 ? s.toFixed(1) : Math.round(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m ${two(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${two((s % 3600) / 60)} m`;
  return `${Math.floor(s / 86400)} d ${two((s % 86400) / 3600)} h`;
}

/** A time in the reader's zone. */
export function moment(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  return new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** A number of things: "1 point", "1,234 points". */
export function count(n, thing) {
  return `${n.toLocaleString("en-US")} ${thing}${n === 1 ? "" : "s"}`;
}
