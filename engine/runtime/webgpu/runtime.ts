/** @file Runs graphs on any GPU with WGSL kernels of our own, by Dawn. See README.md. */
import { HdmError } from '../../errors.ts';
import { expandGraph, type Graph, type Tensor } from '../../graph/graph.ts';
import type { Composite } from '../../graph/op.ts';
import type { Program, Runtime, Variables, WeightSources } from '../runtime.ts';
import { speedsOf } from './calibration.ts';
import { openDevice, type DeviceOptions } from './device.ts';
import type { Speeds } from './kernel.ts';
import { Memory, SharedBuffers } from './memory.ts';
import { ceilingsOf, formatTimes, type KernelTime } from './profile.ts';
import { Profiler } from './profiler.ts';
import { Pipelines } from './pipelines.ts';
import { splitPrepared } from './prepare.ts';
import { WebgpuProgram, type Machine } from './program.ts';
import { WebgpuVariables } from './variables.ts';
import { WeightBuffers } from './weights.ts';

export interface WebgpuOptions extends DeviceOptions {
  /** Gets the times of all kernels after each run. */
  readonly profile?: (times: readonly KernelTime[]) => void;
  /** Taken for those of the device, which is not measured then. */
  readonly speeds?: Speeds;
}

export interface WebgpuRuntime extends Runtime {
  /** What the GPU was measured to do. */
  readonly speeds: Speeds | undefined;
  memory(): { readonly held: number; readonly peak: number };
  /** Gives the device back. */
  close(): void;
}

function profilerFor(memory: Memory, report: WebgpuOptions['profile']): { profiler?: Profiler } {
  return report && memory.gpu.hasTimestamps ? { profiler: new Profiler(memory, report) } : {};
}

/** To where progress goes, too. */
function printTimes(speeds: Speeds | undefined): (times: readonly KernelTime[]) => void {
  const ceilings = ceilingsOf(speeds);
  return (times) => process.stderr.write(`${formatTimes(times, ceilings).join('\n')}\n`);
}

/** Composite ops with kernels of their own, up to heads of this size. */
const KEPT: ReadonlySet<string> = new Set([
  'attention',
  'attentionSums',
  'attentionToQueries',
  'attentionToKeysAndValues',
]);

/**
 * Few queries of wider heads fit in workgroup memory, so that keys are read over and over. Only a VAE has such, over the
 * places of a tile at most, whose scores fit in memory: written out, they are products on matrix hardware.
 */
const WIDEST_HEAD = 256;

function isKept({ name }: Composite, [q]: readonly Tensor[]): boolean {
  return KEPT.has(name) && (q!.shape[3] as number) <= WIDEST_HEAD;
}

/** Opens a GPU. Throws `device` when there is none. */
export async function webgpuRuntime(options: WebgpuOptions = {}): Promise<WebgpuRuntime> {
  const isDebug = process.env['HDM_DEBUG'] === '2';
  const opened = await openDevice({ checks: isDebug, ...options });
  const speeds = options.speeds ?? (await speedsOf(opened));
  const gpu = { ...opened, features: { ...opened.features, ...(speeds && { speeds }) } };
  const memory = new Memory(gpu);
  const machine: Machine = {
    memory,
    pipelines: new Pipelines(gpu.device),
    shared: new SharedBuffers(memory),
    known: new Map(),
    ...profilerFor(memory, options.profile ?? (isDebug ? printTimes(speeds) : undefined)),
  };
  return {
    device: 'webgpu',
    speeds,
    isSoftware: gpu.adapter.isSoftware,
    precision: gpu.features.half ? 'f16' : 'f32',
    async compile(graph: Graph, weights: WeightSources, variables?: Variables): Promise<Program> {
      const own = variables instanceof WebgpuVariables ? variables : undefined;
      if (graph.variables.size + graph.assignments.size > 0 && !own) {
        throw new HdmError(
          'internal',
          'webgpu runtime',
          'a graph with variables was compiled without its own',
        );
      }
      const { once, rest } = splitPrepared(expandGraph(graph, isKept));
      const buffers = new WeightBuffers(memory, weights);
      if (once) {
        const first = new WebgpuProgram(machine, once, new WeightBuffers(memory, weights), undefined);
        await first.runInto(buffers);
        await first.dispose();
      }
      await buffers.load(rest);
      return new WebgpuProgram(machine, rest, buffers, own);
    },
    createVariables: () => new WebgpuVariables(memory),
    memory: () => ({ held: memory.held, peak: memory.peak }),
    close: () => gpu.device.destroy(),
  };
}
