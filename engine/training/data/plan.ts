/** @file The course of a run through a dataset: which item each sample is, and what is cut out of its picture. */
import { HdmError } from '../../errors.ts';
import { BUCKET_DEFAULTS, bucketShapes, nearestBucket, type BucketOptions, type Crop } from './crops.ts';
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

export interface Plan {
  readonly order: BatchOrder;
  /** By the pool of a step. */
  readonly crops: readonly Crop[];
}

/** Squares out of all pictures. */
export function planSquares(
  dataset: Dataset,
  squares: { readonly size: number; readonly zoom: number },
  options: OrderOptions,
): Plan {
  const pool = dataset.isRepeating
    ? repeatedPool(
        Array.from({ length: dataset.length }, (_, i) => i),
        repeatsIn(dataset),
      )
    : plainPool(dataset.length);
  return { order: continuousOrder(pool, options), crops: [{ kind: 'shifted-square', ...squares }] };
}

/**
 * Buckets of about the area of size x size, batches of one bucket each. Reads the size of every picture; one whose
 * header cannot be read is in no bucket.
 * @throws HdmError `bad-file` when that is all of them; `cancelled`
 */
export async function planBuckets(
  dataset: Dataset,
  size: number,
  buckets: Partial<BucketOptions> & { readonly isCentred?: boolean },
  order: OrderOptions,
  measuring: ParallelOptions,
): Promise<Plan> {
  const shapes = bucketShapes(size, { ...BUCKET_DEFAULTS, ...buckets });
  const sizes = await inParallel(dataset.length, (i) => dataset.size(i).catch(() => undefined), measuring);
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
    crops: used.map(({ bucket }) => ({ kind: 'bucket', bucket, isCentred: buckets.isCentred ?? false })),
  };
}

function repeatsIn(dataset: Dataset): (item: number) => number {
  return (item) => dataset.item(item).repeats;
}
