/**
 * @file Random numbers of the data path. Each purpose has a generator of its own for every sample number, so a
 * caption or a crop depends on (seed, sample number) alone: never on what was loaded before, or by which thread.
 */
import { philox4x32 } from '../../sampling/noise.ts';

/** What the numbers are for: two purposes of one seed and index have nothing in common. */
export const PURPOSE = { crop: 1, caption: 2, order: 3, scene: 4, wording: 5, zoom: 6 } as const;

export type Purpose = keyof typeof PURPOSE;

const WORD = 2 ** 32;
/** Set in the last word of the counter: pictures and noise (sampling/noise.ts) leave it 0. */
export const DATA_MARK = 0x8000_0000;

/** A row of random numbers, always the same for the same seed (0..2^53-1), purpose and index (0..2^53-1). */
export class Random {
  readonly #key: readonly [number, number];
  readonly #stream: readonly [number, number, number];
  #block: readonly number[] = [];
  #drawn = 0;

  constructor(seed: number, purpose: Purpose, index: number) {
    this.#key = [seed >>> 0, Math.floor(seed / WORD)];
    this.#stream = [PURPOSE[purpose], index >>> 0, (DATA_MARK | Math.floor(index / WORD)) >>> 0];
  }

  /** In [0, 1), a multiple of 2^-32. */
  next(): number {
    const at = this.#drawn % 4;
    if (at === 0) this.#block = philox4x32([this.#drawn / 4, ...this.#stream], this.#key);
    this.#drawn++;
    return this.#block[at]! / WORD;
  }

  /** A whole number 0..length-1. */
  below(length: number): number {
    return Math.floor(this.next() * length);
  }

  /** In [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** True in this share of cases. */
  chance(rate: number): boolean {
    return this.next() < rate;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** One of the names, each as often as its weight says. */
  pickWeighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const names = Object.keys(weights) as Name[];
    let rest = this.next() * names.reduce((sum, name) => sum + weights[name], 0);
    return names.find((name) => (rest -= weights[name]) < 0) ?? names.at(-1)!;
  }

  /** The list in another order (Fisher and Yates). */
  shuffled<T>(list: readonly T[]): T[] {
    const result = [...list];
    for (let last = result.length - 1; last > 0; last--) {
      const other = this.below(last + 1);
      [result[last], result[other]] = [result[other]!, result[last]!];
    }
    return result;
  }
}
