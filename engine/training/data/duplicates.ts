/**
 * @file Pictures that are the same or nearly. Each is reduced to 9 x 8 pixels; whether one is brighter than its right
 * neighbour gives a hash of 64 bits (dHash: Krawetz, Kind of like that, 2013), which scaling, compression and small
 * changes hardly touch. Hashes that differ in few bits are looked at in their small colours once more.
 */
import type { Pixels } from '../../image/pixels.ts';

/** The size that pictures are reduced to. */
export const HASH_SIZE = { width: 9, height: 8 } as const;

export interface PictureHash {
  /** First and last 32 bits. */
  readonly bits: readonly [number, number];
  /** [8, 9, 3] */
  readonly colors: Uint8Array;
}

/** Hashes with at most so many different bits may be the same picture. */
const MOST_BITS = 3;
/** Then at least one of this many parts of the hash is equal in both. */
const BANDS = MOST_BITS + 1;
const BAND_BITS = 64 / BANDS;
/** Mean difference of small colours of the same picture, of 255. Plain areas all have the same hash. */
const MOST_COLOR = 6;
/** With how many that have a part in common a hash is compared: no set of pictures takes quadratic time. */
const MOST_COMPARED = 200;

/** Of a picture of 9 x 8 pixels. */
export function pictureHash({ data }: Pixels): PictureHash {
  const { width, height } = HASH_SIZE;
  const grey = (i: number) => 0.299 * data[3 * i]! + 0.587 * data[3 * i + 1]! + 0.114 * data[3 * i + 2]!;
  const bits: [number, number] = [0, 0];
  for (let row = 0, bit = 0; row < height; row++) {
    for (let column = 0; column < width - 1; column++, bit++) {
      const at = row * width + column;
      if (grey(at) > grey(at + 1)) bits[bit >> 5]! |= 1 << (bit & 31);
    }
  }
  return { bits, colors: Uint8Array.from(data) };
}

/** Groups of indices of hashes that are near each other, ascending. Those that are alone are in no group. */
export function nearDuplicates(hashes: readonly (PictureHash | undefined)[]): number[][] {
  const leaders = [...hashes.keys()];
  const leader = (i: number): number => {
    while (leaders[i] !== i) i = leaders[i] = leaders[leaders[i]!]!;
    return i;
  };
  for (const [a, b] of comparedPairs(hashes)) {
    if (isNear(hashes[a]!, hashes[b]!))
      leaders[Math.max(leader(a), leader(b))] = Math.min(leader(a), leader(b));
  }
  const groups = Map.groupBy(leaders.keys(), leader);
  return [...groups.values()].filter(({ length }) => length > 1);
}

/** Pairs of indices whose hashes have a part in common. */
function* comparedPairs(hashes: readonly (PictureHash | undefined)[]): Generator<[number, number]> {
  const known = [...hashes.keys()].filter((i) => hashes[i] !== undefined);
  // Equal hashes come next to each other.
  known.sort((a, b) => hashes[a]!.bits[0] - hashes[b]!.bits[0] || hashes[a]!.bits[1] - hashes[b]!.bits[1]);
  for (let band = 0; band < BANDS; band++) {
    const groups = Map.groupBy(known, (i) => partOf(hashes[i]!, band));
    for (const members of groups.values()) yield* nearbyPairs(members);
  }
}

function partOf({ bits }: PictureHash, band: number): number {
  const first = band * BAND_BITS;
  return (bits[first < 32 ? 0 : 1] >>> (first % 32)) & (2 ** BAND_BITS - 1);
}

function* nearbyPairs(members: readonly number[]): Generator<[number, number]> {
  for (let i = 0; i < members.length; i++) {
    const end = Math.min(members.length, i + 1 + MOST_COMPARED);
    for (let j = i + 1; j < end; j++) yield [members[i]!, members[j]!];
  }
}

function isNear(a: PictureHash, b: PictureHash): boolean {
  const differing = countBits(a.bits[0] ^ b.bits[0]) + countBits(a.bits[1] ^ b.bits[1]);
  if (differing > MOST_BITS) return false;
  const sum = a.colors.reduce((total, value, i) => total + Math.abs(value - b.colors[i]!), 0);
  return sum <= MOST_COLOR * a.colors.length;
}

function countBits(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count++;
  return count;
}
