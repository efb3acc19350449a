import type { Tensor } from '../../../engine/graph/graph.ts';
import * as activation from '../../../engine/ops/activation.ts';
import * as elementwise from '../../../engine/ops/elementwise.ts';
import { TOLERANCES } from '../../helpers/allclose.ts';
import { b, EXACT, example, float, given, integer, l, type Case, type Input } from './case.ts';

const { add, cast, less, like, max, mul, sub, where } = elementwise;

const UNARY_RANGES = {
  neg: [-2, 2],
  exp: [-4, 4],
  log: [0.1, 4],
  sqrt: [0.1, 4],
  sin: [-20, 20],
  cos: [-20, 20],
  tanh: [-4, 4],
  sigmoid: [-8, 8],
} as const;

const UNARY_CASES = Object.entries(UNARY_RANGES).flatMap(([name, [from, to]]) => {
  const op = elementwise[name as keyof typeof UNARY_RANGES];
  return [
    example(name, 'of a matrix', [float([3, 5], from, to)], op),
    example(name, 'of named sizes', [float([b, 1, l], from, to)], op),
  ];
});

/** How two operands can stretch. */
const STRETCHES: Readonly<Record<string, readonly [Input, Input]>> = {
  'of equal shapes': [float([2, 3]), float([2, 3], 0.5, 2)],
  'stretching the first': [float([3]), float([2, 4, 3], 0.5, 2)],
  'stretching the second': [float([2, 4, 3]), float([4, 1], 0.5, 2)],
  'stretching both': [float([4, 1]), float([2, 1, 3], 0.5, 2)],
  'with a single number': [float([2, 3]), float([], 0.5, 2)],
  'of named sizes': [float([b, 1, l]), float([l, l], 0.5, 2)],
  'of a named size and 1': [float([1, 3]), float([b, 3], 0.5, 2)],
};

const BINARY_CASES = (['add', 'sub', 'mul', 'div', 'max', 'less'] as const).flatMap((name) =>
  Object.entries(STRETCHES).map(([how, inputs]) => example(name, how, inputs, elementwise[name])),
);

const LARGE = given('i64', [2], [2 ** 40 + 1, -(2 ** 52)]);

const INTEGER_CASES = [
  example('add', 'of large integers', [LARGE, LARGE], add, EXACT),
  example('add', 'of integers', [integer([b, l], -9, 9), integer([l], -9, 9)], add, EXACT),
  example('sub', 'of integers', [integer([b, l], -9, 9), integer([l], -9, 9)], sub, EXACT),
  example('mul', 'of integers', [integer([b, l], -9, 9), integer([], -9, 9)], mul, EXACT),
  example('less', 'of integers', [integer([6, 1], -3, 3), integer([6], -3, 3)], less, EXACT),
];

const WHERE_CASES = [
  example('where', 'of equal shapes', [float([3, 4]), float([3, 4]), float([3, 4])], pick),
  example('where', 'stretching the condition', [float([3, 1]), float([2, 3, 4]), float([2, 3, 4])], pick),
  example('where', 'stretching the choices', [float([b, 1, l]), float([l]), float([])], pick),
  example('where', 'of integers', [float([2, 3]), integer([3], 0, 9), integer([2, 1], 0, 9)], pick, EXACT),
];

const CAST_CASES = [
  example('cast', 'to whole numbers', [float([7], -5, 5)], (x) => cast(x, 'i64'), EXACT),
  example(
    'cast',
    'to whole numbers and back',
    [float([7], -5, 5)],
    (x) => cast(cast(x, 'i32'), 'f32'),
    EXACT,
  ),
  example('cast', 'of whole numbers', [integer([b, l], -5, 5)], (x) => cast(x, 'f32'), EXACT),
  example('cast', 'to bool', [given('f32', [4], [0, 0.5, -3, 1])], (x) => cast(x, 'bool'), EXACT),
  example('cast', 'of bool', [float([5]), float([5])], (x, y) => cast(less(x, y), 'f32'), EXACT),
  example('cast', 'to float16', [float([b, l])], (x) => cast(cast(x, 'f16'), 'f32'), {
    tolerance: TOLERANCES.float16,
  }),
  example('cast', 'to bfloat16', [float([b, l])], (x) => cast(cast(x, 'bf16'), 'f32'), {
    tolerance: TOLERANCES.bfloat16,
  }),
];

const ACTIVATION_CASES = [
  example('silu', 'on both sides of 0', [float([3, 5], -10, 10)], activation.silu),
  example('softplus', 'without overflow', [given('f32', [5], [-200, -3, 0.5, 3, 200])], activation.softplus),
  example('mish', 'on both sides of 0', [float([b, l], -10, 10)], activation.mish),
  example('geluTanh', 'on both sides of 0', [float([b, l], -4, 4)], activation.geluTanh),
];

const CONSTANT_CASES = [
  example('constant', 'as a number', [float([3])], (x) => mul(x, like(x, 0.5))),
  example('constant', 'as a bfloat16 number', [float([3])], (x) => {
    return max(x, cast(like(cast(x, 'bf16'), 0.5), 'f32'));
  }),
  example('constant', 'of whole numbers', [integer([3], 0, 9)], (x) => add(x, like(x, 7)), EXACT),
];

export const ELEMENTWISE_CASES: readonly Case[] = [
  ...UNARY_CASES,
  ...BINARY_CASES,
  ...INTEGER_CASES,
  ...WHERE_CASES,
  ...CAST_CASES,
  ...ACTIVATION_CASES,
  ...CONSTANT_CASES,
];

function pick(condition: Tensor, x: Tensor, y: Tensor): Tensor {
  return where(less(condition, like(condition, 0)), x, y);
}
