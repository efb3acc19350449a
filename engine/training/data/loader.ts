/**
 * @file Batches for training, made ahead by other threads. The batch of a step is a pure function of the dataset, the
 * options and the step: what was asked for before, or made ahead, changes nothing. A picture that cannot be used is
 * replaced by the next one of its dataset and reported; it never ends a run.
 */
import { HdmError } from '../../errors.ts';
import { CAPTION_AS_WRITTEN, sampleCaption, type CaptionOptions } from './captions.ts';
import {
  cropSize,
  requireTrainingSize,
  BUCKET_DEFAULTS,
  type BucketOptions,
  type Crop,
  type Grid,
} from './crops.ts';
import type { Dataset } from './dataset.ts';
import type { ParallelOptions } from './in-parallel.ts';
import { MadeAhead } from './made-ahead.ts';
import type { Place } from './order.ts';
import { planBuckets, planSquares, type Plan } from './plan.ts';
import type { Failure, Samples } from './sample.ts';
import { openSampleMakers, usualWorkers, type SampleMakers, type Task } from './workers.ts';

export interface LoaderOptions {
  /** 0..2^53-1. */
  readonly seed: number;
  /** Samples of one step on one rank. */
  readonly batch: number;
  /** Side of the squares, or root of the area of the buckets, in pixels. */
  readonly size: number;
  readonly crop?: 'shifted-square' | 'buckets';
  /** Of squares: how far some of them are zoomed into, from 1 up, which is none and the default. */
  readonly zoom?: number;
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
  /** Pictures [n, 3, height, width], -1..1, as many in each part as a thread made. */
  readonly parts: readonly Float32Array<ArrayBuffer>[];
  /** All of them in one piece [B, 3, height, width], which is put together when it is asked for. */
  readonly pixels: Float32Array<ArrayBuffer>;
  readonly captions: readonly string[];
  /** [B, tokens, 2] of (y, x). */
  readonly positions: Float32Array<ArrayBuffer>;
  /** [B], ln(width / height) of the whole pictures. */
  readonly addon: Float32Array<ArrayBuffer>;
  readonly names: readonly string[];
  /** Numbers of the pictures in the dataset. */
  readonly items: readonly number[];
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
  const {
    batch,
    size,
    zoom = 1,
    seed,
    rank = 0,
    worldSize = 1,
    grid = DEFAULT_GRID,
    ahead = DEFAULT_AHEAD,
  } = options;
  checkOptions(options);
  requireTrainingSize(size, grid.latentScale);
  const { buckets = {} } = options;
  requireTrainingSize(buckets.step ?? BUCKET_DEFAULTS.step, grid.latentScale);
  const orderOptions = { seed, batch, rank, worldSize };
  const plan =
    options.crop === 'buckets'
      ? await planBuckets(dataset, size, buckets, orderOptions, opening)
      : planSquares(dataset, { size, zoom }, orderOptions);
  const makers = openSampleMakers(options.workers ?? usualWorkers());
  return new BatchLoader(dataset, { ...options, grid, ahead }, plan, makers);
}

/** Neighbouring samples of a batch, and what they became of. */
interface Chunk extends Samples {
  readonly items: readonly Place[];
  readonly skipped: readonly Skipped[];
}

class BatchLoader implements Loader {
  readonly batchSize: number;
  readonly samplesPerEpoch: number;
  readonly #dataset: Dataset;
  readonly #options: LoaderOptions & { grid: Grid; ahead: number };
  readonly #plan: Plan;
  readonly #makers: SampleMakers;
  readonly #batches: MadeAhead<Batch>;

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
    this.#batches = new MadeAhead((step) => this.#make(step), options.ahead);
  }

  get waitedMs(): number {
    return this.#batches.waitedMs;
  }

  async batch(step: number): Promise<Batch> {
    if (!Number.isSafeInteger(step) || step < 0) {
      throw new HdmError(
        'bad-usage',
        'data loader',
        `the step must be a whole number from 0 up, got ${step}`,
      );
    }
    return this.#batches.take(step);
  }

  async close(): Promise<void> {
    this.#batches.clear();
    await this.#makers.close();
  }

  /** Threads share a batch, so that the first is not waited for longer than need be. */
  async #make(step: number): Promise<Batch> {
    const { seed, batch, captions = CAPTION_AS_WRITTEN } = this.#options;
    const chunks = await Promise.all(
      chunksOf(batch, this.#makers.count).map((places) => this.#chunk(step, places)),
    );
    const items = chunks.flatMap((chunk) => chunk.items);
    const parts = chunks.map(({ pixels }) => pixels);
    return {
      step,
      ...cropSize(this.#crop(step)),
      parts,
      get pixels() {
        return joined(parts);
      },
      captions: items.map(({ item, sample }) =>
        sampleCaption(this.#dataset.captions(item), captions, seed, sample),
      ),
      positions: joined(chunks.map(({ positions }) => positions)),
      addon: joined(chunks.map(({ addon }) => addon)),
      names: items.map(({ item }) => this.#dataset.item(item).name),
      items: items.map(({ item }) => item),
      skipped: chunks.flatMap(({ skipped }) => skipped),
    };
  }

  /** The samples at some places of a batch. */
  async #chunk(step: number, ats: readonly number[]): Promise<Chunk> {
    const items = ats.map((at) => this.#plan.order.place(step, at));
    const samples = await this.#makers.make(this.#task(step, items));
    const skipped: Skipped[] = [];
    for (const failure of samples.failed) {
      const { at } = failure;
      const other = await this.#replacement(step, ats[at]!, failure);
      items[at] = other.place;
      skipped.push(...other.skipped);
      for (const part of ['pixels', 'positions', 'addon'] as const) {
        samples[part].set(other.samples[part], at * other.samples[part].length);
      }
    }
    return { ...samples, items, skipped };
  }

  /** For a picture that failed: the first item after it that can be used. */
  async #replacement(step: number, at: number, failure: Failure) {
    const { order } = this.#plan;
    const skipped: Skipped[] = [];
    let failed: Failure | undefined = failure;
    for (let skip = 0; skip < Math.min(MOST_SKIPPED, this.#dataset.length); skip++) {
      skipped.push(this.#skip(order.place(step, at, skip), failed));
      const place = order.place(step, at, skip + 1);
      const samples = await this.#makers.make(this.#task(step, [place]));
      failed = samples.failed[0];
      if (!failed) return { place, samples, skipped };
    }
    throw tooManyBad(skipped);
  }

  /** @throws HdmError what is no fault of the picture */
  #skip({ item }: Place, { code, message }: Failure): Skipped {
    const { name } = this.#dataset.item(item);
    if (code === 'bad-file' || code === 'disk') return { name, reason: message };
    throw new HdmError(code, name, message);
  }

  #task(step: number, places: readonly Place[]): Task & { kind: 'samples' } {
    const { seed, size, grid } = this.#options;
    const slots = places.map(({ item, sample }) => {
      const { name, picture } = this.#dataset.item(item);
      return { name, picture, sample };
    });
    return { kind: 'samples', slots, crop: this.#crop(step), grid, size, seed };
  }

  #crop(step: number): Crop {
    return this.#plan.crops[this.#plan.order.pool(step)]!;
  }
}

function tooManyBad(skipped: readonly Skipped[]): HdmError {
  const problem = `${skipped.length} pictures in a row cannot be used, the last: ${skipped.at(-1)!.reason.replace(/\.$/, '')}`;
  return new HdmError('bad-file', 'dataset', problem, 'Run `hdm-studio dataset report` to see them all');
}

/** 0..total-1 in so many runs, as equal as can be. */
function chunksOf(total: number, count: number): number[][] {
  const chunks = Array.from({ length: Math.min(total, count) }, (): number[] => []);
  for (let at = 0; at < total; at++) chunks[Math.floor((at * chunks.length) / total)]!.push(at);
  return chunks;
}

function joined(parts: readonly Float32Array<ArrayBuffer>[]): Float32Array<ArrayBuffer> {
  if (parts.length === 1) return parts[0]!;
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
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
