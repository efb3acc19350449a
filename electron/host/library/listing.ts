/**
 * @file Pages of the library. The order of a filter is worked out once per revision, as an array of numbers; any page
 * of 50 000 pictures is then a slice of it, however far down.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Input, PictureFilter } from '../../contract.ts';
import { filterCondition, type Condition } from './filter.ts';
import { SELECT_PICTURE, type PictureRow } from './rows.ts';

/** As many as a few windows look through in turn. */
const REMEMBERED = 8;

export class Listing {
  readonly #database: DatabaseSync;
  /** By filter: the numbers of its pictures, rising. */
  readonly #orders = new Map<string, Float64Array>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Forgets what was worked out: the library changed. */
  forget(): void {
    this.#orders.clear();
  }

  /** How many pictures a filter lets through. */
  total(filter: PictureFilter): number {
    return this.#order(filterCondition(filter)).length;
  }

  page({ filter, order, offset, limit }: Input<'library.list'>): { total: number; rows: PictureRow[] } {
    const numbers = this.#order(filterCondition(filter));
    const total = numbers.length;
    const page =
      order === 'oldest'
        ? numbers.subarray(offset, offset + limit)
        : numbers.subarray(Math.max(0, total - offset - limit), Math.max(0, total - offset)).toReversed();
    const rows = this.#database.prepare(PAGE).all(JSON.stringify([...page]));
    return { total, rows: rows as unknown as PictureRow[] };
  }

  #order(condition: Condition): Float64Array {
    const key = JSON.stringify(condition);
    const known = this.#orders.get(key);
    if (known) return known;
    const found = this.#database.prepare(numbersOf(condition)).get(...condition.values);
    const numbers = Float64Array.from(JSON.parse(found!['numbers'] as string) as number[]).sort();
    if (this.#orders.size >= REMEMBERED) this.#orders.delete(this.#orders.keys().next().value!);
    this.#orders.set(key, numbers);
    return numbers;
  }
}

/** Numbers of all pictures that a condition lets through, as one JSON text: a row each would take longer. */
export function numbersOf(condition: Condition): string {
  return `SELECT json_group_array(number) AS numbers FROM pictures WHERE ${condition.sql}`;
}

/** The pictures with the numbers of a JSON array, in its order. */
export const PAGE = `${SELECT_PICTURE}
  JOIN (SELECT key AS place, value AS wanted FROM json_each(?)) ON wanted = number ORDER BY place`;
