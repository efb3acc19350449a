/**
 * @file Batches out of cached latents, made ahead by other threads: what a step needs but for its words, and its
 * captions. As with pictures, a batch is a pure function of the cache, the options and its number.
 */
import { sampleCaption, type CaptionOptions } from './captions.ts';
import type { Dataset } from './dataset.ts';
import { cachedRows, readItems, type LatentCache } from './latent-cache.ts';
import { MadeAhead } from './made-ahead.ts';
import { continuousOrder, plainPool } from './order.ts';
import type { ReadyValues } from './ready.ts';
import { openSampleMakers, usualWorkers } from './workers.ts';

export interface CachedLoaderOptions {
  readonly seed: number;
  readonly batch: number;
  readonly captions: CaptionOptions;
  readonly rank: number;
  readonly worldSize: number;
  /** Part of the image tokens that skip the middle. */
  readonly tread: number;
  /** Of the times, towards noise. */
  readonly timeShift: number;
  /** Whether the model has an aspect condition. */
  readonly hasAspect: boolean;
  /** Of the random draws: the seed of the run, and the number of its batch that is batch 0 here. */
  readonly draws: { readonly seed: number; readonly firstBatch: number };
  /** What becomes of the captions of a batch. */
  readonly words: (captions: readonly string[]) => Words | undefined;
  /** Threads; 0 works in the thread that asks. */
  readonly workers?: number;
}

/** Captions as a model takes them. */
export interface Words {
  readonly values: ReadyValues;
  /** Captions that were longer than the context. */
  readonly cut: number;
}

export interface CachedBatch {
  readonly values: ReadyValues;
  readonly words: Words | undefined;
}

export interface CachedLoader {
  readonly waitedMs: number;
  /** The batch of a number, and the beginning of the next ones in the background. */
  batch(number: number): Promise<CachedBatch>;
  close(): Promise<void>;
}

export function openCachedLoader(
  dataset: Dataset,
  cache: LatentCache,
  options: CachedLoaderOptions,
): CachedLoader {
  const { seed, batch, rank, worldSize, draws, tread, timeShift, hasAspect } = options;
  const items = readItems(cache);
  const order = continuousOrder(plainPool(cachedRows(cache)), { seed, batch, rank, worldSize });
  const makers = openSampleMakers(options.workers ?? usualWorkers());
  /** Of pictures that were asked for: to make up the captions of a scene takes longer than all else here. */
  const known = new Map<number, readonly string[]>();
  const captionsOf = (item: number): readonly string[] => {
    const captions = known.get(item) ?? dataset.captions(item);
    known.set(item, captions);
    return captions;
  };

  async function make(number: number): Promise<CachedBatch> {
    const places = Array.from({ length: batch }, (_, at) => order.place(number, at));
    const rows = places.map(({ item }) => item);
    const drawn = { seed: draws.seed, index: draws.firstBatch + number, rank };
    const values = makers.make({ kind: 'ready', cache, rows, ...drawn, tread, timeShift, hasAspect });
    values.catch(() => {}); // who waits for the batch will hear
    await aside();
    const captions = places.map(({ item: row, sample }) =>
      sampleCaption(captionsOf(items[row]!), options.captions, seed, sample),
    );
    await aside();
    return { words: options.words(captions), values: await values };
  }

  const batches = new MadeAhead(make, makers.count);
  return {
    get waitedMs() {
      return batches.waitedMs;
    },
    batch: (number) => batches.take(number),
    async close() {
      batches.clear();
      await makers.close();
    },
  };
}

/** Lets the thread that trains give the device its work first. */
function aside(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
