// Whole frame and tail -> the curves and lines that they make together; frames.py writes both. No DOM.
const MAX_LINES = 200;
const KEYS = ["x", "y", "low", "high"];
const NONE = new Float64Array(0);

/** Float64 numbers of what arrived as a DataView, an ArrayBuffer or not at all. */
export function floats(data) {
  if (!data || !data.byteLength) return NONE;
  const [buffer, from] = data.buffer ? [data.buffer, data.byteOffset] : [data, 0];
  // A copy, because the numbers may begin at any byte.
  return new Float64Array(buffer.slice(from, from + data.byteLength));
}

function joined(head, n, rest) {
  const all = new Float64Array(n + rest.length);
  all.set(head.subarray(0, n));
  all.set(rest, n);
  return all;
}

function curveOf(sent, base) {
  const curve = { ...sent };
  for (const key of KEYS) {
    const added = floats(sent[key]);
    const before = base?.[key] ?? NONE;
    curve[key] = sent.from && before.length ? joined(before, sent.from, added) : added;
  }
  return curve;
}

/** Put `frame` over what `curves` and `lines` (maps by name) hold, and return the new maps. */
function over(frame, curves, lines) {
  const added = new Map((frame.curves ?? []).map((sent) => [sent.name, curveOf(sent, curves.get(sent.name))]));
  const printed = new Map(
    (frame.lines ?? []).map((sent) => {
      const before = sent.goes_on ? (lines.get(sent.name)?.lines ?? []) : [];
      return [sent.name, { n_lines: sent.n_lines, lines: [...before, ...sent.lines].slice(-MAX_LINES) }];
    }),
  );
  return {
    curves: new Map((frame.order ?? []).map((name) => [name, added.get(name) ?? curves.get(name)])),
    lines: new Map((frame.streams ?? []).map((name) => [name, printed.get(name) ?? lines.get(name)])),
  };
}

/** Remembers the whole frame as maps, so that a tail costs its own size only. */
export class Frames {
  constructor() {
    this.version = null;
    this.base = { curves: new Map(), lines: new Map() };
  }

  /** { curves, lines } by name; curves that did not change since the last call are the same objects. */
  read(whole, tail) {
    if (whole.version !== this.version) {
      this.version = whole.version;
      this.base = over(whole, new Map(), new Map());
    }
    return tail.base === this.version ? over(tail, this.base.curves, this.base.lines) : this.base;
  }
}
