/** @file What `bench` measures. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openTensors } from '../checkpoints/tensors.ts';
import { HdmError } from '../errors.ts';
import { convert, f32, i64, type FloatDType, type TensorData } from '../graph/dtype.ts';
import { Graph } from '../graph/graph.ts';
import { count } from '../graph/shape.ts';
import { decoder, latentInput, SDXL_AUTOENCODER } from '../models/autoencoder-kl.ts';
import { textInputs } from '../models/causal-lm.ts';
import { decodeLatent } from '../pipeline/autoencoder.ts';
import { median } from '../median.ts';
import { positionMap } from '../models/positions.ts';
import { QWEN3_600M, qwen3 } from '../models/qwen3.ts';
import { xut, xutInputs } from '../models/xut.ts';
import { XUT_PRESETS } from '../models/xut-config.ts';
import type { Program, Runtime, Values } from '../runtime/runtime.ts';
import { ceilingsOf, type Ceilings, type KernelTime } from '../runtime/webgpu/profile.ts';
import { webgpuRuntime } from '../runtime/webgpu/runtime.ts';
import { normals, uniforms } from '../sampling/noise.ts';
import { writeSafetensors } from '../weights/write-safetensors.ts';
import { declaredWeights, graphWeights, type Weights } from '../weights/weights.ts';
import { round, type Measurement } from './bench.ts';

export interface BenchModel {
  readonly runtime: Runtime;
  readonly precision: FloatDType;
}

interface Setting {
  readonly preset: keyof typeof XUT_PRESETS;
  readonly size: number;
  readonly ctx: number;
  readonly steps: number;
  readonly reps: number;
}

interface StartOptions {
  readonly model: string;
  readonly device: string;
  readonly precision?: 'f32' | 'f16';
  readonly reps: number;
}

const START_STEPS = 4;
/** The line of progress that `sample` writes after its first step. */
const FIRST_STEP = new RegExp(`^drawing 1/${START_STEPS}$`, 'm');
export const GRID = 16;
/** A prime, so that no two rows of a weight repeat each other: the runtime would share them. */
const RANDOM_NUMBERS = 65_537;

/** ms_per_forward: batch 1, one time, one prompt. */
export async function benchForward(model: BenchModel, setting: Setting): Promise<Measurement> {
  const program = await compileXut(model, setting.preset);
  const inputs = xutValues(setting, setting.size, setting.ctx);
  const ms = await medianMs(setting.reps, () => program.run(inputs));
  await program.dispose();
  return { key: 'ms_per_forward', values: { ms_per_forward: ms } };
}

/**
 * Times of the kernels of our own GPU runtime in one pass of the denoiser, the last of several, and what the GPU was
 * measured to do.
 */
export async function benchKernels(
  setting: Setting,
  precision?: FloatDType,
): Promise<{ kernels: readonly KernelTime[]; ceilings: Ceilings }> {
  let last: readonly KernelTime[] = [];
  const half = precision !== 'f32';
  const runtime = await webgpuRuntime({ half, profile: (times) => (last = times) });
  const program = await compileXut({ runtime, precision: precision ?? runtime.precision }, setting.preset);
  const inputs = xutValues(setting, setting.size, setting.ctx);
  for (let run = 0; run < Math.max(1, setting.reps); run++) await program.run(inputs);
  await program.dispose();
  runtime.close();
  return { kernels: last, ceilings: ceilingsOf(runtime.speeds) };
}

/** ms_per_image: Euler steps with guidance, so two passes each, which begin together as in a picture. */
export async function benchSample(model: BenchModel, setting: Setting): Promise<Measurement> {
  const program = await compileXut(model, setting.preset);
  const inputs = xutValues(setting, setting.size, setting.ctx);
  const image = (): Promise<void> => denoise(program, inputs, setting.steps);
  const ms = await medianMs(Math.min(setting.reps, 3), image, model.runtime.device === 'cpu' ? 0 : 2);
  await program.dispose();
  return { key: 'ms_per_image', values: { ms_per_image: ms, steps: setting.steps } };
}

/** The passes of a picture: two a step, with the prompt and without, which begin together. */
async function denoise(program: Program, inputs: Values, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) await Promise.all([program.run(inputs), program.run(inputs)]);
}

/**
 * ms_per_picture: two prompts through the text encoder, the denoiser's steps, the VAE's decoder, all of the released
 * model's sizes; and how many times as long that takes as the denoiser alone.
 */
export async function benchPicture(model: BenchModel, setting: Setting): Promise<Measurement> {
  const text = await openTextEncoder(model, setting);
  const decoder = await openDecoder(model, setting);
  const program = await compileXut(model, setting.preset);
  const inputs = xutValues(setting, setting.size, setting.ctx);
  const image = (): Promise<void> => denoise(program, inputs, setting.steps);
  const picture = async (): Promise<void> => {
    await Promise.all([text.run(), text.run()]);
    await image();
    await decoder.run();
  };
  const reps = Math.min(setting.reps, 3);
  const whole = await medianMs(reps, picture);
  const alone = await medianMs(reps, image, 0);
  for (const part of [text, decoder, program]) await part.dispose();
  const values = {
    ms_per_picture: whole,
    ms_denoiser: alone,
    share: round(whole / alone),
    steps: setting.steps,
  };
  return { key: 'ms_per_picture', values };
}

/** ms_for_change: the first run at another size and prompt length, less a later one at the same. */
export async function benchChange(model: BenchModel, setting: Setting): Promise<Measurement> {
  const program = await compileXut(model, setting.preset);
  const home = xutValues(setting, setting.size, setting.ctx);
  const costs: number[] = [];
  for (let repetition = 1; repetition <= Math.max(1, setting.reps); repetition++) {
    await program.run(home);
    const other = xutValues(setting, setting.size + GRID * repetition, setting.ctx + repetition);
    const first = await time(() => program.run(other));
    const later = await medianMs(3, () => program.run(other), 0);
    costs.push(first - later);
  }
  await program.dispose();
  return { key: 'ms_for_change', values: { ms_for_change: round(median(costs)) } };
}

/** s_to_first_step: from the start of the process, with all opened and compiled. Runs `sample` anew each time. */
export async function benchStart(options: StartOptions): Promise<Measurement> {
  const { model, device, precision, reps } = options;
  const folder = mkdtempSync(join(tmpdir(), 'hdm-bench-'));
  const args = ['sample', '--model', model, '--device', device, '--steps', String(START_STEPS)];
  args.push('--prompt', 'a star', '--out', folder, ...(precision ? ['--precision', precision] : []));
  const times: number[] = [];
  try {
    for (let i = 0; i < Math.max(1, reps); i++) times.push(await timeToFirstStep(args));
  } finally {
    rmSync(folder, { recursive: true });
  }
  return { key: 's_to_first_step', values: { s_to_first_step: round(median(times) / 1000) } };
}

function timeToFirstStep(args: readonly string[]): Promise<number> {
  const cli = fileURLToPath(new URL('../cli.ts', import.meta.url));
  return new Promise((resolve, reject) => {
    const start = performance.now();
    let said = '';
    const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    let firstStepMs: number | undefined;
    child.stderr.on('data', (text: Buffer) => {
      said += text.toString();
      if (FIRST_STEP.test(said)) firstStepMs ??= performance.now() - start;
    });
    child.on('close', () => {
      if (firstStepMs !== undefined) resolve(firstStepMs);
      else reject(new HdmError('bad-model', 'bench start', `no step was made (${said.trim()})`));
    });
  });
}

/** The other parts at their real sizes. */
export const PARTS = {
  'text-encoder': openTextEncoder,
  decoder: openDecoder,
} as const;

export type PartName = keyof typeof PARTS;

export async function benchPart(
  model: BenchModel,
  part: PartName,
  setting: Pick<Setting, 'size' | 'ctx' | 'reps'>,
): Promise<Measurement> {
  const { run, dispose } = await PARTS[part](model, setting);
  const ms = await medianMs(setting.reps, run, 1);
  await dispose();
  return { key: 'ms_per_run', values: { ms_per_run: ms } };
}

async function compileXut(model: BenchModel, preset: Setting['preset']): Promise<Program> {
  const config = XUT_PRESETS[preset];
  return compileRandom(model, (graph, weights) =>
    graph.output('velocity', xut(config, weights, xutInputs(graph, config, { context: true }))),
  );
}

async function openTextEncoder(model: BenchModel, { ctx }: { ctx: number }) {
  const program = await compileRandom(model, (graph, weights, precision) =>
    graph.output('states', qwen3(QWEN3_600M, weights, textInputs(graph), precision)),
  );
  const ids = i64(
    [1, ctx],
    Array.from({ length: ctx }, (_, i) => i),
  );
  const mask = i64([1, ctx], new Array<number>(ctx).fill(1));
  return { run: () => program.run({ ids, mask }), dispose: () => program.dispose() };
}

async function openDecoder(model: BenchModel, { size }: { size: number }) {
  const program = await compileRandom(model, (graph, weights) =>
    graph.output('image', decoder(SDXL_AUTOENCODER, weights, latentInput(graph, SDXL_AUTOENCODER))),
  );
  const side = size / 8;
  const latent = { height: side, width: side, data: normals(0, 0, 4 * side * side) };
  return { run: () => decodeLatent(program, SDXL_AUTOENCODER, latent), dispose: () => program.dispose() };
}

/** Compiles a model with random weights, which it reads from a file like any other. */
async function compileRandom(
  { runtime, precision }: BenchModel,
  build: (graph: Graph, weights: Weights, precision: FloatDType) => void,
): Promise<Program> {
  const folder = mkdtempSync(join(tmpdir(), 'hdm-bench-'));
  try {
    const path = join(folder, 'random.safetensors');
    const shapes = declaredWeights((graph, weights) => build(graph, weights, 'f32'));
    writeSafetensors(path, randomTensors(shapes, precision));
    const { tensors } = openTensors(path);
    const graph = new Graph();
    build(graph, graphWeights(graph, tensors, precision), precision);
    return await runtime.compile(graph, tensors);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Random numbers of the size that fresh weights have. All tensors are views of one block, so they take no memory;
 * each begins at another place, as the runtime would share equal ones.
 */
export function randomTensors(
  shapes: ReadonlyMap<string, readonly number[]>,
  precision: FloatDType,
): Map<string, TensorData> {
  const largest = Math.max(...[...shapes.values()].map(count));
  const pool = uniforms(0, 0, RANDOM_NUMBERS).map((value) => (value - 0.5) / 16);
  const length = largest + shapes.size;
  const wide = Float32Array.from({ length }, (_, i) => pool[i % RANDOM_NUMBERS]!);
  const { data: block } = convert(f32([length], wide), precision);
  const tensors = [...shapes].map(([name, shape], start) => {
    return [name, { dtype: precision, shape, data: block.subarray(start, start + count(shape)) }] as const;
  });
  return new Map(tensors);
}

function xutValues({ preset }: Pick<Setting, 'preset'>, size: number, tokens: number): Values {
  if (size % GRID !== 0 || size < GRID) {
    throw new HdmError('bad-usage', '--size', `expected a multiple of ${GRID}, got ${size}`);
  }
  const { ctx_dim } = XUT_PRESETS[preset];
  const [side, grid] = [size / 8, size / GRID];
  return {
    x: f32([1, 4, side, side], normals(0, 0, 4 * side * side)),
    t: f32([1], [1]),
    positions: f32([1, grid * grid, 2], positionMap('bounding_box', grid, grid)),
    context: f32([1, tokens, ctx_dim!], normals(0, 1, tokens * ctx_dim!)),
    addon: f32([1, 1], [0]),
  };
}

/** Median milliseconds after a few runs that warm up. */
export async function medianMs(reps: number, run: () => Promise<unknown>, warmUp = 2): Promise<number> {
  for (let i = 0; i < warmUp; i++) await run();
  const times: number[] = [];
  for (let i = 0; i < Math.max(1, reps); i++) times.push(await time(run));
  return round(median(times));
}

async function time(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}
