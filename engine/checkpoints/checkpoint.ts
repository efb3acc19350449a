/**
 * @file Opens a model in any layout it is passed around in: a diffusers folder, a single file, ComfyUI's prefixes;
 * text encoder, VAE and tokenizer inside, beside or elsewhere. Only headers and configs are read here.
 */
import { existsSync, statSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { z } from 'zod';
import { HdmError } from '../errors.ts';
import { toFloat32 } from '../graph/dtype.ts';
import { autoencoderConfig, type AutoencoderConfig } from '../models/autoencoder-kl.ts';
import { gemma3Config, type Gemma3Config } from '../models/gemma3.ts';
import { qwen3Config, type Qwen3Config } from '../models/qwen3.ts';
import { xutConfig, type XutConfig } from '../models/xut.ts';
import type { WeightSources } from '../runtime/runtime.ts';
import { openSafetensors, readTensor } from '../weights/safetensors.ts';
import { inferAutoencoderConfig, inferTextConfig, inferXutConfig } from './infer.ts';
import { checkJson, openTensors, partOf, readJson, type Part, type TensorSet } from './tensors.ts';

export interface ModelPart<Config> {
  readonly path: string;
  readonly config: Config;
  readonly weights: WeightSources;
}

export type TextEncoderConfig = Qwen3Config | Gemma3Config;

/** How prompts are padded for this model (reference of the released model §5). */
export type ContextRule = z.infer<typeof contextRule>;

export interface Checkpoint {
  readonly path: string;
  readonly layout: 'diffusers folder' | 'single file' | 'folder of files';
  readonly transformer: ModelPart<XutConfig>;
  readonly textEncoder: ModelPart<TextEncoderConfig> | undefined;
  readonly vae: ModelPart<AutoencoderConfig> | undefined;
  /** Folder with tokenizer.json. */
  readonly tokenizer: string | undefined;
  readonly context: ContextRule;
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
  length: z.int().positive(),
});

const modelIndex = z.object({ context: contextRule.partial().optional() });

const textEncoderConfig = z.discriminatedUnion('model_type', [qwen3Config, gemma3Config]);

/** Statistics of the released EQ-VAE latents, for files that carry none (reference of the released model §4). */
const RELEASED_STATISTICS = {
  mean: [-3.865960634760459, -1.3353925720045965, 0.8353661802812418, 0.909888159310023],
  std: [10.036514488374861, 6.848430044716239, 7.213817552213277, 5.591315799887989],
};

/** Opens the model at `path`, a file or a folder. Throws `bad-model` or `bad-file` with what is wrong. */
export function openCheckpoint(path: string, elsewhere: Elsewhere = {}): Checkpoint {
  const layout = layoutOf(path);
  const whole = layout === 'diffusers folder' ? undefined : openTensors(path);
  const home = layout === 'single file' ? dirname(path) : path;

  const find = (part: Part, folder: string, other?: string): TensorSet | undefined => {
    const place = other ?? (whole ? undefined : join(path, folder));
    const set = place === undefined ? whole : other || existsSync(place) ? openTensors(place) : undefined;
    const found = set && partOf(set, part);
    if (other && !found) throw new HdmError('bad-model', other, `there is no ${LABELS[part]} in it`);
    return found;
  };

  const transformer = find('transformer', 'transformer');
  if (!transformer) {
    const advice = 'Choose the file or folder of an HDM model (XUT)';
    throw new HdmError('bad-model', path, 'there is no HDM transformer in it', advice);
  }
  const textEncoder = find('textEncoder', 'text_encoder', elsewhere.textEncoder);
  const vae = find('vae', 'vae', elsewhere.vae);
  const config = configOf(transformer, xutConfig, inferXutConfig);
  const places = [elsewhere.textEncoder, join(home, 'tokenizer'), home].filter(
    (place) => place !== undefined,
  );
  return {
    path,
    layout,
    transformer: { path: transformer.path, config, weights: transformer.tensors },
    textEncoder: textEncoder && {
      path: textEncoder.path,
      config: configOf<TextEncoderConfig>(textEncoder, textEncoderConfig, inferTextConfig),
      weights: textEncoder.tensors,
    },
    vae: vae && { path: vae.path, config: autoencoderOf(vae, whole), weights: vae.tensors },
    tokenizer: elsewhere.tokenizer ? tokenizerAt(elsewhere.tokenizer) : findTokenizer(places),
    context: contextOf(home, config),
  };
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

const LABELS: Record<Part, string> = { transformer: 'transformer', textEncoder: 'text encoder', vae: 'VAE' };

function layoutOf(path: string): Checkpoint['layout'] {
  if (!existsSync(path)) throw new HdmError('disk', path, 'no such file or folder', 'Check the path');
  if (!statSync(path).isDirectory()) return 'single file';
  const isDiffusers = existsSync(join(path, 'model_index.json')) || existsSync(join(path, 'transformer'));
  return isDiffusers ? 'diffusers folder' : 'folder of files';
}

/** The config beside the weights, else in the file's metadata, else what the shapes tell. */
function configOf<T>(
  set: TensorSet,
  schema: z.ZodType<T>,
  infer: (set: TensorSet) => Record<string, unknown>,
): T {
  const beside = configFile(set.path);
  if (beside) return readJson(beside, schema);
  const inferred = infer(set);
  const known = metadataConfig(set);
  return checkJson({ ...inferred, ...known }, schema, set.path);
}

function configFile(path: string): string | undefined {
  const isFile = !statSync(path).isDirectory();
  const file = isFile ? `${path.slice(0, -extname(path).length)}.json` : join(path, 'config.json');
  return existsSync(file) ? file : undefined;
}

function metadataConfig({ metadata, path }: TensorSet): Record<string, unknown> {
  if (!metadata['config']) return {};
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(metadata['config']));
  } catch (error) {
    throw new HdmError('bad-file', path, 'the config in its metadata is no JSON object', '', error);
  }
}

function autoencoderOf(vae: TensorSet, whole: TensorSet | undefined): AutoencoderConfig {
  const config = configOf(vae, autoencoderConfig, inferAutoencoderConfig);
  const statistic = (name: string): number[] | undefined => {
    const place = whole?.tensors.get(name)?.place;
    if (place?.kind !== 'file') return undefined;
    return Array.from(toFloat32(readTensor(openSafetensors(place.path), name)));
  };
  return {
    ...config,
    latents_mean: config.latents_mean ?? statistic('vae_mean') ?? RELEASED_STATISTICS.mean,
    latents_std: config.latents_std ?? statistic('vae_std') ?? RELEASED_STATISTICS.std,
  };
}

function tokenizerAt(path: string): string {
  const folder = existsSync(path) && !statSync(path).isDirectory() ? dirname(path) : path;
  if (existsSync(join(folder, 'tokenizer.json'))) return folder;
  throw new HdmError('bad-model', path, 'there is no tokenizer.json', 'Name the folder that holds it');
}

function findTokenizer(places: readonly string[]): string | undefined {
  return places.find((folder) => existsSync(join(folder, 'tokenizer.json')));
}

function contextOf(home: string, { ctx_size: length }: XutConfig): ContextRule {
  const file = join(home, 'model_index.json');
  const given = existsSync(file) ? readJson(file, modelIndex).context : undefined;
  return { padding: given?.padding ?? 'longest', length: given?.length ?? length };
}
