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
const BUSY = { byThread: 2 ** 19, byWorkgroup: 2 ** 16 };
const NUMBERS = { byThread: 4, byWorkgroup: 64 };

/** In how many pieces a reduction is cut that is not done row by row. Their results are reduced in a second kernel. */
export function piecesOf(shape: readonly number[], axes: readonly number[]): number {
  const length = count(shape.filter((_, axis) => axes.includes(axis)));
  const results = count(shape) / length;
  const isOwn = isByThread(shape, axes);
  const way = isOwn ? 'byThread' : 'byWorkgroup';
  const sharers = isOwn ? SHARERS : WORKGROUP;
  const threads = (isOwn && results % 4 === 0 ? results / 4 : results) * sharers;
  const wanted = Math.min(Math.ceil(BUSY[way] / threads), Math.floor(length / (NUMBERS[way] * sharers)));
  const each = Math.ceil(length / Math.max(1, wanted));
  return Math.ceil(length / each); // none of them without numbers: nobody would write its result
}

/** Threads that share one result: a whole workgroup, or at most so many where neighbours have neighbouring results. */
export const WORKGROUP = 256;
export const SHARERS = 16;

/** Numbers of a result that are too few for a workgroup. */
const FEW = 64;

/** Do neighbouring threads have neighbouring results? */
export function isByThread(shape: readonly number[], axes: readonly number[]): boolean {
  const last = shape.findLastIndex((size) => size > 1);
  const length = count(shape.filter((_, axis) => axes.includes(axis)));
  return last >= 0 && (!axes.includes(last) || length <= FEW);
}
