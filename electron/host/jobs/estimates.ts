/** @file Time and memory of a picture before it is drawn, from pictures that were. Pure. */
import type { Estimate } from '../../contract.ts';

/** One drawn picture. */
export interface Measurement {
  readonly tokens: number;
  readonly passes: number;
  readonly denoiseMs: number;
  readonly decodeMs: number;
  /** 0 when the model was in memory. */
  readonly loadMs: number;
  readonly peakBytes: number;
}

export interface Wish {
  readonly tokens: number;
  readonly passes: number;
  /** Pictures. */
  readonly count: number;
  /** The model is in memory. */
  readonly isLoaded: boolean;
}

/** Cost as a function of the number of tokens. */
export type Cost = (tokens: number) => number;

interface Point {
  readonly tokens: number;
  readonly value: number;
}

/** A range is at least this wide to each side: no two pictures take the same time. */
const LEAST_SPREAD = 0.1;
/** Of the measurements, the slowest and the fastest tenth do not make the range wider. */
const TAIL = 0.1;

/** What a wish will take; all measurements are of its model, device and precision. */
export function estimateFrom(measurements: readonly Measurement[], wish: Wish): Estimate {
  if (measurements.length === 0) return { measurements: 0 };
  const { tokens, passes, count, isLoaded } = wish;
  const perPass = measurements.map((one) => ({ tokens: one.tokens, value: one.denoiseMs / one.passes }));
  const passCost = fitCost(perPass);
  const decode = median(measurements.map((one) => one.decodeMs / one.tokens)) * tokens;
  const loads = measurements.map(({ loadMs }) => loadMs).filter((ms) => ms > 0);
  const load = isLoaded ? 0 : median(loads);
  const seconds = (count * (passes * passCost(tokens) + decode) + load) / 1000;
  const { low, high } = spread(perPass, passCost, tokens);
  const memory = memoryCost(measurements)?.(tokens);
  return {
    seconds: { low: seconds * low, high: seconds * high },
    ...(memory !== undefined && { memoryBytes: Math.round(memory) }),
    measurements: measurements.length,
  };
}

/**
 * c0 + c1 t + c2 t² with no c below 0, closest to the points in relative terms; of each size only the middle
 * value counts, so that one picture that had to wait spoils nothing. From one size: in proportion to it.
 */
export function fitCost(points: readonly Point[]): Cost {
  return fitTerms(middles(points), [[0, 1], [1, 2], [0, 2], [0, 1, 2], [1], [0], [2]]);
}

/** m0 + m1 t through the highest of each size; from one size: that much, and in proportion above it. */
function memoryCost(measurements: readonly Measurement[]): Cost | undefined {
  const known = measurements.filter(({ peakBytes }) => peakBytes > 0);
  const bySize = Map.groupBy(known, ({ tokens }) => tokens);
  const points = [...bySize].map(([tokens, same]) => ({
    tokens,
    value: Math.max(...same.map(({ peakBytes }) => peakBytes)),
  }));
  const [first] = points;
  if (!first) return undefined;
  if (points.length === 1) return (tokens) => first.value * Math.max(1, tokens / first.tokens);
  return fitTerms(points, [[0, 1], [1], [0]]);
}

/** Best of the sums of powers of t in `supports`; an earlier one wins where a later one is no better. */
function fitTerms(points: readonly Point[], supports: readonly (readonly number[])[]): Cost {
  const [first] = points;
  if (points.length === 1 && first) return (tokens) => (first.value * tokens) / first.tokens;
  // The non-negative optimum is the free optimum of those terms that are not 0 in it: few enough to try all.
  const largest = Math.max(...points.map(({ tokens }) => tokens));
  const highest = Math.max(...points.map(({ value }) => value));
  let best: { error: number; cost: Cost } | undefined;
  for (const powers of supports) {
    if (powers.length > points.length) continue;
    const terms = (tokens: number): number[] => powers.map((power) => (tokens / largest) ** power * highest);
    const weights = leastSquares(
      points.map(({ tokens, value }) => terms(tokens).map((term) => term / value)),
    );
    if (!weights.every((weight) => weight >= 0 && weight < Infinity)) continue;
    const cost: Cost = (tokens) => terms(tokens).reduce((sum, term, i) => sum + weights[i]! * term, 0);
    const error = points.reduce((sum, { tokens, value }) => sum + (cost(tokens) / value - 1) ** 2, 0);
    if (!best || error < best.error - NEGLIGIBLE) best = { error, cost };
  }
  return best!.cost; // one term alone is never below 0
}

const NEGLIGIBLE = 1e-9;

/** Weights with which each row sums to 1, as nearly as can be; no numbers when that has no one answer. */
function leastSquares(rows: readonly (readonly number[])[]): number[] {
  const size = rows[0]?.length ?? 0;
  // Normal equations, the right side as the last column, solved by Gauss-Jordan elimination.
  const table = Array.from({ length: size }, (_, i) => [
    ...Array.from({ length: size }, (_, j) => rows.reduce((sum, row) => sum + row[i]! * row[j]!, 0)),
    rows.reduce((sum, row) => sum + row[i]!, 0),
  ]);
  for (let pivot = 0; pivot < size; pivot++) {
    const row = table[pivot]!;
    for (const other of table) {
      if (other === row) continue;
      const factor = other[pivot]! / row[pivot]!;
      other.forEach((_, column) => (other[column]! -= factor * row[column]!));
    }
  }
  return table.map((row, i) => row[size]! / row[i]!);
}

/** Factors from the middle to the ends of the range. */
function spread(points: readonly Point[], cost: Cost, tokens: number): { low: number; high: number } {
  const ratios = points.map((point) => point.value / cost(point.tokens));
  const stretch = extrapolation(points, tokens);
  return {
    low: Math.min(1 - LEAST_SPREAD, quantile(ratios, TAIL)) / stretch,
    high: Math.max(1 + LEAST_SPREAD, quantile(ratios, 1 - TAIL)) * stretch,
  };
}

/** The further from the sizes that were measured, the less is known; from one size, even its growth is guessed. */
function extrapolation(points: readonly Point[], tokens: number): number {
  const sizes = points.map((point) => point.tokens);
  const [smallest, largest] = [Math.min(...sizes), Math.max(...sizes)];
  const distance = Math.max(1, tokens / largest, smallest / tokens);
  return distance ** (smallest === largest ? 1 / 2 : 1 / 4);
}

function middles(points: readonly Point[]): Point[] {
  const bySize = Map.groupBy(points, ({ tokens }) => tokens);
  return [...bySize].map(([tokens, same]) => ({ tokens, value: median(same.map(({ value }) => value)) }));
}

function median(values: readonly number[]): number {
  return values.length === 0 ? 0 : quantile(values, 1 / 2);
}

/** Between two values where the part falls between them. */
function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = part * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
  return below + (above - below) * (place - Math.floor(place));
}
