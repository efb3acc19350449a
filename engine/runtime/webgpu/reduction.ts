/** @file How reductions are cut up: rows for one workgroup each, and long ones in pieces whose results are reduced again. */
import { count } from '../../graph/shape.ts';
import type { Node } from './node.ts';

/** Longest row that one workgroup reduces, and the number of rows from which on it may be that long. */
const LONGEST_ROW = 16384;
const SHORT_ROW = 2048;
const MANY_ROWS = 64;

/** Is it a reduction over the last axes, short enough for one workgroup? */
export function rowLengthOf({ work, inputs }: Node): number | undefined {
  if (work.kind !== 'reduce') return undefined;
  const { shape } = inputs[0]!;
  const reduced = shape.filter((_, axis) => work.axes.includes(axis));
  const first = shape.findIndex((size, axis) => size > 1 && work.axes.includes(axis));
  const isLast =
    first >= 0 && shape.every((size, axis) => axis < first || size === 1 || work.axes.includes(axis));
  if (!isLast) return undefined;
  const length = count(reduced);
  const rows = count(shape) / length;
  return length <= SHORT_ROW || (length <= LONGEST_ROW && rows >= MANY_ROWS) ? length : undefined;
}

/** Threads that keep a large GPU busy, and the numbers that one of them should at least have. */
const THREADS = 65536;
const NUMBERS = 64;

/** In how many pieces a reduction is cut that is not done row by row. Their results are reduced in a second kernel. */
export function piecesOf(shape: readonly number[], axes: readonly number[]): number {
  const length = count(shape.filter((_, axis) => axes.includes(axis)));
  const results = count(shape) / length;
  const threads = isOverRows(shape, axes) ? results : results * WORKGROUP;
  const least = isOverRows(shape, axes) ? NUMBERS : NUMBERS * WORKGROUP;
  return Math.max(1, Math.min(Math.ceil(THREADS / threads), Math.floor(length / least)));
}

/** Threads that share one result when the last axis is reduced. */
export const WORKGROUP = 256;

/** Does the last axis stay? Then neighbouring threads have neighbouring results. */
export function isOverRows(shape: readonly number[], axes: readonly number[]): boolean {
  const last = shape.findLastIndex((size) => size > 1);
  return last >= 0 && !axes.includes(last);
}
