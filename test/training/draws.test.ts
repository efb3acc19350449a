/** @file What is random of a batch depends on seed, number and rank alone. */
import { expect, it } from 'vitest';
import { toFloat32 } from '../../engine/graph/dtype.ts';
import { drawsOf } from '../../engine/training/draws.ts';

it('the draws of a batch are the same whenever they are asked for, and others for another batch, seed or rank', () => {
  const noise = (seed: number, index: number, rank = 0) => [
    ...toFloat32(drawsOf(seed, index, rank).noise([4])),
  ];
  expect(noise(1, 2)).toEqual(noise(1, 2));
  const all = [noise(1, 2), noise(1, 3), noise(2, 2), noise(1, 2, 1), noise(1, 2 + 2 ** 32)].map(String);
  expect(new Set(all).size).toBe(5);
});

it('noise, posterior and times of a batch have nothing in common', () => {
  const draws = drawsOf(3, 4);
  expect(toFloat32(draws.noise([8]))).not.toEqual(toFloat32(draws.posterior([8])));
});

it('times are the sigmoid of normal numbers: half of them below one half, all within 0 and 1', () => {
  const times = toFloat32(drawsOf(0, 0).times(4000, 1));
  const below = times.filter((t) => t < 0.5).length / times.length;
  expect(below).toBeCloseTo(0.5, 1);
  expect(times.filter((t) => t < 0.2689).length / times.length).toBeCloseTo(0.1587, 1); // sigmoid(-1)
  expect(times.every((t) => t > 0 && t < 1)).toBe(true);
});

it('times that are shifted by 3 towards noise have their middle at three quarters', () => {
  const [plain, shifted] = [1, 3].map((shift) => toFloat32(drawsOf(0, 0).times(4000, shift)));
  expect(shifted!.filter((t) => t < 0.75).length).toBe(plain!.filter((t) => t < 0.5).length);
  expect(shifted!.every((t, i) => t > plain![i]! && t < 1)).toBe(true);
});

it('kept tokens are ascending, distinct, and as many as the rate leaves', () => {
  const { shape, data } = drawsOf(0, 1).kept(3, 17, 0.5);
  expect(shape).toEqual([3, 9]);
  const rows = [0, 1, 2].map((row) => Array.from(data as BigInt64Array, Number).slice(row * 9, row * 9 + 9));
  for (const row of rows) expect(row).toEqual([...new Set(row)].sort((a, b) => a - b));
  expect(String(rows[0])).not.toBe(String(rows[1]));
});
