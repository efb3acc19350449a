/** @file Long kernels in several dispatches, and long runs in several submissions. */
import { describe, expect, it } from 'vitest';
import { Graph, type Tensor } from '../../../engine/graph/graph.ts';
import { attention } from '../../../engine/ops/attention.ts';
import { add, exp } from '../../../engine/ops/elementwise.ts';
import { matmul } from '../../../engine/ops/matmul.ts';
import { transpose } from '../../../engine/ops/movement.ts';
import { softmax } from '../../../engine/ops/normalization.ts';
import { sum } from '../../../engine/ops/reduce.ts';
import { HdmError } from '../../../engine/errors.ts';
import type { Values } from '../../../engine/runtime/runtime.ts';
import type { Kernel, Speeds } from '../../../engine/runtime/webgpu/kernel.ts';
import { attentionKernel } from '../../../engine/runtime/webgpu/kernels/attention.ts';
import { matmulKernel } from '../../../engine/runtime/webgpu/kernels/matmul.ts';
import { MAIN } from '../../../engine/runtime/webgpu/kernels/wgsl.ts';
import { estimate, sliced, submissions } from '../../../engine/runtime/webgpu/slices.ts';
import { webgpuRuntime } from '../../../engine/runtime/webgpu/runtime.ts';
import { expectAllclose, TOLERANCES } from '../../helpers/allclose.ts';
import { testGpu } from '../../helpers/gpu.ts';
import { buildCase, example, float, valuesOf, type Case } from '../../ops/cases/case.ts';
import { MATRICES, openChecker, PLAIN } from './kernels/device.ts';
import { attentionProblem, matmulProblem } from './kernels/problems.ts';

/** 1 TFLOP/s in products, 10 GB/s in memory. */
const SPEEDS: Speeds = { products: { 'tiled 64x64 f32': 1000, 'tiled 32x32 f32': 500 }, memory: 10 };
/** So slow that every workgroup is a slice. */
const SNAIL: Speeds = { products: { 'tiled 64x64 f32': 1e-9 }, memory: 1e-9 };

const KERNEL: Kernel = {
  name: 'k',
  source: `struct S { a: u32 }\n${MAIN}\n  let piece = group.x;\n}`,
  bindings: ['write'],
  workgroups: [7, 3, 2],
  flops: 0,
  bytes: 0,
};

describe('an estimate', () => {
  it('is by operations or bytes, whichever takes longer, at a quarter of what was measured', () => {
    expect(estimate({ ...KERNEL, bytes: 1e9 }, SPEEDS)).toBeCloseTo(400);
    expect(estimate({ ...KERNEL, flops: 1e9 }, SPEEDS)).toBeCloseTo(8);
    expect(estimate({ ...KERNEL, flops: 1e9, speedKey: 'tiled 64x64 f32' }, SPEEDS)).toBeCloseTo(4);
    expect(estimate({ ...KERNEL, flops: 1e15, bytes: 1e15 }, undefined)).toBe(0);
  });
});

describe('a kernel', () => {
  const features = { ...PLAIN, speeds: SPEEDS };

  it('stays as it is when it is short', () => {
    expect(sliced({ ...KERNEL, flops: 1e9 }, features)).toEqual({ ...KERNEL, flops: 1e9 });
    expect(sliced({ ...KERNEL, flops: 1e15 }, PLAIN)).toEqual({ ...KERNEL, flops: 1e15 });
  });

  it.each([2, 5, 7, 9, 30, 42, 1000])(
    'is cut into some %i slices that cover its workgroups once',
    (parts) => {
      const { slices, source } = sliced({ ...KERNEL, bytes: parts * 1.25e8 }, features);
      expect(source).toContain('let group = group_of_slice + slice_offset.xyz;');
      const seen = slices!.flatMap(({ offset: [x, y, z], workgroups: [width, height, depth] }) =>
        Array.from({ length: width * height * depth }, (_, index) =>
          [
            x + (index % width),
            y + (Math.floor(index / width) % height),
            z + Math.floor(index / width / height),
          ].join(),
        ),
      );
      expect(seen).toHaveLength(42);
      expect(new Set(seen).size).toBe(42);
      expect(slices!.length).toBeGreaterThanOrEqual(Math.min(parts, 42) / 2);
    },
  );

  it('may use matrix hardware', async () => {
    const check = await openChecker();
    const slow = { ...MATRICES, speeds: SNAIL };
    const sizes = { batch: 2, m: 256, n: 512, k: 64, ta: false, tb: true };
    const product = { ...matmulProblem(sizes), dtype: 'f16', result: 'f16' } as const;
    const heads = { batch: 1, heads: 2, queries: 100, keys: 77, width: 64, dtype: 'f16' } as const;
    for (const kernel of [matmulKernel(product, slow), attentionKernel(attentionProblem(heads), slow)]) {
      const parts = sliced(kernel, slow);
      expect(parts.slices!.length).toBeGreaterThan(1);
      expect(await check(parts)).toBe('');
    }
  });

  it('must begin as all do', () => {
    expect(() => sliced({ ...KERNEL, source: 'fn main() {}', bytes: 1e12 }, features)).toThrow(HdmError);
  });
});

describe('a run', () => {
  /** Dispatches of each submission. */
  const submitted = (bytes: readonly number[], speeds?: Speeds): number[] => {
    const features = { ...PLAIN, ...(speeds && { speeds }) };
    const kernels = bytes.map((own) => sliced({ ...KERNEL, bytes: own }, features));
    return submissions(kernels, speeds).map(({ length }) => length);
  };

  it('is submitted in parts of at most about half a second', () => {
    expect(submitted([0, 0.12e9, 0.12e9], SPEEDS)).toEqual([3]);
    const of40ms = Array.from({ length: 29 }, () => 0.1e9);
    expect(submitted(of40ms, SPEEDS)).toEqual([12, 12, 5]);
    expect(submitted([1e12, 1e12])).toEqual([2]);
    expect(submitted([], SPEEDS)).toEqual([0]);
  });

  it('begins with a short submission', () => {
    expect(submitted(Array.from({ length: 100 }, () => 0))).toEqual([24, 76]);
  });

  it('may be submitted in the middle of a kernel, of which each slice has its share', () => {
    const long = sliced({ ...KERNEL, bytes: 2.5e9 }, { ...PLAIN, speeds: SPEEDS }); // a second
    const parts = submissions([long], SPEEDS);
    expect(parts.length).toBeGreaterThan(1);
    const shares = parts.flat().map(({ kernel }) => kernel.bytes);
    expect(shares).toHaveLength(long.slices!.length);
    expect(shares.reduce((a, b) => a + b)).toBeCloseTo(2.5e9);
  });
});

const { runtime, reason } = await testGpu();
const slow = runtime && (await webgpuRuntime({ checks: true, half: false, speeds: SNAIL }));

const heads = [float([2, 37, 2, 8]), float([2, 21, 2, 8]), float([2, 21, 2, 8])];
const CASES: readonly Case[] = [
  example('map', 'in vectors', [float([4, 33, 64])], (x) => exp(transpose(x, [1, 0, 2]))),
  example('map', 'of single numbers', [float([17, 129]), float([129])], add),
  example('row', 'of many numbers', [float([67, 257])], softmax),
  example('reduce', 'over rows', [float([301, 33])], (x) => sum(x, [0])),
  example('matmul', 'of a batch', [float([3, 70, 33]), float([3, 33, 65])], matmul),
  example('attention', 'to others', heads, (q, k, v) => attention(q, k, v, 0.5)),
];

describe.skipIf(!runtime)(`in slices and submissions of one kernel each on a GPU ${reason}`, () => {
  it.each(CASES.map((one) => [`${one.of} ${one.name}`, one] as const))(
    '%s gives the same bits',
    async (_name, one) => {
      const [whole, parts] = [await run(runtime!, one), await run(slow!, one)];
      expectAllclose(parts, whole, TOLERANCES.exact);
    },
  );

  it('a chain of kernels gives the same, from run to run', async () => {
    const graph = new Graph();
    const x = graph.input('x', 'f32', [65, 65]);
    const y = softmax(matmul(softmax(x), x));
    graph.output('y', matmul(y, y));
    const values = valuesOf(example('x', 'x', [float([65, 65])], (a: Tensor) => a));
    const [first, second] = await Promise.all([
      results(runtime!, graph, values),
      results(slow!, graph, values),
    ]);
    expectAllclose(second[0]!, first[0]!, TOLERANCES.exact);
    expectAllclose(second[1]!, first[0]!, TOLERANCES.exact);
  });
});

async function run(on: NonNullable<typeof runtime>, one: Case) {
  const { graph, result } = buildCase(one);
  graph.output('y', result);
  return (await results(on, graph, valuesOf(one)))[0]!;
}

/** Of two runs. */
async function results(on: NonNullable<typeof runtime>, graph: Graph, values: Values) {
  const program = await on.compile(graph, new Map());
  const all = [await program.run(values), await program.run(values)];
  await program.dispose();
  return all.map(({ y }) => y!);
}
