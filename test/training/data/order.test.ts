import { describe, expect, it } from 'vitest';
import {
  continuousOrder,
  permuted,
  plainPool,
  pooledOrder,
  repeatedPool,
} from '../../../engine/training/data/order.ts';
import { Random } from '../../../engine/training/data/random.ts';

const SEED = 3;
const ALONE = { seed: SEED, batch: 4, rank: 0, worldSize: 1 };
const range = (length: number) => Array.from({ length }, (_, i) => i);

describe('Random', () => {
  it('is a function of seed, purpose and index', () => {
    const draw = (...args: ConstructorParameters<typeof Random>) => {
      const random = new Random(...args);
      return range(9).map(() => random.next());
    };
    expect(draw(1, 'crop', 5)).toEqual(draw(1, 'crop', 5));
    const others = [draw(1, 'crop', 5), draw(2, 'crop', 5), draw(1, 'caption', 5), draw(1, 'crop', 6)];
    others.push(draw(1, 'crop', 5 + 2 ** 32), draw(1 + 2 ** 32, 'crop', 5));
    expect(new Set(others.flat()).size).toBe(others.length * 9);
  });

  it('picks by weight', () => {
    const random = new Random(SEED, 'scene', 0);
    const picks = range(1000).map(() => random.pickWeighted({ often: 3, seldom: 1, never: 0 }));
    expect(picks.filter((name) => name === 'often').length / 1000).toBeCloseTo(0.75, 1);
    expect(picks).not.toContain('never');
  });
});

describe('permuted', () => {
  it.each([1, 2, 3, 16, 17, 255, 256, 257, 1000, 5000])('is a permutation of %d', (length) => {
    const order = range(length).map((i) => permuted(i, length, SEED, 0, 0));
    expect(order.toSorted((a, b) => a - b)).toEqual(range(length));
  });

  it('is another one in each epoch, for each seed and salt', () => {
    const order = (seed: number, epoch: number, salt: number) =>
      range(100)
        .map((i) => permuted(i, 100, seed, epoch, salt))
        .join();
    const orders = [order(1, 0, 0), order(1, 1, 0), order(2, 0, 0), order(1, 0, 1), order(1 + 2 ** 32, 0, 0)];
    expect(new Set(orders).size).toBe(5);
  });

  it('puts every index everywhere about as often', () => {
    const counts = new Array<number>(10).fill(0);
    range(5000).forEach((epoch) => counts[permuted(0, 10, SEED, epoch, 0)]!++);
    for (const count of counts) expect(Math.abs(count - 500)).toBeLessThan(100);
  });

  it('is quick for any length', () => {
    const [low, high] = [permuted(0, 2 ** 40, SEED, 0, 0), permuted(2 ** 40 - 1, 2 ** 40, SEED, 0, 0)];
    expect(Math.max(low, high)).toBeLessThan(2 ** 40);
  });
});

describe('continuousOrder', () => {
  it('comes by every item once in an epoch, across batches', () => {
    const order = continuousOrder(plainPool(10), ALONE);
    const items = range(15).flatMap((step) => range(4).map((at) => order.place(step, at).item));
    for (const epoch of range(6)) {
      expect(items.slice(epoch * 10, epoch * 10 + 10).toSorted((a, b) => a - b)).toEqual(range(10));
    }
    expect(items.slice(0, 10)).not.toEqual(items.slice(10, 20));
  });

  it('comes by repeated items so many times', () => {
    const order = continuousOrder(
      repeatedPool([0, 1, 2], (item) => [1, 4, 2][item]!),
      ALONE,
    );
    expect(order.samplesPerEpoch).toBe(7);
    const items = range(7).map((n) => order.place(Math.floor(n / 4), n % 4).item);
    expect(items.toSorted((a, b) => a - b)).toEqual([0, 1, 1, 1, 1, 2, 2]);
  });

  it('gives ranks the samples of one order in turn', () => {
    const alone = continuousOrder(plainPool(50), { ...ALONE, batch: 6 });
    const ranks = range(3).map((rank) =>
      continuousOrder(plainPool(50), { ...ALONE, batch: 2, rank, worldSize: 3 }),
    );
    for (const step of range(20)) {
      const together = range(6).map((n) => ranks[n % 3]!.place(step, Math.floor(n / 3)));
      expect(together).toEqual(range(6).map((n) => alone.place(step, n)));
    }
  });

  it('skips to the next item, not to the next repeat', () => {
    const pool = repeatedPool([5, 7, 9], () => 3);
    expect(range(3).map((skip) => pool.item(4, skip))).toEqual([7, 9, 5]);
    expect(plainPool(4).item(3, 1)).toBe(0);
  });
});

describe('pooledOrder', () => {
  const pools = [
    repeatedPool(range(10), () => 1),
    repeatedPool([20, 21, 22], () => 2),
    repeatedPool([30], () => 1),
  ];

  it('makes batches of one pool each and comes by every item in an epoch', () => {
    const order = pooledOrder(pools, ALONE);
    expect(order.samplesPerEpoch).toBe((3 + 2 + 1) * 4);
    for (const epoch of range(4)) {
      const steps = range(6).map((i) => epoch * 6 + i);
      const batches = steps.map((step) => range(4).map((at) => order.place(step, at).item));
      batches.forEach((items, i) => {
        expect(new Set(items.map((item) => Math.floor(item / 10)))).toEqual(
          new Set([[0, 2, 3][order.pool(steps[i]!)]]),
        );
      });
      expect(new Set(batches.flat())).toEqual(new Set([...range(10), 20, 21, 22, 30]));
    }
    expect(range(6).map((step) => order.pool(step))).not.toEqual(
      range(6).map((step) => order.pool(step + 6)),
    );
  });

  it('gives all ranks of a step the same pool and other samples', () => {
    const ranks = range(2).map((rank) =>
      pooledOrder(pools.slice(0, 1), { ...ALONE, batch: 2, rank, worldSize: 2 }),
    );
    for (const step of range(9)) {
      expect(ranks[0]!.pool(step)).toBe(ranks[1]!.pool(step));
      const samples = ranks.flatMap((order) => range(2).map((at) => order.place(step, at)));
      expect(new Set(samples.map(({ item }) => item)).size).toBe(4);
      expect(samples.map(({ sample }) => sample).toSorted((a, b) => a - b)).toEqual(
        range(4).map((i) => step * 4 + i),
      );
    }
  });
});
