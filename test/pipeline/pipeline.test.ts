/** @file A pipeline as whoever holds it sees it: what it gives back, what it tells meanwhile. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openCheckpoint } from '../../engine/checkpoints/checkpoint.ts';
import { HdmError } from '../../engine/errors.ts';
import type { Graph } from '../../engine/graph/graph.ts';
import { openPipeline, type Phase, type Progress } from '../../engine/pipeline/pipeline.ts';
import { DEFAULTS } from '../../engine/pipeline/request.ts';
import { onnxRuntime } from '../../engine/runtime/onnx/runtime.ts';
import type { Runtime } from '../../engine/runtime/runtime.ts';
import { writeTinyModel } from '../helpers/tiny-model.ts';

/** Names of the parts' outputs. */
const PARTS = ['states', 'velocity', 'image'];
const REQUEST = { ...DEFAULTS, prompt: 'a cat', width: 64, height: 64, steps: 3 };

let model = '';
beforeAll(() => {
  model = writeTinyModel(mkdtempSync(join(tmpdir(), 'hdm-pipeline-'))).folder;
});
afterAll(() => rmSync(model, { recursive: true }));

/** ONNX Runtime that can fail for one part, and knows which parts it holds. */
class FailingRuntime implements Runtime {
  readonly device = 'cpu';
  readonly precision = 'f32';
  readonly held: string[] = [];
  readonly #runtime = onnxRuntime('cpu');
  failsToCompile?: string;
  failsToRun?: string;
  readonly createVariables = () => this.#runtime.createVariables();

  async compile(...[graph, weights]: Parameters<Runtime['compile']>) {
    const part = partOf(graph);
    if (part === this.failsToCompile) throw new HdmError('device', part, 'out of memory');
    const program = await this.#runtime.compile(graph, weights);
    this.held.push(part);
    return {
      run: async (...[inputs]: Parameters<typeof program.run>) => {
        if (part === this.failsToRun) throw new HdmError('device', part, 'out of memory');
        return program.run(inputs);
      },
      dispose: async () => {
        await program.dispose();
        this.held.splice(this.held.indexOf(part), 1);
      },
    };
  }
}

function partOf(graph: Graph): string {
  return [...graph.outputs.keys()].join();
}

describe('opening a pipeline', () => {
  it('holds three programs, and none after it was disposed of', async () => {
    const runtime = new FailingRuntime();
    const pipeline = await openPipeline(runtime, openCheckpoint(model));
    expect(runtime.held.toSorted()).toEqual(PARTS.toSorted());
    await pipeline.dispose();
    expect(runtime.held).toEqual([]);
  });

  it.each(PARTS)('gives everything back when it fails at "%s"', async (part) => {
    const runtime = new FailingRuntime();
    runtime.failsToCompile = part;
    await expect(openPipeline(runtime, openCheckpoint(model))).rejects.toMatchObject({
      message: `${part}: out of memory.`,
    });
    expect(runtime.held).toEqual([]);
  });
});

describe('drawing', () => {
  it('tells its phases and what it took', async () => {
    const pipeline = await openPipeline(onnxRuntime('cpu'), openCheckpoint(model));
    onTestFinished(() => pipeline.dispose());
    const order: (Phase | number)[] = [];
    const hooks = {
      onPhase: (phase: Phase) => void order.push(phase),
      onProgress: ({ step }: { step: number }) => void order.push(step),
    };
    const guided = await pipeline.generate(REQUEST, hooks);
    expect(order).toEqual(['reading', 'denoising', 1, 2, 3, 'decoding']);
    expect(guided.cost.passes).toBe(6);
    const alone = await pipeline.generate({ ...REQUEST, guidanceScale: 1, sampler: 'heun' });
    expect(alone.cost.passes).toBe(5);
    for (const value of Object.values(alone.cost)) expect(value).toBeGreaterThan(0);
  });

  it('counts no time of hooks as time of the denoiser', async () => {
    const pipeline = await openPipeline(onnxRuntime('cpu'), openCheckpoint(model));
    onTestFinished(() => pipeline.dispose());
    let waited = 0;
    const onProgress = async (): Promise<void> => {
      const start = performance.now();
      while (performance.now() - start < 50) await new Promise(setImmediate);
      waited += performance.now() - start;
    };
    const start = performance.now();
    const { cost } = await pipeline.generate(REQUEST, { onProgress });
    expect(cost.denoiseMs + cost.decodeMs).toBeLessThanOrEqual(performance.now() - start - waited);
  });

  it('has previews again after a device had no room for the first', async () => {
    const runtime = new FailingRuntime();
    const pipeline = await openPipeline(runtime, openCheckpoint(model));
    onTestFinished(() => pipeline.dispose());
    const onProgress = async (progress: Progress): Promise<void> => {
      if (progress.step === 1) await progress.preview();
    };
    const draw = () => pipeline.generate(REQUEST, { onProgress });
    runtime.failsToRun = 'image';
    await expect(draw()).rejects.toMatchObject({ code: 'device' });
    runtime.failsToRun = '';
    await expect(draw()).resolves.toBeDefined();
  });
});
