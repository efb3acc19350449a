/**
 * @file Batches for training, made ahead by other threads. The batch of a step is a pure function of the dataset, the
 * options and the step: what was asked for before, or made ahead, changes nothing. A picture that cannot be used is
 * replaced by the next one of its dataset and reported; it never ends a run.
 */
import { availableParallelism } from 'node:os';
import { HdmError, toHdmError } from '../../errors.ts';
import { CAPTION_AS_WRITTEN, sampleCaption, type CaptionOptions } from './captions.ts';
import {
  BUCKET_DEFAULTS,
  bucketShapes,
  cropSize,
  nearestBucket,
  requireTrainingSize,
  tokenCount,
  type BucketOptions,
  type Crop,
  type Grid,
} from './crops.ts';
import type { Dataset } from './dataset.ts';
import { inParallel, type ParallelOptions } from './in-parallel.ts';
import {
  continuousOrder,
  plainPool,
  pooledOrder,
  repeatedPool,
  type BatchOrder,
  type OrderOptions,
} from './order.ts';
import type { Sample } from './sample.ts';
import { openSampleMakers, type SampleMakers } from './workers.ts';

export interface LoaderOptions {
  /** 0..2^53-1. */
  readonly seed: number;
  /** Samples of one step on one rank. */
  readonly batch: number;
  /** Side of the squares, or root of the area of the buckets, in pixels. */
  readonly size: number;
  readonly crop?: 'shifted-square' | 'buckets';
  readonly buckets?: Partial<BucketOptions> & { readonly isCentred?: boolean };
  readonly captions?: CaptionOptions;
  readonly grid?: Grid;
  readonly rank?: number;
  readonly worldSize?: number;
  /** Threads; 0 works in the thread that asks. */
  readonly workers?: number;
  /** Batches made before they are asked for. */
  readonly ahead?: number;
}

export interface Batch {
  readonly step: number;
  /** Of all pictures in it, in pixels. */
  readonly width: number;
  readonly height: number;
  /** [B, 3, height, width], -1..1. */
  readonly pixels: Float32Array<ArrayBuffer>;
  readonly captions: readonly string[];
  /** [B, tokens, 2] of (y, x). */
  readonly positions: Float32Array<ArrayBuffer>;
  /** [B], ln(width / height) of the whole pictures. */
  readonly addon: Float32Array<ArrayBuffer>;
  readonly names: readonly string[];
  /** Pictures that could not be used; others took their places. */
  readonly skipped: readonly Skipped[];
}

export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

export interface Loader {
  readonly batchSize: number;
  /** Over all ranks. */
  readonly samplesPerEpoch: number;
  /** How long `batch` has kept its callers waiting, all in all. */
  readonly waitedMs: number;
  /**
   * The batch of a step (0, 1, …), and the beginning of the next ones in the background.
   * @throws HdmError when so many pictures in a row cannot be used that something else is wrong; `cancelled` after `close`
   */
  batch(step: number): Promise<Batch>;
  close(): Promise<void>;
}

const DEFAULT_GRID: Grid = { positions: 'bounding_box', latentScale: 8 };
const DEFAULT_AHEAD = 2;
/** More hardly ever help, and each takes some 50 MB. */
const MOST_WORKERS = 8;
/** Pictures in a row that may be bad before it is taken for a lost disk. */
const MOST_SKIPPED = 64;

/**
 * Opens a loader. For buckets the sizes of all pictures are read first, with progress.
 * @throws HdmError `bad-usage` for options that cannot be; `cancelled`
 */
export async function openLoader(
  dataset: Dataset,
  options: LoaderOptions,
  opening: ParallelOptions = {},
): Promise<Loader> {
  const { batch, size, seed, rank = 0, worldSize = 1, grid = DEFAULT_GRID, ahead = DEFAULT_AHEAD } = options;
  checkOptions(options);
  requireTrainingSize(size, grid.latentScale);
  const orderOptions = { seed, batch, rank, worldSize };
  const plan =
    options.crop === 'buckets'
      ? await planBuckets(dataset, options, orderOptions, opening)
      : planSquares(dataset, size, orderOptions);
  const makers = openSampleMakers(
    options.workers ?? Math.max(1, Math.min(MOST_WORKERS, availableParallelism() - 1)),
  );
  return new BatchLoader(dataset, { ...options, grid, ahead }, plan, makers);
}

/** Which item each sample is, and what is cut out of the pictures of a step. */
interface Plan {
  readonly order: BatchOrder;
  readonly crops: readonly Crop[];
}

function planSquares(dataset: Dataset, size: number, options: OrderOptions): Plan {
  const pool = dataset.isRepeating
    ? repeatedPool(allItems(dataset), repeatsIn(dataset))
    : plainPool(dataset.length);
  return { order: continuousOrder(pool, options), crops: [{ kind: 'shifted-square', size }] };
}

/** Pictures whose header cannot be read are in no bucket. */
async function planBuckets(
  dataset: Dataset,
  { size, buckets, grid = DEFAULT_GRID }: LoaderOptions,
  order: OrderOptions,
  opening: ParallelOptions,
): Promise<Plan> {
  const shape = { ...BUCKET_DEFAULTS, ...buckets };
  requireTrainingSize(shape.step, grid.latentScale);
  const shapes = bucketShapes(size, shape);
  const sizes = await inParallel(dataset.length, (i) => dataset.size(i).catch(() => undefined), opening);
  const members = shapes.map((): number[] => []);
  sizes.forEach((found, item) => found && members[nearestBucket(found, shapes)]!.push(item));
  const used = shapes
    .map((bucket, i) => ({ bucket, items: members[i]! }))
    .filter(({ items }) => items.length > 0);
  if (used.length === 0) {
    const problem = `none of ${dataset.length} pictures fits into buckets for ${size} pixels`;
    throw new HdmError('bad-file', 'buckets', problem, 'Run `hdm-studio dataset report` to see why');
  }
  return {
    order: pooledOrder(
      used.map(({ items }) => repeatedPool(items, repeatsIn(dataset))),
      order,
    ),
    crops: used.map(({ bucket }) => ({ kind: 'bucket', bucket, isCentred: shape.isCentred ?? false })),
  };
}

function allItems({ length }: Dataset): number[] {
  return Array.from({ length }, (_, i) => i);
}

function repeatsIn(dataset: Dataset): (item: number) => number {
  return (item) => dataset.item(item).repeats;
}

interface MadeSample extends Sample {
  readonly name: string;
  readonly caption: string;
  readonly skipped: readonly Skipped[];
}

class BatchLoader implements Loader {
  readonly batchSize: number;
  readonly samplesPerEpoch: number;
  waitedMs = 0;
  readonly #dataset: Dataset;
  readonly #options: LoaderOptions & { grid: Grid; ahead: number };
  readonly #plan: Plan;
  readonly #makers: SampleMakers;
  /** Batches under way and ready, by step. */
  readonly #batches = new Map<number, Promise<Batch>>();

  constructor(
    dataset: Dataset,
    options: LoaderOptions & { grid: Grid; ahead: number },
    plan: Plan,
    makers: SampleMakers,
  ) {
    this.batchSize = options.batch;
    this.samplesPerEpoch = plan.order.samplesPerEpoch;
    this.#dataset = dataset;
    this.#options = options;
    this.#plan = plan;
    this.#makers = makers;
  }

  async batch(step: number): Promise<Batch> {
    if (!Number.isSafeInteger(step) || step < 0) {
      throw new HdmError(
        'bad-usage',
        'data loader',
        `the step must be a whole number from 0 up, got ${step}`,
      );
    }
    const startedMs = performance.now();
    try {
      return await this.#started(step);
    } finally {
      this.waitedMs += performance.now() - startedMs;
    }
  }

  async close(): Promise<void> {
    this.#batches.clear();
    await this.#makers.close();
  }

  /** The batch of a step. Keeps those of the next steps going and forgets all others. */
  #started(step: number): Promise<Batch> {
    const last = step + this.#options.ahead;
    for (const known of this.#batches.keys()) if (known < step || known > last) this.#batches.delete(known);
    for (let next = step; next <= last; next++) {
      if (this.#batches.has(next)) continue;
      const batch = this.#make(next);
      batch.catch(() => {}); // whoever asks for it will hear
      this.#batches.set(next, batch);
    }
    const batch = this.#batches.get(step)!;
    this.#batches.delete(step);
    return batch;
  }

  async #make(step: number): Promise<Batch> {
    const places = Array.from({ length: this.batchSize }, (_, at) => this.#sample(step, at));
    const samples = await Promise.all(places);
    const { width, height } = cropSize(this.#crop(step));
    const tokens = tokenCount({ width, height }, this.#options.grid.latentScale);
    return {
      step,
      width,
      height,
      pixels: joined(
        samples.map(({ pixels }) => pixels),
        3 * width * height,
      ),
      captions: samples.map(({ caption }) => caption),
      positions: joined(
        samples.map(({ positions }) => positions),
        2 * tokens,
      ),
      addon: Float32Array.from(samples, ({ addon }) => addon),
      names: samples.map(({ name }) => name),
      skipped: samples.flatMap(({ skipped }) => skipped),
    };
  }

  /** The sample at a place, or the one of the first item after it that can be used. */
  async #sample(step: number, at: number): Promise<MadeSample> {
    const { seed, size, grid, captions = CAPTION_AS_WRITTEN } = this.#options;
    const skipped: Skipped[] = [];
    const tries = Math.min(MOST_SKIPPED, this.#dataset.length);
    for (let skip = 0; skip < tries; skip++) {
      const { item, sample } = this.#plan.order.place(step, at, skip);
      const { name, picture } = this.#dataset.item(item);
      const task = { name, picture, crop: this.#crop(step), grid, size, seed, sample };
      try {
        const made = await this.#makers.make(task);
        const caption = sampleCaption(this.#dataset.captions(item), captions, seed, sample);
        return { ...made, name, caption, skipped };
      } catch (error) {
        const { code, message } = toHdmError(error, name);
        if (code !== 'bad-file' && code !== 'disk') throw error;
        skipped.push({ name, reason: message });
      }
    }
    throw tooManyBad(skipped);
  }

  #crop(step: number): Crop {
    return this.#plan.crops[this.#plan.order.pool(step)]!;
  }
}

function tooManyBad(skipped: readonly Skipped[]): HdmError {
  const problem = `${skipped.length} pictures in a row cannot be used, the last: ${skipped.at(-1)!.reason.replace(/\.$/, '')}`;
  return new HdmError('bad-file', 'dataset', problem, 'Run `hdm-studio dataset report` to see them all');
}

function joined(parts: readonly Float32Array[], length: number): Float32Array<ArrayBuffer> {
  const whole = new Float32Array(parts.length * length);
  parts.forEach((part, i) => whole.set(part, i * length));
  return whole;
}

function checkOptions({ batch, seed, rank = 0, worldSize = 1, workers = 0, ahead = 0 }: LoaderOptions): void {
  const whole = { batch, seed, rank, worldSize, workers, ahead };
  for (const [name, value] of Object.entries(whole)) {
    const least = name === 'batch' || name === 'worldSize' ? 1 : 0;
    if (Number.isSafeInteger(value) && value >= least) continue;
    throw new HdmError(
      'bad-usage',
      'data loader',
      `${name} must be a whole number from ${least} up, got ${value}`,
    );
  }
  if (rank < worldSize) return;
  throw new HdmError('bad-usage', 'data loader', `rank must be below worldSize ${worldSize}, got ${rank}`);
}
