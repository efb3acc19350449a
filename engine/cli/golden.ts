/**
 * @file Golden files: tensors made by independent code that say whether our numbers are right. One checker for
 * each kind; the file's metadata tells its kind and config, its tensors are named `weight.*`, `input.*`, `output.*`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { HdmError } from '../errors.ts';
import { f32, i64, toFloat32, type TensorData } from '../graph/dtype.ts';
import { Graph } from '../graph/graph.ts';
import { autoencoderConfig, decoder, encoder, imageInput, latentInput } from '../models/autoencoder-kl.ts';
import { textInputs } from '../models/causal-lm.ts';
import { gemma3Config } from '../models/gemma3.ts';
import {
  applyCamera,
  cropPositions,
  positionMap,
  toTokenGrid,
  type PositionReading,
} from '../models/positions.ts';
import { qwen3Config } from '../models/qwen3.ts';
import { xut, xutConfig, xutInputs, type XutConfig } from '../models/xut.ts';
import { hiddenStates } from '../pipeline/text-encoder.ts';
import { openPipeline } from '../pipeline/pipeline.ts';
import { DEFAULTS } from '../pipeline/request.ts';
import type { Runtime, Values, WeightSource } from '../runtime/runtime.ts';
import { SAMPLERS, type SamplerName } from '../sampling/samplers.ts';
import { sampleTimes } from '../sampling/schedules.ts';
import { openTokenizer, tokenizePrompt } from '../text/tokenizer.ts';
import { adaptWeight, openAdapter } from '../weights/adapters.ts';
import { writeSafetensors, type SafetensorsFile } from '../weights/safetensors.ts';
import { graphWeights } from '../weights/weights.ts';
import { openCheckpoint } from '../checkpoints/checkpoint.ts';
import { checkJson } from '../checkpoints/tensors.ts';
import { z } from 'zod';

/** One number compared: what it is, how far off, and how far it may be. */
export interface Comparison {
  readonly name: string;
  readonly error: number;
  readonly tolerance: number;
}

export interface GoldenFile {
  readonly file: SafetensorsFile;
  readonly tensors: ReadonlyMap<string, TensorData>;
  readonly runtime: Runtime;
  /** Where the model of a generation lies; default: the folder of the file. */
  readonly model?: string;
}

const AGAIN = 'Get the file again';

type Checker = (golden: GoldenFile) => Promise<Comparison[]>;

/** Float32 sums in another order differ by about this much of the largest number, and at least by this. */
const TOLERANCE = { absolute: 1e-4, relative: 1e-5 };

export const GOLDEN_KINDS: Readonly<Record<string, Checker>> = {
  xut: checkXut,
  positions: checkPositions,
  sample: checkSample,
  qwen3: checkTextEncoder,
  gemma3: checkTextEncoder,
  'autoencoder-kl': checkAutoencoder,
  lycoris: checkLycoris,
  generation: checkGeneration,
};

/** Kinds that are known, but cannot be checked before the trainer is here. */
export const LATER_KINDS = ['train', 'gradient'];

/** The kind a file says it is; reference generations say it by their prompts. */
export function kindOf({ metadata, tensors }: SafetensorsFile): string {
  if (metadata['kind']) return metadata['kind'];
  return [...tensors.keys()].some((name) => name.endsWith('.first_velocity')) ? 'generation' : 'unknown';
}

async function checkXut(golden: GoldenFile): Promise<Comparison[]> {
  const config = configOf(golden, xutConfig);
  const { run } = await compileXut(golden, config, {
    context: golden.tensors.has('input.ctx'),
    r: golden.tensors.has('input.r'),
    classIds: golden.tensors.has('input.class_ids'),
    kept: golden.tensors.has('input.keep'),
  });
  const [batch, , height, width] = input(golden, 'x').shape as [number, number, number, number];
  const { velocity } = await run({
    x: input(golden, 'x'),
    t: input(golden, 't'),
    positions: tokenPositions(golden, config, batch, height, width),
    ...optional('context', golden.tensors.get('input.ctx')),
    ...optional('addon', addonOf(golden, config)),
    ...optional('r', golden.tensors.get('input.r')),
    ...optional('classIds', golden.tensors.get('input.class_ids')),
    ...optional('kept', keptOf(golden)),
  });
  return [compare('velocity', velocity!, output(golden, 'velocity'))];
}

async function checkSample(golden: GoldenFile): Promise<Comparison[]> {
  const config = configOf(golden, xutConfig);
  const { name, steps, guidance } = parseMetadata(golden, 'sampler', samplerMetadata);
  const { run } = await compileXut(golden, config, { context: true });
  const noise = input(golden, 'noise');
  const [, , height, width] = noise.shape as [number, number, number, number];
  const constant = {
    positions: tokenPositions(golden, config, 1, height, width),
    ...optional('addon', addonOf(golden, config)),
  };
  const velocity = async (x: Float32Array, t: number, context: string): Promise<Float32Array> => {
    const values = { x: f32(noise.shape, x), t: f32([1], [t]), context: input(golden, context), ...constant };
    return toFloat32((await run(values)).velocity!);
  };
  const expected = output(golden, 'steps');
  const size = noise.data.length;
  const comparisons: Comparison[] = [];
  await SAMPLERS[name as SamplerName](
    async (x, t) => {
      const [c, u] = [await velocity(x, t, 'cond'), await velocity(x, t, 'uncond')];
      return c.map((value, i) => u[i]! + guidance * (value - u[i]!));
    },
    toFloat32(noise),
    sampleTimes('uniform', steps),
    ({ step, x }) => {
      const part = toFloat32(expected).subarray((step - 1) * size, step * size);
      comparisons.push(compare(`step ${step}`, f32(noise.shape, x), f32(noise.shape, part)));
    },
  );
  return comparisons;
}

async function checkTextEncoder(golden: GoldenFile): Promise<Comparison[]> {
  const schema = z.discriminatedUnion('model_type', [qwen3Config, gemma3Config]);
  const config = configOf(golden, schema);
  const graph = new Graph();
  const sources = weightsOf(golden);
  graph.output('states', hiddenStates(config, graphWeights(graph, sources, 'f32'), textInputs(graph), 'f32'));
  const program = await golden.runtime.compile(graph, sources);
  const [ids, mask] = [input(golden, 'ids'), input(golden, 'mask')];
  const { states } = await program.run({ ids, mask });
  await program.dispose();
  // What stands at padding means nothing.
  const width = states!.shape.at(-1)!;
  const isReal = (index: number): boolean => Number(mask.data[Math.floor(index / width)]) !== 0;
  return [compare('last hidden state', states!, output(golden, 'last_hidden_state'), isReal)];
}

async function checkAutoencoder(golden: GoldenFile): Promise<Comparison[]> {
  const config = configOf(golden, autoencoderConfig);
  const sources = weightsOf(golden);
  const decode = new Graph();
  const latent = latentInput(decode, config);
  decode.output('image', decoder(config, graphWeights(decode, sources, 'f32'), latent));
  const encode = new Graph();
  const image = imageInput(encode, config);
  const [mean, logvar] = encoder(config, graphWeights(encode, sources, 'f32'), image);
  encode.output('mean', mean);
  encode.output('logvar', logvar);
  const comparisons: Comparison[] = [];
  for (const [graph, name] of [
    [encode, 'image'],
    [decode, 'latent'],
  ] as const) {
    const program = await golden.runtime.compile(graph, sources);
    const results = await program.run({ [name]: input(golden, name) });
    await program.dispose();
    for (const [key, value] of Object.entries(results))
      comparisons.push(compare(key, value, output(golden, key)));
  }
  return comparisons;
}

/** `bounding_box.13x7`, `camera.8x8`, `crop.unit_area.400x256.at77_0`: the names carry reading and sizes. */
async function checkPositions({ tensors }: GoldenFile): Promise<Comparison[]> {
  return [...tensors].map(([name, expected]) => {
    const parts = name.split('.');
    const [height, width] = parts
      .find((part) => /^\d+x\d+$/.test(part))!
      .split('x')
      .map(Number) as [number, number];
    const got = positionsFor(name, parts, height, width, expected);
    return compare(name, f32(expected.shape, got), expected, undefined, 1e-5);
  });
}

function positionsFor(
  name: string,
  [kind, reading, , place]: string[],
  height: number,
  width: number,
  expected: TensorData,
): Float32Array {
  if (kind === 'crop') {
    const [top, left] = place!.slice('at'.length).split('_').map(Number) as [number, number];
    const size = Math.sqrt(expected.shape[0]!) * 8;
    return cropPositions(reading as PositionReading, height, width, top, left, size);
  }
  if (kind === 'camera') {
    return applyCamera(positionMap('bounding_box', height, width), {
      xShift: 0.25,
      yShift: -0.25,
      zoom: 0.75,
    });
  }
  if (kind === 'bounding_box' || kind === 'unit_area') return positionMap(kind, height, width);
  throw new HdmError('bad-file', name, 'this kind of position map is not known', AGAIN);
}

/** LyCORIS' merged weights; see `Scaling` in adapters.ts for what is special about them. */
async function checkLycoris({ tensors, runtime }: GoldenFile): Promise<Comparison[]> {
  const below = (prefix: string): Map<string, TensorData> =>
    new Map(
      [...tensors]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
    );
  const sources = new Map([...below('base.')].map(([name, tensor]) => [name, inMemory(tensor)]));
  const adapter = withTemporaryFile((path) => {
    writeSafetensors(path, below('adapter.'));
    return openAdapter(path, sources, 'as-lycoris-merges');
  });
  const graph = new Graph();
  for (const [name, { dtype, shape }] of sources) {
    graph.output(name, adaptWeight(name, graph.weight(name, dtype, shape), [{ adapter, strength: 1 }]));
  }
  const program = await runtime.compile(graph, sources);
  const merged = await program.run({});
  await program.dispose();
  return [...below('merged.')].map(([name, expected]) =>
    compare(name, merged[name]!, expected, undefined, 1e-5),
  );
}

/** Whole generations of a model, from prompt to pixels. */
async function checkGeneration({
  file,
  tensors,
  runtime,
  model = dirname(file.path),
}: GoldenFile): Promise<Comparison[]> {
  const pipeline = await openPipeline(runtime, openCheckpoint(model), { precision: 'f32' });
  const { checkpoint } = pipeline;
  const tokenizer = openTokenizer(checkpoint.tokenizer!);
  const comparisons: Comparison[] = [];
  for (const [name, text] of Object.entries(file.metadata)) {
    if (!tensors.has(`${name}.noise`)) continue;
    const made = checkJson(JSON.parse(text), generationMetadata, `${file.path} ${name}`);
    const [width, height] = made.size;
    const { ids } = tokenizePrompt(tokenizer, made.prompt, checkpoint.context);
    const expectedIds = tensors.get(`${name}.ids`)!;
    const noise = tensors.get(`${name}.noise`)!;
    const grid = { height: height / 16, width: width / 16 };
    const given = tensors.get(`${name}.pos`);
    const camera = made.camera && {
      xShift: made.camera.x_shift,
      yShift: made.camera.y_shift,
      zoom: made.camera.zoom,
    };
    const { latent, pixels } = await pipeline.generate(
      {
        ...DEFAULTS,
        prompt: made.prompt,
        width,
        height,
        steps: made.steps,
        guidanceScale: made.cfg,
        camera: camera ?? DEFAULTS.camera,
      },
      {
        noise: toFloat32(noise),
        // Without a map the public model takes that of its token grid.
        ...(!given && {
          positions: positionMap(checkpoint.transformer.config.positions, grid.height, grid.width),
        }),
      },
    );
    const asData = (data: ArrayLike<number>): TensorData => f32([data.length], data);
    comparisons.push(
      compare(`${name} ids`, asData(ids), expectedIds, undefined, 0),
      compare(`${name} context`, await pipeline.encodePrompt(made.prompt), tensors.get(`${name}.context`)!),
      compare(`${name} latent`, asData(latent.data), tensors.get(`${name}.latent`)!, undefined, 1e-3),
      compare(`${name} pixels`, asData(pixels.data), tensors.get(`${name}.image`)!, undefined, 2),
    );
  }
  await pipeline.dispose();
  return comparisons;
}

const samplerMetadata = z.object({
  name: z.enum(Object.keys(SAMPLERS) as [string, ...string[]]),
  steps: z.int().positive(),
  guidance: z.number(),
});

const generationMetadata = z.object({
  prompt: z.string(),
  size: z.tuple([z.int(), z.int()]),
  steps: z.int().positive(),
  cfg: z.number(),
  camera: z.object({ x_shift: z.number(), y_shift: z.number(), zoom: z.number() }).nullable(),
});

// --- helpers ----------------------------------------------------------------------------------------------

async function compileXut(
  golden: GoldenFile,
  config: XutConfig,
  given: Parameters<typeof xutInputs>[2],
): Promise<{ run: (inputs: Values) => Promise<Values> }> {
  const graph = new Graph();
  const sources = weightsOf(golden);
  const inputs = xutInputs(graph, config, given);
  const usesAddon = golden.tensors.has('input.addon');
  const { addon, ...others } = inputs;
  const velocity = xut(config, graphWeights(graph, sources, 'f32'), usesAddon && addon ? inputs : others);
  graph.output('velocity', velocity);
  return golden.runtime.compile(graph, sources);
}

function compare(
  name: string,
  got: TensorData,
  expected: TensorData,
  counts: (index: number) => boolean = () => true,
  tolerance?: number,
): Comparison {
  const [a, b] = [toFloat32(got), toFloat32(expected)];
  if (a.length !== b.length) return { name, error: Infinity, tolerance: 0 };
  let [error, largest] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    if (!counts(i)) continue;
    const difference = Math.abs(a[i]! - b[i]!);
    error = Number.isNaN(difference) ? Infinity : Math.max(error, difference);
    largest = Math.max(largest, Math.abs(b[i]!));
  }
  return { name, error, tolerance: tolerance ?? Math.max(TOLERANCE.absolute, TOLERANCE.relative * largest) };
}

function input(golden: GoldenFile, name: string): TensorData {
  return named(golden, `input.${name}`);
}

function output(golden: GoldenFile, name: string): TensorData {
  return named(golden, `output.${name}`);
}

function named({ file, tensors }: GoldenFile, name: string): TensorData {
  const tensor = tensors.get(name);
  if (tensor) return tensor;
  throw new HdmError('bad-file', file.path, `a golden file of its kind needs the tensor "${name}"`, AGAIN);
}

function weightsOf({ tensors }: GoldenFile): Map<string, WeightSource> {
  const own = [...tensors].filter(([name]) => name.startsWith('weight.'));
  return new Map(own.map(([name, tensor]) => [name.slice('weight.'.length), inMemory(tensor)]));
}

function inMemory({ dtype, shape, data }: TensorData): WeightSource {
  return { dtype, shape, place: { kind: 'memory', data } };
}

function configOf<T>(golden: GoldenFile, schema: z.ZodType<T>): T {
  return parseMetadata(golden, 'config', schema);
}

function parseMetadata<T>({ file }: GoldenFile, key: string, schema: z.ZodType<T>): T {
  const text = file.metadata[key];
  if (text === undefined) throw new HdmError('bad-file', file.path, `its metadata has no "${key}"`, AGAIN);
  try {
    return checkJson(JSON.parse(text), schema, `${file.path} ${key}`);
  } catch (error) {
    if (error instanceof HdmError) throw error;
    throw new HdmError('bad-file', file.path, `its metadata "${key}" is no JSON`, AGAIN, error);
  }
}

/** The given map on the token grid, for each sample; without one, the token grid's own. */
function tokenPositions(
  golden: GoldenFile,
  config: XutConfig,
  batch: number,
  height: number,
  width: number,
): TensorData {
  const patch = config.patch_size;
  const [rows, columns] = [height / patch, width / patch];
  const given = golden.tensors.get('input.pos');
  const data = new Float32Array(batch * rows * columns * 2);
  for (let sample = 0; sample < batch; sample++) {
    const size = height * width * 2;
    const map = given
      ? toTokenGrid(toFloat32(given).slice(sample * size, (sample + 1) * size), height, width)
      : positionMap(config.positions, rows, columns);
    data.set(map, sample * map.length);
  }
  return f32([batch, rows * columns, 2], data);
}

function addonOf(golden: GoldenFile, config: XutConfig): TensorData | undefined {
  const addon = golden.tensors.get('input.addon');
  if (!addon || !config.addon_info_embs_dim) return undefined;
  return { ...addon, shape: [addon.shape[0]!, config.addon_info_embs_dim] };
}

/** The mask of kept tokens as their numbers. */
function keptOf({ tensors }: GoldenFile): TensorData | undefined {
  const mask = tensors.get('input.keep');
  if (!mask) return undefined;
  const [batch, tokens] = mask.shape as [number, number];
  const kept = Array.from(mask.data, Number).flatMap((keep, index) => (keep ? [index % tokens] : []));
  return i64([batch, kept.length / batch], kept);
}

function withTemporaryFile<T>(use: (path: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'hdm-'));
  try {
    return use(join(folder, 'adapter.safetensors'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function optional<K extends string>(key: K, value: TensorData | undefined): Partial<Record<K, TensorData>> {
  return (value ? { [key]: value } : {}) as Partial<Record<K, TensorData>>;
}
