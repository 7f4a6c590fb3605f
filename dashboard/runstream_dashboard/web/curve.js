// Arithmetic on one curve: smoothing, the nearest point, the range to draw. No DOM.

/** Index of the first element of ascending `x` that is >= `value`. */
export function lowerBound(x, value) {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the point whose x is nearest to `value`, -1 for an empty curve. */
export function nearest(x, value) {
  const after = lowerBound(x, value);
  if (after === 0) return x.length ? 0 : -1;
  if (after === x.length) return after - 1;
  return value - x[after - 1] <= x[after] - value ? after - 1 : after;
}

/** First and one-past-last index to draw for [low, high]: one point more on each side, so that lines reach the edge. */
export function windowOf(x, low, high) {
  return [Math.max(0, lowerBound(x, low) - 1), Math.min(x.length, lowerBound(x, high) + 1)];
}

/**
 * Debiased exponential moving average whose weight decays with the distance in x, so that the same slider
 * position looks the same whether a curve holds 100 points or 100,000.
 */
export function smoothed(curve, weight, span) {
  if (curve.smooth && curve.smooth.weight === weight && curve.smooth.span === span) return curve.smooth.y;
  const { x, y } = curve;
  const out = new Float64Array(y.length);
  let sum = 0;
  let norm = 0;
  for (let i = 0; i < y.length; i++) {
    if (!Number.isFinite(y[i])) {
      out[i] = y[i];
      continue;
    }
    const decay = i === 0 ? weight : weight ** (((x[i] - x[i - 1]) / (span || 1)) * 1000);
    sum = sum * decay + y[i] * (1 - decay);
    norm = norm * decay + (1 - decay);
    out[i] = norm > 0 ? sum / norm : y[i];
  }
  curve.smooth = { weight, span, y: out };
  return out;
}

function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(share * (sorted.length - 1))))];
}

const CLIP_SHARE = [0.01, 0.985];
// Only what lies this far outside the rest, in spans of the rest, is an outlier.
const CLIP_BEYOND = 0.35;
const CLIP_FROM = 200;

/**
 * The y range of the given pieces [(curve, from, to)]: { low, high, cutLow, cutHigh }, cut = the extreme left out.
 * `positive` leaves out what a log axis cannot show.
 */
export function rangeOf(pieces, clip, positive) {
  const lows = [];
  const highs = [];
  for (const [curve, from, to] of pieces) {
    for (let i = from; i < to; i++) {
      const low = curve.low[i];
      const high = curve.high[i];
      if (!Number.isFinite(low) || !Number.isFinite(high)) continue;
      if (positive && high <= 0) continue;
      lows.push(positive && low <= 0 ? high : low);
      highs.push(high);
    }
  }
  if (!lows.length) return null;
  const l = Float64Array.from(lows).sort();
  const h = Float64Array.from(highs).sort();
  const range = { low: l[0], high: h[h.length - 1], cutLow: null, cutHigh: null };
  // In a short curve an extreme is part of its shape, such as the start of a training.
  if (!clip || !pieces.some(([, from, to]) => to - from >= CLIP_FROM)) return range;
  const low = quantile(l, CLIP_SHARE[0]);
  const high = quantile(h, CLIP_SHARE[1]);
  const beyond = (high - low) * CLIP_BEYOND;
  if (!(high > low)) return range;
  if (range.high > high + beyond) Object.assign(range, { cutHigh: range.high, high });
  if (range.low < low - beyond) Object.assign(range, { cutLow: range.low, low });
  return range;
}
