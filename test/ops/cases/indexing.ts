import { gather, gatherTokens, replaceTokens, scatter } from '../../../engine/ops/indexing.ts';
import { b, EXACT, example, float, given, h, integer, k, l, type Case } from './case.ts';

/** Two ascending choices of three out of five tokens. */
const CHOSEN = given('i64', [b, k], [0, 2, 4, 1, 2, 3]);

export const INDEXING_CASES: readonly Case[] = [
  example(
    'gather',
    'of rows, some twice',
    [float([4, 3]), given('i64', [5], [3, 0, 3, 1, 0])],
    gather,
    EXACT,
  ),
  example('gather', 'by a matrix of numbers', [float([7, 2]), integer([b, l], 0, 7)], gather, EXACT),
  example('gather', 'of single numbers', [float([4]), integer([3], 0, 4)], gather, EXACT),
  example('gather', 'of whole matrices', [float([4, 2, 3]), integer([3], 0, 4)], gather, EXACT),
  example(
    'scatter',
    'in place of rows',
    [float([4, 3]), given('i64', [2], [2, 0]), float([2, 3])],
    (x, i, rows) => scatter(x, i, rows, 'replace'),
    EXACT,
  ),
  example(
    'scatter',
    'added, some twice',
    [float([4, 3]), given('i64', [3], [2, 0, 2]), float([3, 3])],
    (x, i, rows) => scatter(x, i, rows, 'add'),
  ),
  example('scatter', 'of named sizes', [float([l, h]), integer([h], 0, 5), float([h, h])], (x, i, rows) =>
    scatter(x, i, rows, 'add'),
  ),
  example('gatherTokens', 'chosen per sample', [float([b, l, 2]), CHOSEN], gatherTokens, EXACT),
  example('gatherTokens', 'with two axes each', [float([b, l, 2, 2]), CHOSEN], gatherTokens, EXACT),
  example(
    'replaceTokens',
    'chosen per sample',
    [float([b, l, 2]), CHOSEN, float([b, k, 2])],
    replaceTokens,
    EXACT,
  ),
  example(
    'replaceTokens',
    'where they came from',
    [float([b, l, 2]), CHOSEN],
    (x, index) => replaceTokens(x, index, gatherTokens(x, index)),
    EXACT,
  ),
];
