/** @file The inputs of each training step: made from pictures when they are needed, or out of cached latents. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { HdmError } from '../../errors.ts';
import type { Values } from '../../runtime/runtime.ts';
import { openCachedLoader } from '../data/cached-loader.ts';
import { tokenCount } from '../data/crops.ts';
import type { Dataset } from '../data/dataset.ts';
import { MadeAhead } from '../data/made-ahead.ts';
import { cachedRows, LatentCacheWriter, type LatentCache, type LatentRows } from '../data/latent-cache.ts';
import type { Loader, Skipped } from '../data/loader.ts';
import { drawsOf } from '../draws.ts';
import type { Ahead, Learner } from '../learner.ts';
import type { Recipe, Stage } from '../recipe.ts';
import { RUN_FILES } from './folder.ts';

export interface StepInputs {
  readonly values: Values;
  /** Captions that were cut. */
  readonly cut: number;
  readonly skipped: readonly Skipped[];
}

export interface Batches {
  /** How long `next` has kept its callers waiting for pictures, all in all. */
  readonly waitedMs: number;
  /** The inputs of batch `number` of the stage. Nothing of it is kept. */
  next(number: number): Promise<StepInputs>;
  close(): Promise<void>;
}

/** What batches depend on. */
export interface BatchSource {
  readonly recipe: Recipe;
  readonly stage: Stage;
  /** Of this stage's order of pictures. */
  readonly seed: number;
  /** Number of the first batch of this stage in the run. */
  readonly firstBatch: number;
  readonly rank: number;
  readonly worldSize: number;
  readonly learner: Learner;
  readonly loader: Loader;
}

export function freshBatches({ recipe, firstBatch, rank, learner, loader }: BatchSource): Batches {
  return {
    get waitedMs() {
      return loader.waitedMs;
    },
    async next(number) {
      const batch = await loader.batch(number);
      const draws = drawsOf(recipe.seed, firstBatch + number, rank);
      const encoded = await learner.encode(batch, draws);
      return {
        values: learner.trainingValues(encoded, draws),
        cut: encoded.cut,
        skipped: batch.skipped,
      };
    },
    close: async () => {},
  };
}

export interface CacheOptions {
  /** Of the run. */
  readonly folder: string;
  /** The stage whose latents they are. */
  readonly stageNumber: number;
  /** Latents at most, as for an estimate. */
  readonly most?: number | undefined;
  readonly encoding: EncodingHooks;
}

export interface EncodingHooks {
  /** Called before pictures are encoded. */
  readonly onBegin?: () => void;
  /** Asked before each batch, as many pictures take minutes. */
  readonly mayGoOn?: () => Promise<boolean>;
}

/**
 * Encodes crops with the loader of the source unless that is done already, and reads batches out of them. Throws `disk`;
 * `cancelled` when it may not go on.
 */
export async function cachedBatches(
  source: BatchSource,
  dataset: Dataset,
  options: CacheOptions,
): Promise<Batches> {
  const { recipe, stage, seed, firstBatch, rank, worldSize, learner } = source;
  const ahead = learner.ahead!;
  // No picture is needed afterwards, and the loader's threads hold memory.
  const cache = await openCache(source, dataset, ahead, options).finally(() => source.loader.close());
  const loader = openCachedLoader(dataset, cache, {
    seed,
    batch: stage.batch,
    captions: recipe.captions,
    rank,
    worldSize,
    tread: stage.tread,
    timeShift: stage.timeShift,
    hasAspect: ahead.hasAspect,
    draws: { seed: recipe.seed, firstBatch },
    words: (captions) => ahead.words(captions),
  });
  return {
    get waitedMs() {
      return loader.waitedMs;
    },
    async next(number) {
      const { values, words } = await loader.batch(number);
      return {
        values: { ...values, ...(await ahead.context(words)) },
        cut: words?.cut ?? 0,
        skipped: [],
      };
    },
    close: () => loader.close(),
  };
}

async function openCache(
  source: BatchSource,
  dataset: Dataset,
  ahead: Ahead,
  { folder, stageNumber, most = Infinity, encoding }: CacheOptions,
): Promise<LatentCache> {
  const { size, cachedCrops } = source.stage;
  const { latentScale } = source.learner.grid;
  const rows = Math.min(dataset.length * cachedCrops, most);
  const inside = join(folder, RUN_FILES.latents);
  const cache: LatentCache = {
    path: join(inside, `stage-${stageNumber + 1}.bin`),
    latent: [ahead.channels, size / latentScale, size / latentScale],
    tokens: tokenCount({ width: size, height: size }, latentScale),
  };
  if (cachedRows(cache) === rows) return cache;
  rmSync(inside, { recursive: true, force: true }); // those of another stage are of no use any more
  mkdirSync(inside, { recursive: true });
  encoding.onBegin?.();
  await fill(cache, rows, source, ahead, encoding);
  return cache;
}

/** Each picture once in an epoch, so that the first `rows` samples of the loader are as many crops of each. */
async function fill(
  cache: LatentCache,
  rows: number,
  { loader }: BatchSource,
  ahead: Ahead,
  { mayGoOn = () => Promise.resolve(true) }: EncodingHooks,
): Promise<void> {
  const batches = Math.ceil(rows / loader.batchSize);
  const encode = async (number: number): Promise<LatentRows | undefined> => {
    if (number >= batches) return undefined;
    const batch = await loader.batch(number);
    const { data } = await ahead.latents(batch);
    const { positions, addon, items } = batch;
    return { latents: data as Float32Array<ArrayBuffer>, positions, addon, items };
  };
  // One ahead: the device is at the next pictures while the latents of these are written.
  const encoded = new MadeAhead(encode, 1);
  const writer = new LatentCacheWriter(cache);
  try {
    for (let number = 0; number < batches; number++) {
      if (!(await mayGoOn()))
        throw new HdmError('cancelled', 'training', 'stopped while pictures were encoded');
      const left = rows - number * loader.batchSize;
      writer.append((await encoded.take(number))!, Math.min(loader.batchSize, left));
    }
    writer.finish();
  } catch (error) {
    await encoded.settled();
    writer.discard();
    throw error;
  }
  const found = cachedRows(cache);
  if (found === rows) return;
  throw new HdmError('disk', cache.path, `expected ${rows} latents, got ${found}`, 'Start the run again');
}
