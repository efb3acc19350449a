/** @file What becomes of a runtime whose GPU is lost or full: an error that says so, and a new runtime that works. */
import { describe, expect, it } from 'vitest';
import { size } from '../../../engine/graph/dim.ts';
import { f32 } from '../../../engine/graph/dtype.ts';
import { Graph } from '../../../engine/graph/graph.ts';
import { add, exp } from '../../../engine/ops/elementwise.ts';
import { matmul } from '../../../engine/ops/matmul.ts';
import { reshape } from '../../../engine/ops/movement.ts';
import { softmax } from '../../../engine/ops/normalization.ts';
import { sum } from '../../../engine/ops/reduce.ts';
import type { Runtime, WeightSources } from '../../../engine/runtime/runtime.ts';
import { webgpuRuntime, type WebgpuRuntime } from '../../../engine/runtime/webgpu/runtime.ts';
import { testGpu } from '../../helpers/gpu.ts';

const { runtime, reason } = await testGpu();
const LOST = {
  name: 'HdmError',
  code: 'device',
  message: expect.stringContaining('the GPU was lost') as string,
};

describe.skipIf(!runtime)(`a GPU that is lost ${reason}`, () => {
  it.each([
    [
      'before a program is compiled',
      async (own: WebgpuRuntime) => {
        own.close();
        await works(own);
      },
    ],
    [
      'between two runs',
      async (own: WebgpuRuntime) => {
        const { program, input } = await compiled(own);
        await program.run(input);
        own.close();
        await program.run(input);
      },
    ],
    [
      'in the middle of runs',
      async (own: WebgpuRuntime) => {
        const { program, input } = await compiled(own);
        await program.run(input);
        const running = [program.run(input), program.run(input), program.run(input)];
        own.close();
        await Promise.all(running);
      },
    ],
    [
      'while a program is compiled',
      async (own: WebgpuRuntime) => {
        const working = works(own);
        own.close();
        await working;
      },
    ],
    [
      'before variables are written',
      async (own: WebgpuRuntime) => {
        own.close();
        await own.createVariables().write('x', f32([3], [1, 2, 3]));
      },
    ],
  ])('%s', async (_name, lose) => {
    const own = await webgpuRuntime({ checks: true, half: false });
    await expect(lose(own)).rejects.toMatchObject(LOST);
    await expect(works(own)).rejects.toMatchObject(LOST);
    const next = await webgpuRuntime({ checks: true, half: false });
    await works(next);
    next.close();
  });

  it('lets programs and variables be given back', async () => {
    const own = await webgpuRuntime({ checks: true, half: false });
    const { program, input } = await compiled(own);
    const variables = own.createVariables();
    await variables.write('x', f32([3], [1, 2, 3]));
    await program.run(input);
    own.close();
    await program.run(input).catch(() => undefined);
    await program.dispose();
    await variables.dispose();
  });
});

describe.skipIf(!runtime)(`a GPU whose buffers are too small ${reason}`, () => {
  it('says so, and goes on with what fits', async () => {
    const graph = new Graph();
    const n = size('n');
    const x = graph.input('x', 'f32', [n]);
    const table = softmax(add(reshape(x, [n, 1]), reshape(exp(x), [1, n]))); // n x n numbers that are stored
    graph.output('y', sum(matmul(table, table), [0, 1]));
    const program = await runtime!.compile(graph, new Map());
    const inputOf = (length: number) => ({ x: f32([length], new Float32Array(length)) });
    await program.run(inputOf(8));
    const { held } = runtime!.memory();
    await expect(program.run(inputOf(2 ** 17))).rejects.toMatchObject({ name: 'HdmError', code: 'device' });
    await expect(program.run(inputOf(2 ** 17))).rejects.toThrow(/more than one buffer of this GPU may have/);
    const { y } = await program.run(inputOf(8));
    expect(y!.data[0]).toBeCloseTo(8);
    await works(runtime!);
    await program.dispose();
    expect(runtime!.memory().held).toBeLessThanOrEqual(held);
  });

  it('says so of a weight', async () => {
    const graph = new Graph();
    const shape = [2 ** 20, 2 ** 20];
    graph.output('y', sum(graph.weight('w', 'f32', shape), [0, 1]));
    const place = { kind: 'file', path: '/dev/null', offset: 0, sizeBytes: 2 ** 42 } as const;
    const weights: WeightSources = new Map([['w', { dtype: 'f32', shape, place }]]);
    await expect(runtime!.compile(graph, weights)).rejects.toMatchObject({
      name: 'HdmError',
      code: 'device',
    });
    await works(runtime!);
  });
});

async function compiled(on: Runtime) {
  const graph = new Graph();
  const x = graph.input('x', 'f32', [32, 32]);
  graph.output('y', softmax(matmul(x, x)));
  const program = await on.compile(graph, new Map());
  return { program, input: { x: f32([32, 32], new Float32Array(32 * 32).fill(1)) } };
}

async function works(on: Runtime): Promise<void> {
  const { program, input } = await compiled(on);
  const { y } = await program.run(input);
  expect(y!.data[0]).toBeCloseTo(1 / 32);
  await program.dispose();
}
