import { describe, expect, it } from 'vitest';
import { HdmError } from '../../engine/errors.ts';
import { multiplyDims, size } from '../../engine/graph/dim.ts';
import type { DType } from '../../engine/graph/dtype.ts';
import { Graph, type Tensor } from '../../engine/graph/graph.ts';
import type { Shape } from '../../engine/graph/shape.ts';
import { attention, repeatHeads, rotate } from '../../engine/ops/attention.ts';
import { conv2d, upsample } from '../../engine/ops/convolution.ts';
import { add, exp, less, where } from '../../engine/ops/elementwise.ts';
import { gather, gatherTokens, scatter } from '../../engine/ops/indexing.ts';
import { linear, matmul } from '../../engine/ops/matmul.ts';
import {
  broadcastTo,
  concat,
  padZeros,
  reshape,
  slice,
  split,
  transpose,
} from '../../engine/ops/movement.ts';
import { groupNorm, layerNorm, rmsNorm } from '../../engine/ops/normalization.ts';
import { largest, sum } from '../../engine/ops/reduce.ts';

const b = size('b');

/** What is built wrongly, and the words that its error must have: the op first, then what came. */
const MISTAKES: readonly [build: (make: Make) => unknown, ...words: string[]][] = [
  [(x) => exp(x([2], 'i64')), 'exp', 'i64 [2]'],
  [(x) => add(x([2, 3]), x([2])), 'add', '[2, 3]', '[2]'],
  [(x) => add(x([b, 3]), x([size('l'), 3])), 'add', '[b, 3]', '[l, 3]'],
  [(x) => add(x([2]), x([2], 'f16')), 'add', 'f32 [2]', 'f16 [2]'],
  [(x) => less(x([2]), x([3])), 'less', '[2]', '[3]'],
  [(x) => where(x([2]), x([2]), x([2])), 'where', 'bool', 'f32 [2]'],
  [(x) => where(x([2], 'bool'), x([2]), x([2], 'i64')), 'where', 'f32 [2]', 'i64 [2]'],
  [(x) => where(x([3], 'bool'), x([2]), x([2])), 'where', '[3]', '[2]'],
  [(x) => reshape(x([2, 3]), [4]), 'reshape', '[2, 3]', '[4]'],
  [(x) => reshape(x([b, 3]), [multiplyDims(b, 2)]), 'reshape', '[b, 3]', '[2*b]'],
  [(x) => transpose(x([2, 3]), [0, 0]), 'transpose', '[0, 0]', '[2, 3]'],
  [(x) => transpose(x([2, 3]), [0]), 'transpose', '[0]', '[2, 3]'],
  [(x) => broadcastTo(x([2, 3]), [4, 3]), 'broadcast', '[2, 3]', '[4, 3]'],
  [(x) => broadcastTo(x([2, 3]), [3]), 'broadcast', '[2, 3]', '[3]'],
  [(x) => slice(x([2, 3]), 1, 2, 2), 'slice', '4', '[2, 3]'],
  [(x) => slice(x([2, 3]), 2, 0, 1), 'slice', 'axis 2', '2 axes'],
  [(x) => split(x([2, 7]), 1, 3), 'split', '[2, 7]', '3'],
  [(x) => split(x([2, b]), 1, 2), 'split', '[2, b]', '2'],
  [(x) => padZeros(x([2]), -2, 1, 1), 'pad', 'axis -2', '1 axes'],
  [(x) => concat([x([2, 3]), x([3, 3])], 1), 'concat', '[2, 3]', '[3, 3]'],
  [(x) => concat([x([2, 3]), x([2, 3], 'f16')], 1), 'concat', 'f32 [2, 3]', 'f16 [2, 3]'],
  [(x) => concat([x([2, 3]), x([2])], 0), 'concat', '[2, 3]', '[2]'],
  [(x) => sum(x([2], 'i64'), [0]), 'sum', 'i64 [2]'],
  [(x) => largest(x([2]), [1]), 'largest', 'axis 1'],
  [(x) => matmul(x([2, 3]), x([4, 5])), 'matmul', '[2, 3]', '[4, 5]'],
  [(x) => matmul(x([3]), x([3, 5])), 'matmul', '[3]', '[3, 5]'],
  [(x) => matmul(x([2, 2, 3]), x([4, 3, 5])), 'matmul', '[2]', '[4]'],
  [(x) => matmul(x([2, 3], 'f16'), x([3, 2])), 'matmul', 'f16 [2, 3]', 'f32 [3, 2]'],
  [(x) => linear(x([2, 3]), x([5, 4])), 'linear', '[2, 3]', '[5, 4]'],
  [(x) => linear(x([2, 3]), x([5, 3, 1])), 'linear', '[2, 3]', '[5, 3, 1]'],
  [(x) => linear(x([2, 3]), x([5, 3]), x([3])), 'linear', '[3]', '[5, 3]'],
  [(x) => linear(x([2, 3]), x([5, 3]), x([5], 'f16')), 'linear', 'f16 [5]', 'f32 [5, 3]'],
  [(x) => rmsNorm(x([2, 3]), x([2]), 1e-6), 'rmsNorm', '[2, 3]', '[2]'],
  [(x) => layerNorm(x([2, 3]), x([3]), x([3], 'f16'), 1e-6), 'layerNorm', 'f32 [2, 3]', 'f16 [3]'],
  [(x) => groupNorm(x([2, 3, 1, 1]), x([3]), x([3]), 2, 1e-6), 'groupNorm', '[2, 3, 1, 1]', '2 groups'],
  [(x) => groupNorm(x([2, 4, 1, 1]), x([4]), x([2]), 2, 1e-6), 'groupNorm', '[2, 4, 1, 1]', '[2]'],
  [(x) => groupNorm(x([2, 4]), x([4]), x([4]), 2, 1e-6), 'groupNorm', '[2, 4]', 'channels'],
  [
    (x) => attention(x([1, 2, 3, 4]), x([1, 2, 3, 5]), x([1, 2, 3, 5]), 1),
    'attention',
    '[1, 2, 3, 4]',
    '[1, 2, 3, 5]',
  ],
  [
    (x) => attention(x([1, 2, 3, 4]), x([1, 2, 3, 4]), x([1, 5, 3, 4]), 1),
    'attention',
    '[1, 2, 3, 4]',
    '[1, 5, 3, 4]',
  ],
  [(x) => attention(x([2, 12]), x([2, 12]), x([2, 12]), 1), 'attention', '[2, 12]', 'head size'],
  [(x) => biased(x, [2, 2]), 'attention', '[2, 2]', '[1, 2, 3, 4]'],
  [(x) => biased(x, [1, 2, 2, 2]), 'attention', '[1, 2, 2, 2]', '[1, 2, 3, 4]'],
  [(x) => repeatHeads(x([2, 3]), 2), 'repeatHeads', '[2, 3]'],
  [(x) => rotate(x([1, 2, 3, 4]), x([1, 2, 3, 4]), x([1, 2, 3, 4]), 'halves'), 'rotate', '[1, 2, 3, 4]'],
  [
    (x) => rotate(x([1, 2, 3, 4]), x([1, 2, 1, 2]), x([1, 2, 3, 2]), 'halves'),
    'rotate',
    '[1, 2, 1, 2]',
    '[1, 2, 3, 2]',
  ],
  [
    (x) => rotate(x([1, 2, 3, 3]), x([1, 2, 3, 1]), x([1, 2, 3, 1]), 'halves'),
    'rotate',
    '[1, 2, 3, 3]',
    '[1, 2, 3, 1]',
  ],
  [(x) => rotate(x([2, 4]), x([2, 2]), x([2, 2]), 'halves'), 'rotate', '[2, 4]'],
  [(x) => conv2d(x([1, 3, 4, 4]), x([2, 4, 3, 3]), x([2]), PLAIN), 'conv2d', '[1, 3, 4, 4]', '[2, 4, 3, 3]'],
  [(x) => conv2d(x([1, 3, 4, 4]), x([2, 3, 3, 3]), x([3]), PLAIN), 'conv2d', '[1, 3, 4, 4]', '[3]'],
  [(x) => conv2d(x([3, 4, 4]), x([2, 3, 3, 3]), x([2]), PLAIN), 'conv2d', '[3, 4, 4]'],
  [(x) => upsample(x([2, 3])), 'upsample', '[2, 3]'],
  [(x) => gather(x([4, 2]), x([3])), 'gather', 'i64', 'f32 [3]'],
  [(x) => scatter(x([4, 2]), x([3], 'i64'), x([3, 3]), 'add'), 'scatter', '[4, 2]', '[3, 3]'],
  [(x) => scatter(x([4, 2]), x([3]), x([3, 2]), 'add'), 'scatter', 'f32 [3]'],
  [(x) => gatherTokens(x([2, 5, 3]), x([3, 4], 'i64')), 'tokens', '[2, 5, 3]', '[3, 4]'],
];

const PLAIN = { stride: 1, padding: [1, 1] } as const;

describe('an op that is given what does not fit', () => {
  it.each(MISTAKES.map(([build, ...words]) => [words.join(' … '), build, words] as const))(
    'says so: %s',
    (_name, build, words) => {
      const error = thrownBy(() => build(maker()));
      expect(error).toBeInstanceOf(HdmError);
      const { code, message } = error as HdmError;
      expect(code).toBe('bad-shape');
      expect(message.startsWith(`${words[0]}: `), message).toBe(true);
      for (const word of words) expect(message).toContain(word);
    },
  );

  it('says so when the operands are of different graphs', () => {
    expect(() => add(maker()([2]), maker()([2]))).toThrow('add: an operand belongs to another graph');
  });
});

type Make = (shape: Shape, dtype?: DType) => Tensor;

function maker(): Make {
  const graph = new Graph();
  return (shape, dtype = 'f32') => graph.input(`input ${graph.inputs.size}`, dtype, shape);
}

function biased(make: Make, shape: Shape): Tensor {
  const [q, k, v] = [1, 2, 3].map(() => make([1, 2, 3, 4])) as [Tensor, Tensor, Tensor];
  return attention(q, k, v, 1, make(shape));
}

function thrownBy(build: () => unknown): unknown {
  try {
    build();
  } catch (error) {
    return error;
  }
  return undefined;
}
