/** @file One stage of a run made ready: its learner as the saved state says, its pictures, its held-out pictures. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { copyStarterVae } from '../../checkpoints/starter.ts';
import type { FloatDType } from '../../graph/dtype.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { writeWordTokenizer } from '../../text/word-tokenizer.ts';
import { plainCaption } from '../data/captions.ts';
import type { Dataset } from '../data/dataset.ts';
import { openLoader, type Batch, type Loader } from '../data/loader.ts';
import { openDenoiserLearner } from '../denoiser-learner.ts';
import { openAutoencoderLearner, type Learner } from '../learner.ts';
import { writeMosaicVae } from '../mosaic-vae.ts';
import { openStartingModel, type StartingModel } from '../parts.ts';
import { sizesOf, stepsOf, type Recipe, type Stage } from '../recipe.ts';
import {
  cachedBatches,
  freshBatches,
  inTurns,
  type Batches,
  type BatchSource,
  type EncodingHooks,
} from './batches.ts';
import { RUN_FILES } from './folder.ts';
import { heldOutBatches, type SplitDataset } from './held-out.ts';
import type { Position } from './state.ts';
import { Watch } from './watch.ts';

export interface Session {
  readonly stage: Stage;
  /** Updates of this stage. */
  readonly steps: number;
  readonly model: StartingModel;
  readonly learner: Learner;
  /** Of pictures of the stage's own size. */
  readonly loader: Loader;
  /** Of the inputs of steps, which close the loader, too. */
  readonly batches: Batches;
  readonly heldOut: readonly Batch[];
  readonly watch: Watch;
  close(): Promise<void>;
}

export interface SessionOptions {
  readonly runtime: Runtime;
  readonly precision: FloatDType;
  readonly recipe: Recipe;
  readonly data: SplitDataset;
  /** Of the run. */
  readonly folder: string;
  readonly position: Pick<Position, 'stage' | 'rank' | 'worldSize'>;
  /** Latents that are cached at most, as for an estimate; default: all that the recipe asks for. */
  readonly mostCached?: number;
}

/** Of the seeds of a stage, so that it sees the pictures in another order than the one before. */
const STAGE_SEED = 1_000_003;
/** The same of the sizes of a stage. */
const SIZE_SEED = 500_009;

/** Errors as `cachedBatches` where latents are cached, and whatever opening the parts throws. */
export async function openSession(options: SessionOptions, encoding: EncodingHooks = {}): Promise<Session> {
  const { recipe, data, position, folder } = options;
  const stage = recipe.stages[position.stage]!;
  const model = openModel(options);
  const learner = await openLearner({ ...options, stage, model });
  const seed = seedOf(recipe, position.stage);
  const view = { size: stage.size, batch: stage.batch, seed, grid: learner.grid };
  const cachedBy = latentsFrom(recipe, position.stage);
  const bySize = new Map<number, Batches>();
  try {
    const heldOut = data.heldOut ? await heldOutBatches(data.heldOut, view) : [];
    const { loader, batches: own } = await openSize(0);
    bySize.set(stage.size, own);
    for (const [at, { size }] of sizesOf(stage).entries()) {
      if (at > 0) bySize.set(size, (await openSize(at)).batches);
    }
    const batches = stage.turns ? inTurns(stage.turns, bySize) : own;
    return {
      stage,
      steps: stepsOf(stage),
      model,
      learner,
      loader,
      batches,
      heldOut,
      watch: new Watch(),
      async close() {
        await batches.close();
        await learner.dispose();
      },
    };
  } catch (error) {
    for (const batches of bySize.values()) await batches.close();
    await learner.dispose();
    throw error;
  }

  /** The pictures and batches of one of the stage's sizes, by its number among them. */
  async function openSize(at: number): Promise<{ loader: Loader; batches: Batches }> {
    const { rank, worldSize } = position;
    const { crop, bucketStep, zoom, cachedCrops } = stage;
    const { size, batch } = sizesOf(stage)[at]!;
    const encoded = sizesOf(recipe.stages[cachedBy]!)[at]!;
    const ofSize = at * SIZE_SEED;
    const loader = await openLoader(data.training, {
      ...view,
      size,
      seed: seedOf(recipe, cachedBy) + ofSize,
      batch: encoded.batch,
      crop,
      buckets: { step: bucketStep },
      zoom,
      captions: recipe.captions,
      rank,
      worldSize,
    });
    const source: BatchSource = {
      recipe,
      stage: { ...stage, size, batch },
      seed: seed + ofSize,
      drawSeed: recipe.seed + ofSize,
      firstBatch: batchesBefore(recipe, position.stage),
      rank,
      worldSize,
      learner,
      loader,
    };
    if (cachedCrops === 0) return { loader, batches: freshBatches(source) };
    const all = Math.min(data.training.length * cachedCrops, options.mostCached ?? Infinity);
    const batches = await cachedBatches(source, data.training, {
      folder,
      stageNumber: cachedBy,
      most: Math.ceil(all * encoded.share), // so that an epoch of each size takes as long
      encoding,
    });
    return { loader, batches };
  }

  function openModel({ data }: SessionOptions): StartingModel {
    const { textEncoder, tokenizerPath } = recipe.model;
    const [vae, tokenizer] = [
      join(folder, RUN_FILES.parts, 'vae'),
      join(folder, RUN_FILES.parts, 'tokenizer'),
    ];
    const { path, vaePath, vae: kind } = recipe.model;
    const isNamed = path !== undefined || vaePath !== undefined;
    if (typeof kind === 'string' && !isNamed && !existsSync(vae)) READY_AUTOENCODERS[kind](vae);
    const makesWords = textEncoder !== undefined && tokenizerPath === undefined;
    if (makesWords && !existsSync(join(tokenizer, 'tokenizer_config.json'))) {
      writeWordTokenizer(tokenizer, captionsOf(data.training), textEncoder.vocab_size);
    }
    return openStartingModel(recipe, {
      ...(existsSync(vae) && { vae }),
      ...(makesWords && { tokenizer }),
    });
  }
}

/** Autoencoders that a recipe may name; each is written into the run, so that its checkpoints are whole. */
const READY_AUTOENCODERS = { starter: copyStarterVae, mosaic: writeMosaicVae } as const;

function seedOf(recipe: Recipe, stage: number): number {
  return recipe.seed + stage * STAGE_SEED;
}

/** The stage that encodes the pictures of this one: an earlier one, where all from there on cache the same latents. */
function latentsFrom({ stages }: Pick<Recipe, 'stages'>, stage: number): number {
  const [own, before] = [stages[stage]!, stages[stage - 1]];
  const isSame = (['cachedCrops', 'size', 'turns', 'zoom'] as const).every(
    (key) => String(before?.[key]) === String(own[key]),
  );
  return isSame && own.cachedCrops > 0 ? latentsFrom({ stages }, stage - 1) : stage;
}

type Opening = SessionOptions & { readonly stage: Stage; readonly model: StartingModel };

function openLearner(options: Opening): Promise<Learner> {
  return options.stage.trains === 'vae' ? openAutoencoderLearner(options) : openDenoiserLearner(options);
}

/** Of captions that are read for the words of a tokenizer. */
const MOST_CAPTIONS = 4000;

function* captionsOf(dataset: Dataset): Generator<string> {
  const step = Math.max(1, Math.floor(dataset.length / MOST_CAPTIONS));
  for (let index = 0; index < dataset.length; index += step) yield* dataset.captions(index).map(plainCaption);
}

function batchesBefore({ stages }: Recipe, stage: number): number {
  return stages.slice(0, stage).reduce((sum, each) => sum + stepsOf(each) * each.accumulation, 0);
}
