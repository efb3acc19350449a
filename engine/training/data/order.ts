/**
 * @file Which item is sample number n. A pure function of (seed, n): a run that goes on needs to know its step and
 * nothing else. Each epoch goes through a pool in another order, by a permutation that is computed for one place
 * at a time, so nothing is shuffled or kept in memory.
 *
 * With several ranks, sample n of rank r is sample n * worldSize + r of the whole.
 */
import { philox4x32 } from '../../sampling/noise.ts';
import { DATA_MARK, PURPOSE } from './random.ts';

const WORD = 2 ** 32;
/** Rounds of the Feistel network. Four make it a strong permutation (Luby and Rackoff, 1988). */
const FEISTEL_ROUNDS = 4;
/** Bits of half an index, at least: fewer would know too few permutations. */
const FEWEST_BITS = 4;

/** A set of items that are drawn together: all of a dataset, or one aspect bucket. Each item has its repeats. */
export interface Pool {
  /** Places in one epoch: the repeats of all items. */
  readonly slots: number;
  /** The item of a slot; with `skip` the item so many after it, as when it cannot be read. */
  item(slot: number, skip: number): number;
}

/** A sample of a batch. `sample` is its number in the whole run, over all ranks. */
export interface Place {
  readonly item: number;
  readonly sample: number;
}

export interface BatchOrder {
  /** Samples of one epoch, over all ranks. */
  readonly samplesPerEpoch: number;
  /** Which pool the batch of a step comes from. */
  pool(step: number): number;
  /** Sample `at` (0..batch-1) of a step; `skip` as in `Pool.item`. */
  place(step: number, at: number, skip?: number): Place;
}

export interface OrderOptions {
  readonly seed: number;
  /** Samples of one step on one rank. */
  readonly batch: number;
  readonly rank: number;
  readonly worldSize: number;
}

/** Items 0..length-1, once each. */
export function plainPool(length: number): Pool {
  return { slots: length, item: (slot, skip) => (slot + skip) % length };
}

/** These items, each as often as `repeats` says (at least 1). */
export function repeatedPool(items: readonly number[], repeats: (item: number) => number): Pool {
  const ends: number[] = [];
  for (const item of items) ends.push((ends.at(-1) ?? 0) + repeats(item));
  return {
    slots: ends.at(-1) ?? 0,
    item: (slot, skip) => items[(firstAbove(ends, slot) + skip) % items.length]!,
  };
}

/** One pool, epoch after epoch; a batch may hold the end of one and the beginning of the next. */
export function continuousOrder(pool: Pool, options: OrderOptions): BatchOrder {
  const { seed, batch, rank, worldSize } = options;
  return {
    samplesPerEpoch: pool.slots,
    pool: () => 0,
    place(step, at, skip = 0) {
      const sample = (step * batch + at) * worldSize + rank;
      const epoch = Math.floor(sample / pool.slots);
      const slot = permuted(sample % pool.slots, pool.slots, seed, epoch, 0);
      return { item: pool.item(slot, skip), sample };
    },
  };
}

/**
 * Batches of one pool each. In an epoch every pool gives as many batches as it has samples for, the last filled up
 * from the pool's beginning; the batches come in another order each time. All ranks of a step share a pool.
 */
export function pooledOrder(pools: readonly Pool[], options: OrderOptions): BatchOrder {
  const { seed, batch, rank, worldSize } = options;
  const together = batch * worldSize;
  const ends: number[] = [];
  for (const { slots } of pools) ends.push((ends.at(-1) ?? 0) + Math.ceil(slots / together));
  const steps = ends.at(-1)!;

  function find(step: number): { epoch: number; pool: number; first: number } {
    const epoch = Math.floor(step / steps);
    const batchNumber = permuted(step % steps, steps, seed, epoch, 0);
    const pool = firstAbove(ends, batchNumber);
    return { epoch, pool, first: (batchNumber - (ends[pool - 1] ?? 0)) * together };
  }

  return {
    samplesPerEpoch: steps * together,
    pool: (step) => find(step).pool,
    place(step, at, skip = 0) {
      const { epoch, pool, first } = find(step);
      const { slots } = pools[pool]!;
      const index = (first + at * worldSize + rank) % slots;
      const slot = permuted(index, slots, seed, epoch, pool + 1);
      return { item: pools[pool]!.item(slot, skip), sample: step * together + at * worldSize + rank };
    },
  };
}

/**
 * Where `index` goes in a permutation of 0..length-1 that is random in (seed, epoch, salt): a Feistel network over
 * the next larger square of a power of two, walked along its cycle until it comes back into the range.
 */
export function permuted(index: number, length: number, seed: number, epoch: number, salt: number): number {
  const bits = Math.max(FEWEST_BITS, Math.ceil(Math.log2(length) / 2));
  const side = 2 ** bits;
  const key = [seed >>> 0, Math.floor(seed / WORD)] as const;
  let at = index;
  do {
    let [left, right] = [Math.floor(at / side), at % side];
    for (let round = 0; round < FEISTEL_ROUNDS; round++) {
      const counter = [right, PURPOSE.order + 256 * round, epoch, (DATA_MARK | salt) >>> 0] as const;
      const [mix] = philox4x32(counter, key);
      [left, right] = [right, (left ^ mix) & (side - 1)];
    }
    at = left * side + right;
  } while (at >= length);
  return at;
}

/** The first index whose value is above `value`, in a list that rises. */
function firstAbove(ends: readonly number[], value: number): number {
  let [low, high] = [0, ends.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ends[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
