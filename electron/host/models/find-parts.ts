/**
 * @file Looks for the text encoder, VAE or tokenizer that a model lacks: in the other models, and in folders. A part
 * fits when its sizes do; whether it is the very one the model was trained with cannot be told from outside.
 */
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import {
  openCheckpoint,
  type Checkpoint,
  type Elsewhere,
  type TextEncoderConfig,
} from '../../../engine/checkpoints/checkpoint.ts';
import { openTensors, partOf, readJson, type Part } from '../../../engine/checkpoints/tensors.ts';
import { HdmError } from '../../../engine/errors.ts';
import { latentScale } from '../../../engine/models/autoencoder-kl.ts';
import { weightFiles } from './contents.ts';
import { isFolder, visibleNames } from './model-files.ts';
import { requireWeights } from './weights-check.ts';

export interface Surroundings {
  /** Models whose parts may serve. */
  readonly models: readonly Checkpoint[];
  /** Folders (and files) to look through. */
  readonly places: readonly string[];
}

/** Pixels per latent number, as everything here takes them. */
const LATENT_SCALE = 8;
const MAX_DEPTH = 3;
const MAX_FOLDERS = 300;
const MAX_TOKENIZER_BYTES = 64 * 2 ** 20;

/** What the model lacks and where it was found, beside what was already elsewhere. */
export function findParts(model: Checkpoint, elsewhere: Elsewhere, around: Surroundings): Elsewhere {
  const places = placesOf(around);
  let found = elsewhere;
  const needsText = model.transformer.config.ctx_dim !== null;
  if (needsText && !model.textEncoder) found = { ...found, ...findTextEncoder(model, found, places) };
  if (!model.vae) found = { ...found, ...findVae(model, found, places) };
  if (!needsText || model.tokenizer) return found;
  const { textEncoder, tokenizer } = openCheckpoint(model.path, found);
  if (!textEncoder || tokenizer) return found;
  const folder = findTokenizer(textEncoder, places);
  return folder ? { ...found, tokenizer: folder } : found;
}

/** Throws `bad-model` when a text encoder or VAE was given that does not go with the transformer. */
export function requireFitting({ transformer, textEncoder, vae }: Checkpoint): void {
  const { ctx_dim: width, input_dim: channels } = transformer.config;
  const advice = 'Use the one that the model was trained with';
  if (textEncoder && textEncoder.config.hidden_size !== width) {
    const problem = `this text encoder has states of ${textEncoder.config.hidden_size} numbers, the model takes ${width}`;
    throw new HdmError('bad-model', textEncoder.path, problem, advice);
  }
  if (!vae) return;
  const { latent_channels } = vae.config;
  const scale = latentScale(vae.config);
  if (latent_channels === channels && scale === LATENT_SCALE) return;
  const problem = `this VAE has ${latent_channels} channels and shrinks ${scale} times, the model takes ${channels} and ${LATENT_SCALE}`;
  throw new HdmError('bad-model', vae.path, problem, advice);
}

/** Where parts may lie, best first: whole models, then folders and files. */
interface Places {
  readonly models: readonly Checkpoint[];
  readonly weights: readonly string[];
  readonly folders: readonly string[];
}

function placesOf({ models, places }: Surroundings): Places {
  const folders = places.flatMap((place) => foldersBelow(place));
  const files = places.filter((place) => !isFolder(place));
  return { models, folders, weights: [...files, ...folders.flatMap((folder) => weightsIn(folder))] };
}

function findTextEncoder(model: Checkpoint, elsewhere: Elsewhere, { models, weights }: Places): Elsewhere {
  const known = models.flatMap(({ textEncoder, tokenizer }) =>
    textEncoder ? [{ textEncoder: textEncoder.path, ...(tokenizer !== undefined && { tokenizer }) }] : [],
  );
  const lying = holding('textEncoder', weights).map((path) => ({ textEncoder: path }));
  return [...known, ...lying].find((parts) => fits(model, { ...elsewhere, ...parts })) ?? {};
}

function findVae(model: Checkpoint, elsewhere: Elsewhere, { models, weights }: Places): Elsewhere {
  const known = models.flatMap(({ vae }) => (vae ? [vae.path] : []));
  const candidates = [...known, ...holding('vae', weights)].map((vae) => ({ vae }));
  return candidates.find((parts) => fits(model, { ...elsewhere, ...parts })) ?? {};
}

/** Of a model with the same text encoder, beside the text encoder, or one with as many tokens. */
function findTokenizer(
  { path, config }: { path: string; config: TextEncoderConfig },
  { models, folders }: Places,
): string | undefined {
  const twin = models.find(
    ({ textEncoder, tokenizer }) =>
      tokenizer !== undefined &&
      textEncoder?.config.model_type === config.model_type &&
      textEncoder.config.vocab_size === config.vocab_size,
  );
  const home = isFolder(path) ? path : dirname(path);
  const beside = [join(home, 'tokenizer'), join(dirname(home), 'tokenizer')].find(holdsTokenizer);
  return twin?.tokenizer ?? beside ?? folders.find((folder) => hasAsManyTokens(folder, config.vocab_size));
}

/** A part that cannot be opened, or does not fit, is simply not the one that is looked for. */
function fits(model: Checkpoint, parts: Elsewhere): boolean {
  try {
    const checkpoint = openCheckpoint(model.path, parts);
    requireFitting(checkpoint);
    requireWeights(checkpoint);
    return true;
  } catch {
    return false;
  }
}

function holding(part: Part, weights: readonly string[]): string[] {
  return weights.filter((path) => {
    try {
      return partOf(openTensors(path), part) !== undefined;
    } catch {
      return false; // damaged, or being written
    }
  });
}

/** A folder with a config is one part, perhaps in several files; without one, each file is by itself. */
function weightsIn(folder: string): string[] {
  const files = weightFiles(folder);
  return files.length > 0 && existsSync(join(folder, 'config.json')) ? [folder] : files;
}

/** A folder and those below it, the nearest first. */
function foldersBelow(place: string): string[] {
  let level = [place].filter(isFolder);
  const found = [...level];
  for (let depth = 0; depth < MAX_DEPTH && found.length < MAX_FOLDERS; depth++) {
    level = level
      .flatMap((folder) => visibleNames(folder).map((name) => join(folder, name)))
      .filter(isFolder)
      .slice(0, MAX_FOLDERS - found.length);
    found.push(...level);
  }
  return found;
}

function holdsTokenizer(folder: string): boolean {
  return existsSync(join(folder, 'tokenizer.json'));
}

const tokenizerFile = z.looseObject({
  model: z.looseObject({ vocab: z.union([z.looseObject({}), z.array(z.unknown())]) }),
  added_tokens: z.array(z.looseObject({ id: z.int() })).default([]),
});

/** Embedding tables are a little larger than their tokenizers, for the sake of round sizes. */
const FULLEST = 0.98;

function hasAsManyTokens(folder: string, vocabularySize: number): boolean {
  const path = join(folder, 'tokenizer.json');
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined || size > MAX_TOKENIZER_BYTES) return false;
  try {
    const { model, added_tokens: added } = readJson(path, tokenizerFile);
    const tokens = Object.keys(model.vocab).length;
    const end = added.reduce((largest, { id }) => Math.max(largest, id + 1), tokens);
    return end <= vocabularySize && end >= FULLEST * vocabularySize;
  } catch {
    return false; // of another kind, or damaged
  }
}
