/** @file Attention and its gradients against sums in double precision. */
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Kernel } from '../../../../engine/runtime/webgpu/kernel.ts';
import {
  attentionBackwardKernels,
  attentionKernel,
  type AttentionProblem,
} from '../../../../engine/runtime/webgpu/kernels/attention.ts';
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
import { attentionProblem, referenceAttention } from './problems.ts';

// A machine with much to do compiles even slower.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

let bench: Bench;
let check: (kernel: Kernel) => Promise<string>;
beforeAll(async () => {
  bench = await openBench();
  check = await openChecker();
});

interface Case {
  readonly batch: number;
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  readonly width: number;
  readonly bias?: readonly [batch: number, heads: number];
}

const CASES: readonly Case[] = [
  { batch: 2, heads: 2, queries: 19, keys: 37, width: 8 },
  { batch: 2, heads: 3, queries: 33, keys: 20, width: 6, bias: [1, 3] },
];

it.each(CASES)('$batch x $heads x $queries x $keys x $width, bias: $bias', async (sizes) => {
  const p = attentionProblem({ ...sizes, dtype: 'f32' });
  const { batch, heads, queries, keys, width } = sizes;
  const own = batch * queries * heads * width;
  const other = batch * keys * heads * width;
  const [q, k, v, g] = [random(own, 1), random(other, 2), random(other, 3), random(own, 4)];
  const bias = sizes.bias ? random(sizes.bias[0] * sizes.bias[1] * queries * keys, 5) : undefined;
  const expected = referenceAttention(p, { q, k, v, g, bias });

  const [qs, ks, vs, gs] = [q, k, v, g].map((data) => upload(bench, data));
  const masked = bias ? [upload(bench, bias)] : [];
  const [y, toQ, toKv] = [own, own, 2 * other].map((count) =>
    upload(bench, new Float32Array(count).fill(NaN)),
  );
  const [sums, products] = [0, 1].map(() => room(bench, batch * heads * queries * 4));
  const forward = attentionKernel(p, PLAIN, true);
  const backward = attentionBackwardKernels(p, PLAIN);
  const known = [qs!, ks!, vs!, gs!, sums!, products!, ...masked];
  submit(bench, [
    await prepare(bench, forward, [qs!, ks!, vs!, ...masked, y!, sums!]),
    await prepare(bench, backward.products, [y!, gs!, products!]),
    await prepare(bench, backward.toQueries, [...known, toQ!]),
    await prepare(bench, backward.toKeysAndValues, [...known, toKv!]),
  ]);
  const read = (buffer: GPUBuffer, count: number) => download(bench, buffer, 'f32', count);
  expect(distance(await read(y!, own), expected.y)).toBeLessThan(1e-5);
  expect(distance(await read(sums!, batch * heads * queries), expected.sums)).toBeLessThan(1e-5);
  expect(distance(await read(toQ!, own), expected.toQ)).toBeLessThan(1e-5);
  const both = await read(toKv!, 2 * other);
  expect(distance(both.slice(0, other), expected.toK)).toBeLessThan(1e-5);
  expect(distance(both.slice(other), expected.toV)).toBeLessThan(1e-5);
});

it('reads q, k and v out of one buffer', async () => {
  const [batch, tokens, heads, width] = [2, 21, 2, 12];
  const row = 3 * heads * width;
  const slice = (offset: number) => ({
    offset,
    batchStride: tokens * row,
    tokenStride: row,
    headStride: width,
  });
  const p: AttentionProblem = {
    ...attentionProblem({ batch, heads, queries: tokens, keys: tokens, width, dtype: 'f32' }),
    q: slice(0),
    k: slice(heads * width),
    v: slice(2 * heads * width),
  };
  const all = random(batch * tokens * row, 6);
  const expected = referenceAttention(p, { q: all, k: all, v: all });
  const [buffer, y] = [upload(bench, all), room(bench, batch * tokens * heads * width * 4)];
  submit(bench, [await prepare(bench, attentionKernel(p, PLAIN), [buffer, buffer, buffer, y])]);
  expect(distance(await download(bench, y, 'f32', expected.y.length), expected.y)).toBeLessThan(1e-5);
});

describe('as WGSL', () => {
  const widths = [6, 40, 64, 128, 256, 512];
  it.each(widths)('compiles in half precision, with and without matrices, for heads of %i', async (width) => {
    for (const bias of [undefined, [1, 1] as const]) {
      const p = attentionProblem({
        batch: 1,
        heads: 2,
        queries: 100,
        keys: 77,
        width,
        dtype: 'f16',
        ...(bias && { bias }),
      });
      for (const features of [{ ...PLAIN, half: true }, MATRICES]) {
        const { products, toQueries, toKeysAndValues } = attentionBackwardKernels(p, features);
        for (const kernel of [attentionKernel(p, features, true), products, toQueries, toKeysAndValues]) {
          expect(await check(kernel), kernel.name).toBe('');
          expect(kernel.bindings.length).toBeLessThanOrEqual(8);
        }
      }
    }
  });
});
