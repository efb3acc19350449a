/** @file Products against sums in double precision, in every layout, for odd and even sizes. */
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Epilogue, Kernel } from '../../../../engine/runtime/webgpu/kernel.ts';
import {
  choiceKey,
  matmulChoices,
  matmulKernel,
  matmulPlan,
  type MatmulProblem,
} from '../../../../engine/runtime/webgpu/kernels/matmul.ts';
import {
  distance,
  download,
  markingEpilogue,
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
import { matmulProblem, referenceProduct } from './problems.ts';

// A machine with much to do compiles even slower.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

let bench: Bench;
let check: (kernel: Kernel) => Promise<string>;
beforeAll(async () => {
  bench = await openBench();
  check = await openChecker();
});

async function run(
  p: MatmulProblem,
  a: Float32Array,
  b: Float32Array,
  epilogue?: Epilogue,
): Promise<ArrayLike<number>> {
  const plan = matmulPlan(p, PLAIN, epilogue);
  const [left, right, factor] = [upload(bench, a), upload(bench, b), upload(bench, new Float32Array([2]))];
  const count = p.batch * p.m * p.n;
  const out = upload(bench, new Float32Array(count).fill(NaN));
  const end = epilogue ? [factor, out] : [out];
  const [first, second] = plan.kernels;
  const parts = room(bench, plan.partialBytes);
  const steps = second
    ? [await prepare(bench, first, [left, right, parts]), await prepare(bench, second, [parts, ...end])]
    : [await prepare(bench, first, [left, right, ...end])];
  submit(bench, steps);
  return download(bench, out, 'f32', count);
}

const LAYOUTS = [
  [false, false],
  [false, true],
  [true, false],
  [true, true],
] as const;
/** Sizes, and the place of the way to compute them in the list: software compiles slowly, so each has one. */
const SIZES = [
  { batch: 2, m: 17, n: 33, k: 5, way: 0 },
  { batch: 3, m: 36, n: 44, k: 40, way: 1 },
];

describe.each(LAYOUTS)('a transposed: %s, b transposed: %s', (ta, tb) => {
  it.each(SIZES)('$batch x $m x $k x $n', async ({ batch, m, n, k, way }) => {
    const p = matmulProblem({ batch, m, n, k, ta, tb });
    const [a, b] = [random(batch * m * k, 1), random(batch * n * k, 2)];
    const choice = matmulChoices(p, PLAIN)[way]!;
    expect(
      distance(await run({ ...p, choice }, a, b), referenceProduct(p, a, b)),
      choiceKey(choice),
    ).toBeLessThan(1e-6);
  });
});

it('multiplies single numbers', async () => {
  const p = matmulProblem({ batch: 1, m: 1, n: 1, k: 1, ta: false, tb: true });
  expect(Array.from(await run(p, new Float32Array([3]), new Float32Array([4])))).toEqual([12]);
});

it('reads slices of larger buffers', async () => {
  const p: MatmulProblem = {
    ...matmulProblem({ batch: 2, m: 9, n: 8, k: 12, ta: false, tb: true }),
    a: { transposed: false, rowStride: 40, batchStride: 400, offset: 8 },
    b: { transposed: true, rowStride: 13, batchStride: 0, offset: 3 },
  };
  const [a, b] = [random(900, 3), random(200, 4)];
  expect(distance(await run(p, a, b), referenceProduct(p, a, b))).toBeLessThan(1e-6);
});

it.each([30, 32])('splits k for small results, %s columns, and ends in an epilogue', async (n) => {
  const p = matmulProblem({ batch: 2, m: 31, n, k: 1500, ta: true, tb: false });
  const [a, b] = [random(2 * 31 * 1500, 5), random(2 * n * 1500, 6)];
  const choice = matmulChoices(p, PLAIN).find(({ splits }) => splits > 1)!;
  const marked = referenceProduct(p, a, b).map((value, index) => value * 2 + (index % n));
  expect(distance(await run({ ...p, choice }, a, b, markingEpilogue(31, n)), marked)).toBeLessThan(1e-6);
});

it('spreads workgroups over two axes where one is too short', async () => {
  const p = matmulProblem({ batch: 1, m: 70, n: 300, k: 8, ta: false, tb: false });
  const features = { ...PLAIN, workgroupCount: 8 };
  const kernel = matmulKernel(p, features);
  expect(Math.max(...kernel.workgroups)).toBeLessThanOrEqual(8);
  const [a, b] = [random(70 * 8, 7), random(300 * 8, 8)];
  const out = room(bench, 70 * 300 * 4);
  submit(bench, [await prepare(bench, kernel, [upload(bench, a), upload(bench, b), out])]);
  expect(distance(await download(bench, out, 'f32', 70 * 300), referenceProduct(p, a, b))).toBeLessThan(1e-6);
});

describe('half precision and matrix hardware, as WGSL', () => {
  it.each(LAYOUTS)('compiles in all ways; transposed: %s, %s', async (ta, tb) => {
    for (const [m, n, k] of [
      [256, 512, 2048],
      [33, 30, 700],
    ] as const) {
      const p = { ...matmulProblem({ batch: 1, m, n, k, ta, tb }), dtype: 'f16', result: 'f16' } as const;
      for (const choice of matmulChoices(p, MATRICES)) {
        for (const kernel of matmulPlan({ ...p, choice }, MATRICES).kernels)
          expect(await check(kernel)).toBe('');
      }
    }
  });

  it('prefers matrices, and respects the memory of a workgroup', () => {
    const p = {
      ...matmulProblem({ batch: 1, m: 4096, n: 1024, k: 1024, ta: false, tb: true }),
      dtype: 'f16' as const,
    };
    expect(matmulChoices(p, MATRICES)[0]!.way).toBe('matrices');
    expect(
      matmulChoices(p, { ...MATRICES, workgroupBytes: 16_384 }).every((choice) => choice.way === 'tiled'),
    ).toBe(false);
    expect(matmulChoices(p, PLAIN).every(({ way }) => way === 'tiled')).toBe(true);
  });
});
