/**
 * @file How fast this device is: each way to compute a product, and memory. Measured once for a device and kept in a
 * file. Whatever is measured, plans are right; they only choose by it.
 */
import { HdmError } from '../../errors.ts';
import type { Gpu } from './device.ts';
import type { Features, Kernel, Speeds } from './kernel.ts';
import { matmulPlan, matmulWays, type MatmulProblem } from './kernels/matmul.ts';
import { MAIN, spread, type Scalar } from './kernels/wgsl.ts';
import { Memory } from './memory.ts';
import { Pipelines } from './pipelines.ts';
import { readSpeeds, speedsFile, writeSpeeds } from './speeds-file.ts';

/** A way is measured until so much time has passed. Rounds double, so the last one is half of it: its start is little. */
const ENOUGH_MS = 16;
/** Sides of the products: the larger, the more processors have work. Numbers that are summed: enough to forget the start. */
const [SMALL, LARGE] = [1024, 4096];
const DEPTH = 512;
/** A GPU that needs longer for a small product gets no larger one. */
const FAST_MS = 0.4;
/** Bytes of the buffers that memory is measured with: more than caches hold, of slow and of fast GPUs. */
const [FEW_BYTES, MANY_BYTES] = [2 ** 25, 2 ** 28];
const THREADS = 256;

/**
 * What was measured on this device, now or before. Nothing for software, of which nobody expects speed, and where
 * measuring fails.
 */
export async function speedsOf(gpu: Gpu, folder?: string): Promise<Speeds | undefined> {
  if (gpu.adapter.isSoftware) return undefined;
  const file = speedsFile(gpu, folder);
  const known = readSpeeds(file);
  if (known) return known;
  try {
    const speeds = await measureSpeeds(gpu);
    gpu.check();
    writeSpeeds(file, speeds);
    return speeds;
  } catch (error) {
    if (error instanceof HdmError) return undefined;
    throw error;
  }
}

/** Takes a few tenths of a second on a fast GPU. `side` is that of the products, by default as the GPU is fast. */
export async function measureSpeeds(gpu: Gpu, side?: number): Promise<Speeds> {
  const stand = new Stand(gpu);
  try {
    const dtype = gpu.features.half ? 'f16' : 'f32';
    const isFast = side === undefined && (await stand.isFast(dtype));
    const products: Record<string, number> = {};
    for (const format of gpu.features.half ? (['f16', 'f32'] as const) : (['f32'] as const)) {
      const size = side ?? (isFast ? LARGE : SMALL);
      Object.assign(products, await stand.measureProducts(format, size));
    }
    const bytes = Math.min(isFast ? MANY_BYTES : FEW_BYTES, gpu.features.bindingBytes);
    return { products, memory: await stand.measureMemory(side === undefined ? bytes : 4 * side ** 2) };
  } finally {
    stand.close();
  }
}

/** A linear layer: rows times the rows of a weight. */
function problemOf(side: number, dtype: Scalar): MatmulProblem {
  const operand = { rowStride: DEPTH, batchStride: 0, offset: 0 };
  const [a, b] = [
    { ...operand, transposed: false },
    { ...operand, transposed: true },
  ];
  return { batch: 1, m: side, n: side, k: DEPTH, dtype, result: dtype, a, b };
}

/** Buffers and pipelines that live while something is measured. */
class Stand {
  readonly #gpu: Gpu;
  readonly #memory: Memory;
  readonly #pipelines: Pipelines;
  readonly #buffers: GPUBuffer[] = [];

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
    this.#memory = new Memory(gpu);
    this.#pipelines = new Pipelines(gpu.device);
  }

  async isFast(dtype: Scalar): Promise<boolean> {
    const problem = problemOf(SMALL, dtype);
    const [kernel] = matmulPlan(problem, this.#gpu.features).kernels;
    return (await this.#time(kernel, await this.#operands(problem))) < FAST_MS;
  }

  /** Operations per nanosecond of all ways, by their keys. */
  async measureProducts(dtype: Scalar, side: number): Promise<Record<string, number>> {
    const problem = problemOf(side, dtype);
    const { features } = this.#gpu;
    const kernels = [...matmulWays(problem, features)].map(
      ([key, choice]) => [key, matmulPlan({ ...problem, choice }, features).kernels[0]] as const,
    );
    const buffers = await this.#operands(problem);
    // All are compiled at once, in the background. What a driver cannot compile is no way to compute here.
    const ready = kernels.map(([, kernel]) =>
      this.#pipelines
        .get(kernel)
        .then(() => true)
        .catch(() => false),
    );
    const speeds: Record<string, number> = {};
    for (const [index, [key, kernel]] of kernels.entries()) {
      speeds[key] = (await ready[index]) ? kernel.flops / 1e6 / (await this.#time(kernel, buffers)) : 0;
    }
    return speeds;
  }

  /** Bytes per nanosecond. */
  async measureMemory(bytes: number): Promise<number> {
    const kernel = copyKernel(bytes, this.#gpu.features);
    return kernel.bytes / 1e6 / (await this.#time(kernel, await this.#allocate([bytes, bytes])));
  }

  close(): void {
    for (const buffer of this.#buffers) this.#memory.free(buffer);
  }

  /** Operands with numbers in them, as zeros cost less power, and room for the result. */
  async #operands({ m, n, k, dtype }: MatmulProblem): Promise<GPUBuffer[]> {
    const bytes = dtype === 'f16' ? 2 : 4;
    const buffers = await this.#allocate([m * k * bytes, n * k * bytes, m * n * bytes]);
    for (const buffer of buffers.slice(0, 2)) {
      const kernel = fillKernel(buffer.size / 4, dtype, this.#gpu.features);
      await this.#run(kernel, [buffer], 1);
    }
    return buffers;
  }

  async #allocate(sizes: readonly number[]): Promise<GPUBuffer[]> {
    const buffers = await this.#memory.guarded(() =>
      sizes.map((bytes) => this.#memory.allocate(bytes, 'measurements')),
    );
    this.#buffers.push(...buffers);
    return buffers;
  }

  /** Milliseconds of one run of a kernel: of rounds of 1, 2, 4 … runs the least. The clock rises meanwhile. */
  async #time(kernel: Kernel, buffers: readonly GPUBuffer[]): Promise<number> {
    let best = Infinity;
    for (let times = 1, spent = 0; spent < ENOUGH_MS; times *= 2) {
      const elapsed = await this.#run(kernel, buffers, times);
      best = Math.min(best, elapsed / times);
      spent += elapsed;
    }
    return best;
  }

  async #run(kernel: Kernel, buffers: readonly GPUBuffer[], times: number): Promise<number> {
    const { device } = this.#gpu;
    const { pipeline, layout } = await this.#pipelines.get(kernel);
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    const group = device.createBindGroup({ layout, entries });
    const start = performance.now();
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let i = 0; i < times; i++) pass.dispatchWorkgroups(...kernel.workgroups);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    this.#gpu.check();
    return performance.now() - start;
  }
}

/** Reads and writes as most kernels do: four numbers at a time. */
function copyKernel(bytes: number, { workgroupCount, workgroupThreads }: Features): Kernel {
  const vectors = Math.floor(bytes / 16);
  const body = 'result[at] = x[at] + 1.0;';
  const declared = `@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> result: array<vec4<f32>>;`;
  const threads = Math.min(THREADS, workgroupThreads);
  const { source, workgroups } = eachOf(vectors, threads, workgroupCount, declared, body);
  return { name: 'copy', source, bindings: ['read', 'write'], workgroups, flops: 0, bytes: 32 * vectors };
}

/** Words of numbers from -0.5 to 0.5 that follow no pattern: two halves or one f32 each. */
function fillKernel(words: number, dtype: Scalar, { workgroupCount, workgroupThreads }: Features): Kernel {
  const body = `let mixed = (at * 747796405u + 2891336453u) ^ (at >> 7u);
  let value = f32((mixed * 277803737u) >> 8u) / 16777216.0 - 0.5;
  result[at] = ${dtype === 'f16' ? 'pack2x16float(vec2<f32>(value, 0.5 - value))' : 'bitcast<u32>(value)'};`;
  const declared = '@group(0) @binding(0) var<storage, read_write> result: array<u32>;';
  const threads = Math.min(THREADS, workgroupThreads);
  const { source, workgroups } = eachOf(words, threads, workgroupCount, declared, body);
  return { name: 'fill', source, bindings: ['write'], workgroups, flops: 0, bytes: 4 * words };
}

function eachOf(
  count: number,
  threads: number,
  limit: number,
  declared: string,
  body: string,
): Pick<Kernel, 'source' | 'workgroups'> {
  const workgroups = spread(Math.ceil(count / threads), 1, limit);
  const source = `${declared}
@compute @workgroup_size(${threads})
${MAIN}
  let at = (group.y * ${workgroups[0]}u + group.x) * ${threads}u + thread;
  if (at >= ${count}u) { return; }
  ${body}
}`;
  return { source, workgroups };
}
