/**
 * @file Speed of the heavy kernels on the GPU of this machine, at the shapes of HDM: `node bench.ts [all]`. With `all`,
 * every way to compute a product is measured, not only the preferred one.
 */
import {
  attentionBackwardKernels,
  attentionKernel,
} from '../../../../engine/runtime/webgpu/kernels/attention.ts';
import {
  convolutionChoices,
  convolutionPlan,
  type ConvolutionProblem,
} from '../../../../engine/runtime/webgpu/kernels/convolution.ts';
import {
  choiceKey,
  matmulChoices,
  matmulPlan,
  type Plan,
} from '../../../../engine/runtime/webgpu/kernels/matmul.ts';
import {
  distance,
  download,
  ofType,
  openBench,
  prepare,
  random,
  room,
  upload,
  type Ready,
} from './device.ts';
import { attentionProblem, matmulProblem } from './problems.ts';
import { report, secondsOf } from './timing.ts';

const bench = await openBench();
const { features } = bench;
const dtype = features.half ? 'f16' : 'f32';
const size = features.half ? 2 : 4;
const isThorough = process.argv.includes('all');
console.log(bench.name, JSON.stringify(features));

const numbers = (count: number, seed: number): GPUBuffer =>
  upload(bench, ofType(dtype, random(count, seed, 0.5)));
const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b);

async function stepsOf(
  plan: Plan,
  operands: readonly GPUBuffer[],
  end: readonly GPUBuffer[],
): Promise<Ready[]> {
  const [first, second] = plan.kernels;
  if (!second) return [await prepare(bench, first, [...operands, ...end])];
  const parts = room(bench, plan.partialBytes);
  return [await prepare(bench, first, [...operands, parts]), await prepare(bench, second, [parts, ...end])];
}

async function benchMatmul(m: number, k: number, n: number, ta: boolean, tb: boolean): Promise<void> {
  const p = { ...matmulProblem({ batch: 1, m, n, k, ta, tb }), dtype, result: dtype } as const;
  const [a, b, out] = [numbers(m * k, 1), numbers(n * k, 2), room(bench, m * n * size)];
  console.log(`matmul ${m}x${k}x${n}${ta ? ', a transposed' : ''}${tb ? ', b transposed' : ''}`);
  let expected: ArrayLike<number> | undefined;
  for (const choice of matmulChoices(p, features).slice(0, isThorough ? undefined : 1)) {
    const plan = matmulPlan({ ...p, choice }, features);
    const steps = await stepsOf(plan, [a, b], [out]);
    const { flops } = plan.kernels[0];
    const seconds = await secondsOf(bench, steps, flops);
    const actual = await download(bench, out, dtype, Math.min(m * n, 1 << 20));
    report(choiceKey(choice), flops, seconds, distance(actual, (expected ??= actual)));
  }
  for (const buffer of [a, b, out]) buffer.destroy();
}

async function benchAttention(
  batch: number,
  heads: number,
  queries: number,
  keys: number,
  width: number,
): Promise<void> {
  const p = attentionProblem({ batch, heads, queries, keys, width, dtype });
  const [own, other, rows] = [
    batch * queries * heads * width,
    batch * keys * heads * width,
    batch * heads * queries,
  ];
  const [q, g, k, v] = [numbers(own, 1), numbers(own, 2), numbers(other, 3), numbers(other, 4)];
  const [y, toQ, toKv] = [own, own, 2 * other].map((length) => room(bench, length * size)) as [
    GPUBuffer,
    GPUBuffer,
    GPUBuffer,
  ];
  const [sums, products] = [room(bench, rows * 4), room(bench, rows * 4)];
  const forward = attentionKernel(p, features, true);
  const backward = attentionBackwardKernels(p, features);
  const known = [q, k, v, g, sums, products];
  const jobs = [
    [forward, [q, k, v, y, sums]],
    [backward.products, [y, g, products]],
    [backward.toQueries, [...known, toQ]],
    [backward.toKeysAndValues, [...known, toKv]],
  ] as const;
  for (const [kernel, buffers] of jobs) {
    const ready = await prepare(bench, kernel, buffers);
    report(kernel.name, kernel.flops, await secondsOf(bench, [ready], Math.max(kernel.flops, 1e9)), 0);
  }
  for (const buffer of [...known, y, toQ, toKv]) buffer.destroy();
}

async function benchConvolution(
  kind: ConvolutionProblem['kind'],
  channels: number,
  outputs: number,
  side: number,
): Promise<void> {
  const [picture, weight, result] = [
    [1, channels, side, side],
    [outputs, channels, 3, 3],
    [1, outputs, side, side],
  ];
  const p: ConvolutionProblem = { kind, picture, weight, result, stride: 1, before: 1, dtype };
  const shapes = {
    conv2d: [picture, weight],
    conv2dBack: [result, weight],
    conv2dWeights: [picture, result],
  }[kind];
  const operands = shapes.map((shape, index) => numbers(count(shape), index));
  const written = { conv2d: result, conv2dBack: picture, conv2dWeights: weight }[kind];
  const out = room(bench, count(written) * size);
  const end = kind === 'conv2d' ? [numbers(outputs, 9), out] : [out];
  console.log(`${kind} ${picture.join('x')} ${weight.join('x')}`);
  let expected: ArrayLike<number> | undefined;
  for (const choice of convolutionChoices(p, features).slice(0, isThorough ? undefined : 1)) {
    const plan = convolutionPlan({ ...p, choice }, features);
    const { flops } = plan.kernels[0];
    const seconds = await secondsOf(bench, await stepsOf(plan, operands, end), flops);
    const actual = await download(bench, out, dtype, Math.min(count(written), 1 << 20));
    report(choiceKey(choice), flops, seconds, distance(actual, (expected ??= actual)));
  }
  for (const buffer of [...operands, ...end]) buffer.destroy();
}

// A picture of 1024 x 1024, then training at 256 x 256 with 128 pictures a step.
for (const [k, n] of [
  [1024, 6144],
  [3072, 1024],
  [1024, 1024],
  [1024, 3072],
] as const)
  await benchMatmul(4352, k, n, false, true);
for (const [k, n] of [
  [1024, 1024],
  [1024, 6144],
  [3072, 1024],
] as const)
  await benchMatmul(32_768, k, n, false, true);
await benchMatmul(32_768, 6144, 1024, false, false);
for (const n of [1024, 6144]) await benchMatmul(1024, 65_536, n, true, false);
await benchAttention(1, 16, 4352, 4352, 64);
await benchAttention(1, 10, 4352, 4352, 128);
await benchAttention(128, 16, 512, 512, 64);
await benchAttention(128, 16, 384, 384, 64);
await benchAttention(1, 1, 4096, 4096, 512);
for (const kind of ['conv2d', 'conv2dBack', 'conv2dWeights'] as const)
  await benchConvolution(kind, 256, 256, 256);
await benchConvolution('conv2d', 128, 128, 512);
process.exit(0);
