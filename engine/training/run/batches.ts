/** @file The inputs of each training step: made from pictures when they are needed, or out of cached latents. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
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
  readonly images: number;
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
  /** Its size and batch are those of these batches. */
  readonly stage: Stage;
  /** Of this stage's order of pictures. */
  readonly seed: number;
  /** Of noise, times and kept tokens. */
  readonly drawSeed: number;
  /** Number of the first batch of this stage in the run. */
  readonly firstBatch: number;
  readonly rank: number;
  readonly worldSize: number;
  readonly learner: Learner;
  readonly loader: Loader;
}

export function freshBatches({ drawSeed, firstBatch, rank, learner, loader }: BatchSource): Batches {
  return {
    get waitedMs() {
      return loader.waitedMs;
    },
    async next(number) {
      const batch = await loader.batch(number);
      const draws = drawsOf(drawSeed, firstBatch + number, rank);
      const encoded = await learner.encode(batch, draws);
      return {
        values: learner.trainingValues(encoded, draws),
        images: encoded.samples,
        cut: encoded.cut,
        skipped: batch.skipped,
      };
    },
    close: () => loader.close(),
  };
}

/** Batches of several sizes, each with an order of its own: batch `number` has the size that `turns` says, again and again. */
export function inTurns(turns: readonly number[], bySize: ReadonlyMap<number, Batches>): Batches {
  const all = [...bySize.values()];
  const times = (sizes: readonly number[], wanted: number) => sizes.filter((size) => size === wanted).length;
  return {
    get waitedMs() {
      return all.reduce((sum, { waitedMs }) => sum + waitedMs, 0);
    },
    next(number) {
      const [round, at] = [Math.floor(number / turns.length), number % turns.length];
      const size = turns[at]!;
      return bySize.get(size)!.next(round * times(turns, size) + times(turns.slice(0, at), size));
    },
    async close() {
      await Promise.all(all.map((batches) => batches.close()));
    },
  };
}

export interface CacheOptions {
  /** Of the run. */
  readonly folder: string;
  /** The stage whose latents they are. */
  readonly stageNumber: number;
  /** Latents at most. */
  readonly most: number;
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
  const { recipe, stage, seed, drawSeed, firstBatch, rank, worldSize, learner } = source;
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
    draws: { seed: drawSeed, firstBatch },
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
        images: stage.batch,
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
  { folder, stageNumber, most, encoding }: CacheOptions,
): Promise<LatentCache> {
  const { size, cachedCrops } = source.stage;
  const { latentScale } = source.learner.grid;
  const rows = Math.min(dataset.length * cachedCrops, most);
  const inside = join(folder, RUN_FILES.latents);
  const ofStage = `stage-${stageNumber + 1}-`;
  const cache: LatentCache = {
    path: join(inside, `${ofStage}${size}.bin`),
    latent: [ahead.channels, size / latentScale, size / latentScale],
    tokens: tokenCount({ width: size, height: size }, latentScale),
  };
  if (cachedRows(cache) === rows) return cache;
  mkdirSync(inside, { recursive: true });
  const ofOthers = readdirSync(inside).filter((name) => !name.startsWith(ofStage));
  for (const name of ofOthers) rmSync(join(inside, name)); // they are of no use any more
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
