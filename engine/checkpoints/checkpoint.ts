/**
 * @file Opens a model in any layout it is passed around in: a diffusers folder, a single file, ComfyUI's prefixes;
 * text encoder, VAE and tokenizer inside, beside or elsewhere. Only headers and configs are read here.
 */
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { z } from 'zod';
import { HdmError } from '../errors.ts';
import { toFloat32 } from '../graph/dtype.ts';
import { autoencoderConfig, type AutoencoderConfig } from '../models/autoencoder-kl.ts';
import { gemma3Config, type Gemma3Config } from '../models/gemma3.ts';
import { qwen3Config, type Qwen3Config } from '../models/qwen3.ts';
import { MAX_CONTEXT, xutConfig, type XutConfig } from '../models/xut-config.ts';
import type { WeightSources } from '../runtime/runtime.ts';
import { readWeight } from '../weights/safetensors.ts';
import {
  inferAutoencoderConfig,
  inferTextConfig,
  inferXutConfig,
  requireAgreement,
  type Inferred,
} from './infer.ts';
import { checkJson, filesIn, openTensors, partOf, readJson, type Part, type TensorSet } from './tensors.ts';

export interface ModelPart<Config> {
  readonly path: string;
  readonly config: Config;
  readonly weights: WeightSources;
}

export type TextEncoderConfig = Qwen3Config | Gemma3Config;

/** How prompts are padded for this model (reference of the released model §5). */
export type ContextRule = z.infer<typeof contextRule>;

/** A prompt that shows what a model can draw, and the ratio of width to height that goes with it. */
export type Example = z.infer<typeof example>;

export interface Checkpoint {
  readonly path: string;
  readonly layout: 'diffusers folder' | 'single file' | 'folder of files';
  readonly transformer: ModelPart<XutConfig>;
  readonly textEncoder: ModelPart<TextEncoderConfig> | undefined;
  readonly vae: ModelPart<AutoencoderConfig> | undefined;
  /** Folder with tokenizer.json. */
  readonly tokenizer: string | undefined;
  readonly context: ContextRule;
  /** To begin with; none where the model names none. */
  readonly examples: readonly Example[];
}

/** Parts that lie elsewhere than in or beside the model. */
export interface Elsewhere {
  readonly textEncoder?: string;
  readonly vae?: string;
  readonly tokenizer?: string;
}

const contextRule = z.object({
  padding: z.enum(['longest', 'max_length']).default('longest'),
  /** Tokens of context the model was trained with. */
  length: z.int().positive().max(MAX_CONTEXT),
});

const example = z.object({
  prompt: z.string().trim().min(1).max(300),
  ratio: z.number().min(0.25).max(4).default(1),
});

/** Our additions to model_index.json. */
const modelIndex = z.object({
  context: contextRule.partial().nullish(),
  /** Parts that lie elsewhere; relative to the folder of the file. */
  parts: z.object({ textEncoder: z.string(), vae: z.string(), tokenizer: z.string() }).partial().nullish(),
  examples: z.array(example).max(12).nullish(),
});

interface ModelIndex {
  readonly context: Partial<ContextRule>;
  readonly parts: Elsewhere;
  readonly examples: readonly Example[];
}

const textEncoderConfig = z.discriminatedUnion('model_type', [qwen3Config, gemma3Config]);

/**
 * Statistics of the released EQ-VAE latents, for files of as many channels that carry none (reference of the released
 * model §4); others are taken as they are.
 */
const RELEASED_STATISTICS = {
  mean: [-3.865960634760459, -1.3353925720045965, 0.8353661802812418, 0.909888159310023],
  std: [10.036514488374861, 6.848430044716239, 7.213817552213277, 5.591315799887989],
};

/** Everything of a model but its transformer. */
export type OtherParts = Pick<Checkpoint, 'textEncoder' | 'vae' | 'tokenizer'>;

/** Opens the model at `path`, a file or a folder. Throws `bad-model` or `bad-file` with what is wrong. */
export function openCheckpoint(path: string, elsewhere: Elsewhere = {}): Checkpoint {
  const place = placeOf(path);
  const set = required(place.whole ?? setIn(place, 'transformer'), path, 'transformer');
  const config = configOf(set, xutConfig, inferXutConfig);
  return {
    path,
    layout: place.layout,
    transformer: { path: set.path, config, weights: set.tensors },
    ...otherParts(place, elsewhere),
    context: { padding: 'longest', length: config.ctx_size, ...place.index.context },
    examples: place.index.examples,
  };
}

/** The other parts of the model at `path`, whether it has a transformer or not. Errors as `openCheckpoint`. */
export function openOtherParts(path: string, elsewhere: Elsewhere = {}): OtherParts {
  return otherParts(placeOf(path), elsewhere);
}

interface Place {
  readonly layout: Checkpoint['layout'];
  /** Everything in the file, or in the files of a folder that is no diffusers folder. */
  readonly whole: TensorSet | undefined;
  /** The folder of it all. */
  readonly home: string;
  readonly index: ModelIndex;
}

function placeOf(path: string): Place {
  const layout = layoutOf(path);
  const home = layout === 'single file' ? dirname(path) : path;
  const whole = layout === 'diffusers folder' ? undefined : openTensors(path);
  return { layout, whole, home, index: indexOf(home) };
}

function setIn({ home }: Place, folder: string): TensorSet | undefined {
  return existsSync(join(home, folder)) ? openTensors(join(home, folder)) : undefined;
}

function otherParts(place: Place, elsewhere: Elsewhere): OtherParts {
  const { whole, home, index } = place;
  const others = { ...index.parts, ...defined(elsewhere) };
  const find = (part: Part, folder: string, other?: string): TensorSet | undefined => {
    if (other !== undefined) return required(openTensors(innerFolder(other, folder)), other, part);
    return partOf(whole, part) ?? partOf(setIn(place, folder), part);
  };
  const textEncoder = find('textEncoder', 'text_encoder', others.textEncoder);
  const vae = find('vae', 'vae', others.vae);
  const near = others.textEncoder ? [others.textEncoder, dirname(others.textEncoder)] : [];
  const places = [...near, join(home, 'tokenizer'), home];
  return {
    textEncoder: textEncoder && {
      path: textEncoder.path,
      config: configOf<TextEncoderConfig>(textEncoder, textEncoderConfig, inferTextConfig),
      weights: textEncoder.tensors,
    },
    vae: vae && { path: vae.path, config: autoencoderOf(vae, whole), weights: vae.tensors },
    tokenizer: others.tokenizer ? tokenizerAt(others.tokenizer) : places.find(holdsTokenizer),
  };
}

/** A part may be named by itself, or by the folder of a model that has it. */
function innerFolder(path: string, folder: string): string {
  const inner = join(path, folder);
  return existsSync(inner) ? inner : path;
}

/** Without the fields that are undefined. */
function defined({ textEncoder, vae, tokenizer }: Elsewhere): Elsewhere {
  return { ...(textEncoder && { textEncoder }), ...(vae && { vae }), ...(tokenizer && { tokenizer }) };
}

/** The parts without which no picture can be made, in words. */
export function missingParts({ textEncoder, vae, tokenizer, transformer }: Checkpoint): string[] {
  const needsText = transformer.config.ctx_dim !== null;
  return [
    ...(needsText && !textEncoder ? ['text encoder'] : []),
    ...(needsText && !tokenizer ? ['tokenizer'] : []),
    ...(vae ? [] : ['VAE']),
  ];
}

const LABELS: Record<Part, string> = {
  transformer: 'HDM transformer (XUT)',
  textEncoder: 'text encoder (Qwen3 or Gemma3)',
  vae: 'VAE (AutoencoderKL)',
};

function required(set: TensorSet | undefined, path: string, part: Part): TensorSet {
  const found = partOf(set, part);
  if (found) return found;
  throw new HdmError('bad-model', path, `there is no ${LABELS[part]} in it`, 'Choose another file or folder');
}

function layoutOf(path: string): Checkpoint['layout'] {
  if (!existsSync(path)) throw new HdmError('disk', path, 'no such file or folder', 'Check the path');
  if (!statSync(path).isDirectory()) return 'single file';
  // model_index.json alone does not tell: beside a single file it says how prompts are padded.
  const isIndexOnly = existsSync(join(path, 'model_index.json')) && !holdsTensors(path);
  const isDiffusers = isIndexOnly || existsSync(join(path, 'transformer'));
  return isDiffusers ? 'diffusers folder' : 'folder of files';
}

function holdsTensors(folder: string): boolean {
  return filesIn(folder).some((file) => extname(file) === '.safetensors');
}

/** The config beside the weights, else in the file's metadata; what neither says, the shapes tell. */
function configOf<T extends object>(
  set: TensorSet,
  schema: z.ZodType<T>,
  infer: (set: TensorSet) => Inferred,
): T {
  const { facts, guesses } = infer(set);
  const beside = configFile(set.path);
  const said = beside ? readJson(beside, anyFields) : metadataConfig(set);
  const where = beside ?? set.path;
  const config = checkJson({ ...facts, ...guesses, ...said }, schema, where);
  requireAgreement(where, config, facts);
  return config;
}

const anyFields = z.looseObject({});

/** The name that diffusers and transformers give to weights with a config.json beside them. */
const STANDARD_NAME = /^(diffusion_pytorch_)?model\b.*\.safetensors$/;

function configFile(path: string): string | undefined {
  const files = statSync(path).isDirectory()
    ? [join(path, 'config.json')]
    : [
        join(dirname(path), `${basename(path, extname(path))}.json`),
        ...(STANDARD_NAME.test(basename(path)) ? [join(dirname(path), 'config.json')] : []),
      ];
  return files.find((file) => existsSync(file));
}

function metadataConfig({ metadata, path }: TensorSet): Record<string, unknown> {
  if (!metadata['config']) return {};
  try {
    return anyFields.parse(JSON.parse(metadata['config']));
  } catch (error) {
    const advice = 'Get the file again, or another one';
    throw new HdmError('bad-file', path, 'the config in its metadata is no JSON object', advice, error);
  }
}

function autoencoderOf(vae: TensorSet, whole: TensorSet | undefined): AutoencoderConfig {
  const config = configOf(vae, autoencoderConfig, inferAutoencoderConfig);
  const statistic = (name: string): number[] | undefined => {
    const source = whole?.tensors.get(name) ?? vae.tensors.get(name);
    return source && Array.from(toFloat32(readWeight(source)));
  };
  const usual = usualStatistics(config.latent_channels);
  const mean = config.latents_mean ?? statistic('vae_mean') ?? usual.mean;
  const std = config.latents_std ?? statistic('vae_std') ?? usual.std;
  // A config and a file can say the same in more or fewer digits; float32 is what the model was trained with.
  const statistics = { latents_mean: mean.map(Math.fround), latents_std: std.map(Math.fround) };
  return checkJson({ ...config, ...statistics }, autoencoderConfig, vae.path);
}

function usualStatistics(channels: number): typeof RELEASED_STATISTICS {
  if (channels === RELEASED_STATISTICS.mean.length) return RELEASED_STATISTICS;
  return { mean: new Array<number>(channels).fill(0), std: new Array<number>(channels).fill(1) };
}

function tokenizerAt(path: string): string {
  const folder = existsSync(path) && !statSync(path).isDirectory() ? dirname(path) : path;
  if (holdsTokenizer(folder)) return folder;
  throw new HdmError('bad-model', path, 'there is no tokenizer.json', 'Name the folder that holds it');
}

function holdsTokenizer(folder: string): boolean {
  return existsSync(join(folder, 'tokenizer.json'));
}

function indexOf(home: string): ModelIndex {
  const file = join(home, 'model_index.json');
  const { context, parts, examples } = existsSync(file) ? readJson(file, modelIndex) : {};
  const { padding, length } = context ?? {};
  const { textEncoder, vae, tokenizer } = parts ?? {};
  return {
    context: { ...(padding && { padding }), ...(length && { length }) },
    parts: {
      ...(textEncoder && { textEncoder: resolve(home, textEncoder) }),
      ...(vae && { vae: resolve(home, vae) }),
      ...(tokenizer && { tokenizer: resolve(home, tokenizer) }),
    },
    examples: examples ?? [],
  };
}
