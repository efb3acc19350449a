import { addDims, multiplyDims } from '../../../engine/graph/dim.ts';
import { cast } from '../../../engine/ops/elementwise.ts';
import {
  broadcastTo,
  concat,
  dimension,
  padZeros,
  range,
  reshape,
  slice,
  split,
  transpose,
  zeros,
} from '../../../engine/ops/movement.ts';
import { after } from '../../../engine/ops/order.ts';
import {
  b,
  EXACT,
  example,
  float,
  given,
  h,
  integer,
  l,
  w,
  type Build,
  type Case,
  type Input,
} from './case.ts';

const twiceH = multiplyDims(h, 2);
const pixels = multiplyDims(h, w);
const tokens = addDims(pixels, l);
/** Image and text tokens, and two inputs that tell h, w and l. */
const TOKENS = [float([b, tokens, 2]), float([h, w]), float([l])];

const RESHAPE_CASES = [
  moved('reshape', 'to fewer axes', [float([2, 3, 4])], (x) => reshape(x, [6, 4])),
  moved('reshape', 'to more axes', [float([6, 4])], (x) => reshape(x, [2, 1, 3, 4, 1])),
  moved('reshape', 'to a single number', [float([1, 1])], (x) => reshape(x, [])),
  moved('reshape', 'of named sizes', [float([b, twiceH, w])], (x) => reshape(x, [b, h, 2, w])),
  moved('reshape', 'of products of sizes', [float([b, h, w, 3])], (x) => reshape(x, [b, pixels, 3])),
  moved('reshape', 'of nothing', [float([0, 3])], (x) => reshape(x, [3, 0])),
  moved('reshape', 'of integers', [integer([2, 6], 0, 99)], (x) => reshape(x, [3, 4])),
];

const TRANSPOSE_CASES = [
  moved('transpose', 'of a matrix', [float([2, 3])], (x) => transpose(x, [1, 0])),
  moved('transpose', 'as attention does', [float([b, l, 2, 3])], (x) => transpose(x, [0, 2, 1, 3])),
  moved('transpose', 'in a circle', [float([2, 3, 4])], (x) => transpose(x, [2, 0, 1])),
  moved('transpose', 'of patches', [float([b, 2, h, 2, w, 2])], (x) => transpose(x, [0, 2, 4, 1, 3, 5])),
  moved('transpose', 'that changes nothing', [float([2, 1, 3])], (x) => transpose(x, [0, 1, 2])),
];

const BROADCAST_CASES = [
  moved('broadcast', 'along a leading axis', [float([3])], (x) => broadcastTo(x, [2, 3])),
  moved('broadcast', 'in the middle', [float([2, 1, 3])], (x) => broadcastTo(x, [2, 4, 3])),
  moved('broadcast', 'of a single number', [float([])], (x) => broadcastTo(x, [2, 3])),
  moved('broadcast', 'to named sizes', [float([1, l, 1]), float([b])], (x) => broadcastTo(x, [b, l, 2])),
  moved('broadcast', 'of size 1 to 1', [float([3, 1])], (x) => broadcastTo(x, [1, 3, 1])),
  moved('broadcast', 'of integers', [integer([l], 0, 9), float([b])], (x) => broadcastTo(x, [b, l])),
  moved('zeros', 'of named sizes', [float([b, l])], (x) => zeros(x, [l, b])),
];

const SLICE_CASES = [
  moved('slice', 'of rows', [float([5, 3])], (x) => slice(x, 0, 1, 3)),
  moved('slice', 'of the last axis', [float([2, 3, 7])], (x) => slice(x, -1, 5, 2)),
  moved('slice', 'in the middle', [float([2, 5, 3])], (x) => slice(x, 1, 4, 1)),
  moved('slice', 'of nothing', [float([2, 5, 3])], (x) => slice(x, 1, 2, 0)),
  moved('slice', 'of the image tokens', TOKENS, (x) => slice(x, 1, 0, pixels)),
  moved('slice', 'of the text tokens', TOKENS, (x) => slice(x, 1, pixels, l)),
  moved('slice', 'behind a cast', [float([6, 2])], (x) => slice(cast(cast(x, 'i64'), 'f32'), 0, 2, 2)),
  moved('split', 'of a negative axis', [float([2, 9])], (x) => split(x, -1, 3)[1]!),
];

const PAD_CASES = [
  moved('pad', 'before', [float([2, 3])], (x) => padZeros(x, 0, 2, 0)),
  moved('pad', 'on both sides of the last axis', [float([2, 3])], (x) => padZeros(x, -1, 1, 2)),
  moved('pad', 'by named sizes', TOKENS, (x) => padZeros(x, 1, pixels, l)),
];

const CONCAT_CASES = [
  moved('concat', 'of three odd parts', [float([2, 3]), float([2, 1]), float([2, 5])], (...x) =>
    concat(x, 1),
  ),
  moved('concat', 'of a negative axis', [float([2, 3, 1]), float([2, 1, 1])], (...x) => concat(x, -2)),
  moved('concat', 'of image and text', [float([b, l, 3]), float([b, h, 3])], (...x) => concat(x, 1)),
  moved('concat', 'with a part twice', [float([2, 2])], (x) => concat([x, x], 0)),
  moved('concat', 'with nothing', [float([2, 3]), float([2, 0])], (...x) => concat(x, 1)),
];

const SIZE_CASES = [
  moved('range', 'of integers', [float([h, w])], (x) => range(x.graph, pixels, 'i64')),
  moved('range', 'of floats', [float([l])], (x) => range(x.graph, l, 'f32')),
  moved('dimension', 'computed from others', TOKENS, (x) => dimension(x.graph, tokens)),
  moved('dimension', 'known beforehand', [float([3])], (x) => dimension(x.graph, 7)),
];

const ORDER_CASES = [
  moved('after', 'another value', [float([2, 3]), float([b, l])], (x, first) => after(x, first)),
  moved('after', 'a number that is none', [float([2, 3]), given('f32', [2], [NaN, Infinity])], (x, first) =>
    after(x, first),
  ),
];

export const MOVEMENT_CASES: readonly Case[] = [
  ...RESHAPE_CASES,
  ...TRANSPOSE_CASES,
  ...BROADCAST_CASES,
  ...SLICE_CASES,
  ...PAD_CASES,
  ...CONCAT_CASES,
  ...SIZE_CASES,
  ...ORDER_CASES,
];

function moved(of: string, name: string, inputs: readonly Input[], build: Build): Case {
  return example(of, name, inputs, build, EXACT);
}
