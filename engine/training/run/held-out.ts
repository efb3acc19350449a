/** @file Pictures that are kept out of training, so that the loss on them tells what was learned. */
import { CAPTION_AS_WRITTEN } from '../data/captions.ts';
import type { Grid } from '../data/crops.ts';
import type { Dataset } from '../data/dataset.ts';
import { openLoader, type Batch } from '../data/loader.ts';
import { permuted } from '../data/order.ts';

/** The largest part of a dataset that is held out. */
const LARGEST_PART = 0.1;
/** Of the permutation that chooses them. */
const SALT = 0xffff;

export interface SplitDataset {
  readonly training: Dataset;
  readonly heldOut: Dataset | undefined;
}

/** Holds out `pictures` items, or fewer of a small dataset; the same for the same seed. */
export function splitDataset(dataset: Dataset, pictures: number, seed: number): SplitDataset {
  const number = Math.min(pictures, Math.floor(dataset.length * LARGEST_PART));
  if (number === 0) return { training: dataset, heldOut: undefined };
  const chosen = Array.from({ length: number }, (_, i) => permuted(i, dataset.length, seed, 0, SALT));
  const rising = chosen.toSorted((a, b) => a - b);
  return {
    training: part(dataset, dataset.length - number, (index) => outside(rising, index)),
    heldOut: { ...part(dataset, number, (index) => chosen[index]!), isRepeating: false },
  };
}

function part(dataset: Dataset, length: number, at: (index: number) => number): Dataset {
  return {
    source: dataset.source,
    length,
    isRepeating: dataset.isRepeating,
    item: (index) => dataset.item(at(index)),
    captions: (index) => dataset.captions(at(index)),
    size: (index) => dataset.size(at(index)),
    picture: (index, view) => dataset.picture(at(index), view),
  };
}

/** The number of item `index` among those that are not in the rising list. */
function outside(rising: readonly number[], index: number): number {
  let at = index;
  for (const taken of rising) if (taken <= at) at++;
  return at;
}

export interface HeldOutOptions {
  readonly size: number;
  readonly batch: number;
  readonly seed: number;
  readonly grid: Grid;
}

/** The held-out pictures in batches, each once, with captions as they are written. */
export async function heldOutBatches(dataset: Dataset, options: HeldOutOptions): Promise<Batch[]> {
  const batch = Math.min(options.batch, dataset.length);
  const loader = await openLoader(dataset, {
    ...options,
    batch,
    captions: CAPTION_AS_WRITTEN,
    workers: 0,
    ahead: 0,
  });
  const batches: Batch[] = [];
  for (let step = 0; step < Math.floor(dataset.length / batch); step++)
    batches.push(await loader.batch(step));
  await loader.close();
  return batches;
}
