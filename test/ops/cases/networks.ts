import { multiplyDims } from '../../../engine/graph/dim.ts';
import type { Tensor } from '../../../engine/graph/graph.ts';
import {
  attention,
  ATTENTION_SUMS,
  ATTENTION_TO_KEYS_AND_VALUES,
  ATTENTION_TO_QUERIES,
  repeatHeads,
  rotate,
} from '../../../engine/ops/attention.ts';
import { conv2d, convolutionWeights, convolveBack, upsample } from '../../../engine/ops/convolution.ts';
import { cos, like, mul, sin } from '../../../engine/ops/elementwise.ts';
import { groupNorm, layerNorm, rmsNorm, softmax } from '../../../engine/ops/normalization.ts';
import type { Composite } from '../../../engine/graph/op.ts';
import type { Shape } from '../../../engine/graph/shape.ts';
import { b, example, EXACT, float, given, h, l, w, type Case, type Input } from './case.ts';

const EPSILON = 1e-5;

const NORM_CASES = [
  example('rmsNorm', 'of rows', [float([3, 5]), float([5])], (x, s) => rmsNorm(x, s, EPSILON)),
  example('rmsNorm', 'of heads', [float([b, l, 2, 4]), float([4])], (x, s) => rmsNorm(x, s, EPSILON)),
  example('rmsNorm', 'of small numbers', [float([3, 5], -0.01, 0.01), float([5])], (x, s) =>
    rmsNorm(x, s, 1e-4),
  ),
  example('layerNorm', 'of rows', [float([3, 5]), float([5]), float([5])], (x, s, t) =>
    layerNorm(x, s, t, EPSILON),
  ),
  example('layerNorm', 'of tokens', [float([b, l, 4]), float([4]), float([4])], (x, s, t) =>
    layerNorm(x, s, t, EPSILON),
  ),
  grouped('in one group', [2, 4, 3, 1], 1),
  grouped('in two groups', [b, 4, h, w], 2),
  grouped('of each channel', [1, 3, 3, 5], 3),
  example('softmax', 'of rows', [float([3, 5], -4, 4)], softmax),
  example('softmax', 'of named sizes', [float([b, 2, h, l], -4, 4)], softmax),
  example('softmax', 'of one number', [float([3, 1])], softmax),
  example('softmax', 'without overflow', [given('f32', [2, 3], [500, 498, -500, -90, -91, -88])], softmax),
];

const QUERIES: Shape = [b, h, 2, 4];
const KEYS: Shape = [b, l, 2, 4];

const ATTENTION_CASES = [
  attended('to itself', [float(KEYS), float(KEYS), float(KEYS)]),
  attended('to others', [float(QUERIES), float(KEYS), float(KEYS)]),
  attended('of one head', [float([1, 6, 1, 3]), float([1, 6, 1, 3]), float([1, 6, 1, 3])]),
  attended('with a bias', [float(QUERIES), float(KEYS), float(KEYS), float([b, 2, h, l])]),
  attended('with one bias for all heads', [float(QUERIES), float(KEYS), float(KEYS), float([b, 1, h, l])]),
  attended('with one bias for all', [float(QUERIES), float(KEYS), float(KEYS), float([1, 1, h, l])]),
  attended('with a mask', [
    float([1, 2, 2, 4]),
    float([1, 3, 2, 4]),
    float([1, 3, 2, 4]),
    given('f32', [1, 1, 2, 3], [0, -1e30, -1e30, 0, 0, -1e30]),
  ]),
  example('attention', 'of more query heads than key heads', [float([b, h, 6, 4]), float(KEYS)], (q, kv) =>
    attention(q, repeatHeads(kv, 3), repeatHeads(kv, 3), 0.5),
  ),
  ...[[], [float([b, 1, h, l])]].flatMap((bias) => {
    const name = bias.length > 0 ? 'with a bias' : 'without a bias';
    const inputs = [QUERIES, KEYS, KEYS, QUERIES].map((shape) => float(shape));
    const backward = (op: Composite<{ scale: number }>): Case =>
      example(op.name, name, [...inputs, ...bias], (q, keys, values, g, mask?: Tensor) => {
        const masked = mask ? [mask] : [];
        const y = attention(q, keys, values, 0.5, mask);
        const sums = q.graph.add(ATTENTION_SUMS, [q, keys, ...masked], { scale: 0.5 });
        return q.graph.add(op, [q, keys, values, y, g, sums, ...masked], { scale: 0.5 });
      });
    return [
      example(
        'attentionSums',
        name,
        [float(QUERIES), float(KEYS), ...bias],
        (q, keys, mask?: Tensor) =>
          q.graph.add(ATTENTION_SUMS, mask ? [q, keys, mask] : [q, keys], { scale: 0.5 }),
        {
          noGradient: 'only gradients are made with it',
        },
      ),
      backward(ATTENTION_TO_QUERIES),
      backward(ATTENTION_TO_KEYS_AND_VALUES),
    ];
  }),
  example('repeatHeads', 'three times', [float(KEYS)], (x) => repeatHeads(x, 3), EXACT),
  example('repeatHeads', 'once', [float(KEYS)], (x) => repeatHeads(mul(x, like(x, 2)), 1), EXACT),
];

const ROTATE_CASES = (['interleaved', 'halves'] as const).flatMap((pairs) => {
  const turned = (name: string, x: Shape, angles: Shape): Case =>
    example('rotate', `${pairs}, ${name}`, [float(x), float(angles)], (value, angle) =>
      rotate(value, cos(angle), sin(angle), pairs),
    );
  return [
    turned('all angles', [b, l, 2, 4], [b, l, 2, 2]),
    turned('angles of tokens', [b, l, 2, 4], [1, l, 1, 2]),
    turned('angles of tokens in samples', [b, l, 3, 2], [b, l, 1, 1]),
    turned('angles of heads', [2, 3, 2, 6], [1, 1, 2, 3]),
  ];
});

const PICTURE_CASES = [
  convolved('of 3 x 3', [2, 2, 4, 3], [3, 2, 3, 3], 1, [1, 1]),
  convolved('of 1 x 1', [1, 3, 2, 3], [2, 3, 1, 1], 1, [0, 0]),
  convolved('of 3 x 2', [1, 1, 4, 4], [1, 1, 3, 2], 1, [0, 0]),
  convolved('of an even size with stride 2, zeros behind', [1, 2, 6, 4], [2, 2, 3, 3], 2, [0, 1]),
  convolved('of an odd size with stride 2, zeros behind', [1, 2, 5, 7], [2, 2, 3, 3], 2, [0, 1]),
  convolved('of named sizes', [b, 2, h, w], [3, 2, 3, 3], 1, [1, 1]),
  convolved(
    'of named sizes with stride 2',
    [b, 2, multiplyDims(h, 2), multiplyDims(w, 2)],
    [1, 2, 3, 3],
    2,
    [0, 1],
  ),
  ...[1, 2].flatMap((stride) => [
    example(
      'conv2dBack',
      `with stride ${stride}`,
      [float([2, 3, 4 / stride, 6 / stride]), float([3, 2, 3, 3])],
      (g, weight) =>
        convolveBack(g, weight, [2, 2, 4, 6], { stride, padding: stride === 1 ? [1, 1] : [0, 1] }),
    ),
    example(
      'conv2dWeights',
      `with stride ${stride}`,
      [float([2, 2, 4, 6]), float([2, 3, 4 / stride, 6 / stride])],
      (x, g) => convolutionWeights(x, g, [3, 2, 3, 3], { stride, padding: stride === 1 ? [1, 1] : [0, 1] }),
    ),
  ]),
  example('upsample', 'of odd sizes', [float([1, 2, 3, 1])], upsample, EXACT),
  example('upsample', 'of named sizes', [float([b, 2, h, w])], upsample, EXACT),
];

export const NETWORK_CASES: readonly Case[] = [
  ...NORM_CASES,
  ...ATTENTION_CASES,
  ...ROTATE_CASES,
  ...PICTURE_CASES,
];

function grouped(name: string, shape: Shape, groups: number): Case {
  const channels = shape.slice(1, 2);
  return example('groupNorm', name, [float(shape), float(channels), float(channels)], (x, s, t) =>
    groupNorm(x, s, t, groups, EPSILON),
  );
}

function attended(name: string, inputs: readonly Input[]): Case {
  return example('attention', name, inputs, (q, keys, values, bias?: Tensor) =>
    attention(q, keys, values, 0.5, bias),
  );
}

function convolved(
  name: string,
  x: Shape,
  kernel: readonly number[],
  stride: number,
  padding: readonly [number, number],
): Case {
  const inputs = [float(x), float(kernel), float(kernel.slice(0, 1))];
  const build = (image: Tensor, weight: Tensor, bias: Tensor): Tensor =>
    conv2d(image, weight, bias, { stride, padding });
  return example('conv2d', name, inputs, build);
}
