// The binary frame: u32 length of a JSON header, the header padded to 8 bytes, then the columns of each curve.
// dashboard/runstream_dashboard/frames.py writes it; both files must change together.

const HEADER_AT = 8;

/** Split one frame into its header and the columns of each of its curves. */
export function decode(data) {
  // A copy: the bytes arrive at an offset that typed arrays of doubles refuse.
  const buffer = data.slice().buffer;
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, HEADER_AT, length)));
  let at = HEADER_AT + Math.ceil(length / 8) * 8;
  for (const curve of header.curves) {
    const take = () => {
      const column = new Float64Array(buffer, at, curve.count);
      at += column.byteLength;
      return column;
    };
    curve.x = take();
    curve.y = take();
    curve.low = curve.band ? take() : curve.y;
    curve.high = curve.band ? take() : curve.y;
  }
  return header;
}

function joined(old, from, tail) {
  const all = new Float64Array(from + tail.length);
  all.set(old.subarray(0, from));
  all.set(tail, from);
  return all;
}

/** Put a decoded frame's curves into `curves` (key -> curve); return the names of changed charts, or null for "resync". */
export function merge(header, curves) {
  const changed = new Set();
  for (const curve of header.curves) {
    const key = `${curve.chart}\u0000${curve.run}`;
    if (curve.from > 0) {
      const old = curves.get(key);
      if (!old || old.x.length < curve.from || old.band !== curve.band) return null;
      curve.x = joined(old.x, curve.from, curve.x);
      curve.y = joined(old.y, curve.from, curve.y);
      curve.low = curve.band ? joined(old.low, curve.from, curve.low) : curve.y;
      curve.high = curve.band ? joined(old.high, curve.from, curve.high) : curve.y;
    }
    curves.set(key, curve);
    changed.add(curve.chart);
  }
  return changed;
}
