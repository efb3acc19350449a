/** @file Convolutions and their gradients against the ops' own reference. */
import { beforeAll, expect, it, vi } from 'vitest';
import { CONV2D, CONV2D_BACK, CONV2D_WEIGHTS } from '../../../../engine/ops/convolution.ts';
import type { Kernel } from '../../../../engine/runtime/webgpu/kernel.ts';
import {
  convolutionChoices,
  convolutionPlan,
  type ConvolutionProblem,
} from '../../../../engine/runtime/webgpu/kernels/convolution.ts';
import {
  distance,
  download,
  MATRICES,
  openBench,
  openChecker,
  PLAIN,
  prepare,
  random,
  room,
  submit,
  upload,
  type Bench,
} from './device.ts';

// A machine with much to do compiles even slower.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

let bench: Bench;
let check: (kernel: Kernel) => Promise<string>;
beforeAll(async () => {
  bench = await openBench();
  check = await openChecker();
});

const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b);

interface Case {
  readonly picture: readonly number[];
  readonly weight: readonly number[];
  readonly stride: number;
  readonly padding: readonly [before: number, after: number];
  /** Software compiles slowly, so not every case has all three. */
  readonly kinds: readonly ConvolutionProblem['kind'][];
}

const CASES: readonly Case[] = [
  { picture: [2, 3, 7, 6], weight: [5, 3, 3, 3], stride: 1, padding: [1, 1], kinds: ['conv2dBack'] },
  {
    picture: [1, 4, 8, 9],
    weight: [6, 4, 3, 3],
    stride: 2,
    padding: [0, 1],
    kinds: ['conv2d', 'conv2dBack', 'conv2dWeights'],
  },
  // Rows of whole groups, which are read as such.
  {
    picture: [2, 3, 5, 16],
    weight: [8, 3, 3, 3],
    stride: 1,
    padding: [1, 1],
    kinds: ['conv2d', 'conv2dBack', 'conv2dWeights'],
  },
  {
    picture: [2, 8, 4, 4],
    weight: [4, 8, 1, 1],
    stride: 1,
    padding: [0, 0],
    kinds: ['conv2d', 'conv2dBack'],
  },
];

function problemOf(
  { picture, weight, stride, padding }: Omit<Case, 'kinds'>,
  kind: ConvolutionProblem['kind'],
): ConvolutionProblem {
  const along = (axis: number) =>
    Math.floor((picture[axis]! + padding[0] + padding[1] - weight[axis]!) / stride) + 1;
  const result = [picture[0]!, weight[0]!, along(2), along(3)];
  return { kind, picture, weight, result, stride, before: padding[0], dtype: 'f32' };
}

it.each(CASES)('$picture with $weight, stride $stride', async (one) => {
  for (const kind of one.kinds) {
    const p = problemOf(one, kind);
    const [x, weight, y, bias] = [p.picture, p.weight, p.result, [p.weight[0]!]].map((shape, index) => ({
      shape,
      dtype: 'f32' as const,
      data: Float64Array.from(random(count(shape), index + 1)),
    }));
    const attributes = { stride: one.stride, padding: one.padding };
    const inputs = { conv2d: [x!, weight!, bias!], conv2dBack: [y!, weight!], conv2dWeights: [x!, y!] }[kind];
    const output = { conv2d: y!, conv2dBack: x!, conv2dWeights: weight! }[kind];
    const expected = { ...output, data: new Float64Array(count(output.shape)), sizes: {} };
    if (kind === 'conv2d') CONV2D.evaluate(inputs, attributes, expected);
    if (kind === 'conv2dBack') CONV2D_BACK.evaluate(inputs, { ...attributes, shape: output.shape }, expected);
    if (kind === 'conv2dWeights')
      CONV2D_WEIGHTS.evaluate(inputs, { ...attributes, shape: output.shape }, expected);

    const choice = convolutionChoices(p, PLAIN).find(({ splits }) => splits === 1)!;
    const kernel = convolutionPlan({ ...p, choice }, PLAIN).kernels[0];
    const out = upload(bench, new Float32Array(expected.data.length).fill(NaN));
    const buffers = [...inputs.map(({ data }) => upload(bench, new Float32Array(data))), out];
    submit(bench, [await prepare(bench, kernel, buffers)]);
    const actual = await download(bench, out, 'f32', expected.data.length);
    expect(distance(actual, expected.data), kind).toBeLessThan(1e-6);
  }
});

it('sums the gradient of a weight in parts', async () => {
  const p = problemOf(
    { picture: [2, 3, 32, 32], weight: [4, 3, 3, 3], stride: 1, padding: [1, 1] },
    'conv2dWeights',
  );
  const [x, y] = [random(count(p.picture), 1), random(count(p.result), 2)];
  const expected = {
    shape: p.weight,
    dtype: 'f32' as const,
    data: new Float64Array(count(p.weight)),
    sizes: {},
  };
  const inputs = [
    { shape: p.picture, dtype: 'f32' as const, data: Float64Array.from(x) },
    { shape: p.result, dtype: 'f32' as const, data: Float64Array.from(y) },
  ];
  CONV2D_WEIGHTS.evaluate(inputs, { stride: 1, padding: [1, 1], shape: p.weight }, expected);
  const { kernels, partialBytes } = convolutionPlan(p, PLAIN);
  expect(kernels).toHaveLength(2);
  const [parts, out] = [room(bench, partialBytes), room(bench, count(p.weight) * 4)];
  const steps = [
    await prepare(bench, kernels[0], [upload(bench, x), upload(bench, y), parts]),
    await prepare(bench, kernels[1]!, [parts, out]),
  ];
  submit(bench, steps);
  expect(distance(await download(bench, out, 'f32', count(p.weight)), expected.data)).toBeLessThan(1e-6);
});

it.each(['conv2d', 'conv2dBack', 'conv2dWeights'] as const)(
  '%s compiles in half precision on matrices',
  async (kind) => {
    for (const one of CASES) {
      const p = { ...problemOf(one, kind), dtype: 'f16' as const };
      for (const choice of convolutionChoices(p, MATRICES)) {
        for (const kernel of convolutionPlan({ ...p, choice }, MATRICES).kernels)
          expect(await check(kernel)).toBe('');
      }
    }
  },
);
