/**
 * @file Latents on the disk: crops of pictures that were encoded once and are read again at every step. A file of rows,
 * all of one length: the latent in float16, then in float32 the positions of its tokens and the aspect condition, and
 * the number of its picture.
 */
import { closeSync, fsyncSync, openSync, readSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { toHdmError } from '../../errors.ts';

/** Of one latent: [channels, height, width], and how many tokens it has. */
export interface LatentShape {
  readonly latent: readonly [channels: number, height: number, width: number];
  readonly tokens: number;
}

export interface LatentCache extends LatentShape {
  readonly path: string;
}

/** Rows, one after the other. */
export interface LatentRows {
  readonly latents: Float32Array<ArrayBuffer>;
  /** [n, tokens, 2] of (y, x). */
  readonly positions: Float32Array<ArrayBuffer>;
  /** [n] */
  readonly addon: Float32Array<ArrayBuffer>;
  /** Numbers of the pictures. */
  readonly items: readonly number[];
}

/** Of a file that is being written: one that was never finished is not taken for a whole one. */
const UNFINISHED = '.unfinished';

/** Where things lie in a row, in bytes; `length` is a multiple of 4. */
function layoutOf({ latent, tokens }: LatentShape) {
  const numbers = latent[0] * latent[1] * latent[2];
  const positions = Math.ceil((numbers * Float16Array.BYTES_PER_ELEMENT) / 4) * 4;
  const addon = positions + tokens * 2 * Float32Array.BYTES_PER_ELEMENT;
  const item = addon + Float32Array.BYTES_PER_ELEMENT;
  return { numbers, positions, addon, item, length: item + Uint32Array.BYTES_PER_ELEMENT };
}

export function rowBytes(shape: LatentShape): number {
  return layoutOf(shape).length;
}

/** Writes a cache row by row. Until `finish` there is no file of its name. */
export class LatentCacheWriter {
  readonly #cache: LatentCache;
  readonly #file: number;

  /** Throws `disk`. */
  constructor(cache: LatentCache) {
    this.#cache = cache;
    this.#file = this.#try(() => openSync(cache.path + UNFINISHED, 'w'));
  }

  /** Appends the first `count` rows. Throws `disk`. */
  append({ latents, positions, addon, items }: LatentRows, count = items.length): void {
    const { tokens } = this.#cache;
    const layout = layoutOf(this.#cache);
    const bytes = new Uint8Array(count * layout.length);
    for (let row = 0; row < count; row++) {
      const at = row * layout.length;
      new Float16Array(bytes.buffer, at, layout.numbers).set(
        latents.subarray(row * layout.numbers, (row + 1) * layout.numbers),
      );
      const places = positions.subarray(row * tokens * 2, (row + 1) * tokens * 2);
      new Float32Array(bytes.buffer, at + layout.positions, tokens * 2).set(places);
      new Float32Array(bytes.buffer, at + layout.addon, 1)[0] = addon[row]!;
      new Uint32Array(bytes.buffer, at + layout.item, 1)[0] = items[row]!;
    }
    this.#try(() => writeSync(this.#file, bytes));
  }

  finish(): void {
    this.#try(() => {
      fsyncSync(this.#file);
      closeSync(this.#file);
      renameSync(this.#cache.path + UNFINISHED, this.#cache.path);
    });
  }

  discard(): void {
    closeSync(this.#file);
    rmSync(this.#cache.path + UNFINISHED, { force: true });
  }

  #try<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw toHdmError(error, this.#cache.path, 'disk');
    }
  }
}

/** Rows of a whole cache; 0 when there is none. */
export function cachedRows(cache: LatentCache): number {
  const size = statSync(cache.path, { throwIfNoEntry: false })?.size ?? 0;
  return Math.floor(size / rowBytes(cache));
}

/** These rows of a cache. Throws `disk`. */
export function readRows(cache: LatentCache, rows: readonly number[]): LatentRows {
  const layout = layoutOf(cache);
  const places = cache.tokens * 2;
  const latents = new Float32Array(rows.length * layout.numbers);
  const positions = new Float32Array(rows.length * places);
  const addon = new Float32Array(rows.length);
  const items: number[] = [];
  const row = new ArrayBuffer(layout.length);
  const [halves, where] = [
    new Float16Array(row, 0, layout.numbers),
    new Float32Array(row, layout.positions, places),
  ];
  withFile(cache.path, (file) => {
    for (const [index, number] of rows.entries()) {
      readSync(file, new Uint8Array(row), { position: number * layout.length });
      latents.set(halves, index * layout.numbers);
      positions.set(where, index * places);
      addon[index] = new Float32Array(row, layout.addon, 1)[0]!;
      items.push(new Uint32Array(row, layout.item, 1)[0]!);
    }
  });
  return { latents, positions, addon, items };
}

/** The picture of every row of a cache. Throws `disk`. */
export function readItems(cache: LatentCache): Uint32Array {
  const { item, length } = layoutOf(cache);
  const items = new Uint32Array(cachedRows(cache));
  withFile(cache.path, (file) => {
    for (let row = 0; row < items.length; row++) {
      readSync(file, items, { position: row * length + item, offset: row * 4, length: 4 });
    }
  });
  return items;
}

function withFile(path: string, use: (file: number) => void): void {
  try {
    const file = openSync(path, 'r');
    try {
      use(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw toHdmError(error, path, 'disk');
  }
}
