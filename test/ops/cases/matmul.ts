import { linear, matmul, swapLastAxes } from '../../../engine/ops/matmul.ts';
import { largest, mean, sum, sumOfSquares, sumTo } from '../../../engine/ops/reduce.ts';
import { b, example, EXACT, float, h, l, w, type Case } from './case.ts';

export const MATMUL_CASES: readonly Case[] = [
  example('matmul', 'of matrices', [float([2, 3]), float([3, 4])], matmul),
  example('matmul', 'of a row and a column', [float([1, 3]), float([3, 1])], matmul),
  example('matmul', 'of batches', [float([2, 2, 3]), float([2, 3, 4])], matmul),
  example('matmul', 'stretching the first', [float([2, 3]), float([4, 3, 2])], matmul),
  example('matmul', 'stretching the second', [float([4, 2, 3]), float([3, 2])], matmul),
  example('matmul', 'stretching both', [float([2, 1, 2, 3]), float([3, 3, 2])], matmul),
  example('matmul', 'of named sizes', [float([b, h, l]), float([b, l, w])], matmul),
  example('matmul', 'with a transpose', [float([b, l, 3]), float([b, l, 3])], (x, y) => {
    return matmul(x, swapLastAxes(y));
  }),
  example('linear', 'with a bias', [float([5, 3]), float([4, 3]), float([4])], linear),
  example('linear', 'without a bias', [float([5, 3]), float([4, 3])], linear),
  example('linear', 'of one row', [float([3]), float([4, 3]), float([4])], linear),
  example('linear', 'of tokens', [float([b, l, 3]), float([1, 3]), float([1])], linear),
  example('linear', 'of pixels', [float([b, h, w, 2]), float([3, 2]), float([3])], linear),
];

export const REDUCE_CASES: readonly Case[] = [
  example('sum', 'of the last axis', [float([2, 3, 4])], (x) => sum(x, [-1])),
  example('sum', 'of the first and the last axis', [float([2, 3, 4])], (x) => sum(x, [0, 2])),
  example('sum', 'of all axes', [float([b, l])], (x) => sum(x, [0, 1])),
  example('sum', 'of no axis', [float([2, 3])], (x) => sum(sum(x, []), [0])),
  example('sum', 'of an axis of size 1', [float([2, 1, 3])], (x) => sum(x, [1])),
  example('sum', 'down to a shape', [float([b, 2, l])], (x) => sumTo(x, [2, 1])),
  example('sumOfSquares', 'of named sizes', [float([b, l])], sumOfSquares),
  example('sumOfSquares', 'of one number', [float([])], sumOfSquares),
  example('mean', 'of a fixed size', [float([2, 3])], (x) => mean(x, [-1])),
  example('mean', 'of named sizes', [float([b, l, 2])], (x) => mean(x, [0, 1])),
  example('largest', 'of the last axis', [float([3, 5])], (x) => largest(x, [-1]), {
    ...EXACT,
    noGradient: 'it is not differentiable',
  }),
  example('largest', 'of two axes', [float([b, 3, l])], (x) => largest(x, [0, -1]), {
    ...EXACT,
    noGradient: 'it is not differentiable',
  }),
];
