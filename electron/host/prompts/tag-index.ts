/** @file Finds tags by the begin of any of their words or of an alias's. */
import type { TagSuggestion } from '../../contract.ts';
import { aliasesOf, type Tag } from './tag-file.ts';

/** Tags, or words of tags, between two pauses for everything else that the host does. */
const BATCH = 5_000;
/** Characters of a word that lead to the places where such words begin. */
const KEY_LENGTH = 2;
/** Stands between names, and in none. */
const END = '\n';
/** The begin of a name, whatever is there, and of each word in it. */
const WORD_START = /(?<=\n).|(?<![\p{L}\p{N}])[\p{L}\p{N}]/gu;

/**
 * One text of all names, those of the most used tags first, and for each two characters that a word begins with the
 * places of such words. A query looks at the places of its first two characters only; some 100 000 tags of an image
 * board take a few megabytes beside their names.
 */
export class TagIndex {
  /** The most used first. */
  readonly #tags: readonly Tag[];
  /** Names and aliases as `normalise` gives them, each between two ends. */
  readonly #text: string;
  /** Where the names of each tag begin in the text. */
  readonly #starts: Int32Array;
  /** Rising, so that what is used most comes first. */
  readonly #places: ReadonlyMap<string, Int32Array>;

  private constructor(tags: readonly Tag[], names: Names, places: ReadonlyMap<string, Int32Array>) {
    this.#tags = tags;
    this.#text = names.text;
    this.#starts = names.starts;
    this.#places = places;
  }

  /** An index of the tags. Lets others work while it is made. */
  static async of(tags: readonly Tag[]): Promise<TagIndex> {
    const sorted = tags.toSorted((a, b) => b.count - a.count);
    const names = await joinNames(sorted);
    return new TagIndex(sorted, names, await findPlaces(names.text));
  }

  /** Tags whose name or alias is the text come first, then those in which a word begins with it. */
  complete(text: string, limit: number): TagSuggestion[] {
    const query = normalise(text);
    if (query === '') return [];
    const places = this.#placesOf(query);
    const found = new Map<number, TagSuggestion>();
    for (const [begin, wanted] of [
      [1, `${END}${query}${END}`],
      [0, query],
    ] as const) {
      for (const place of places) {
        if (found.size >= limit) break;
        if (!this.#text.startsWith(wanted, place - begin)) continue;
        const tag = this.#tagAt(place);
        if (!found.has(tag)) found.set(tag, this.#suggestion(tag, place));
      }
    }
    return [...found.values()];
  }

  #placesOf(query: string): Int32Array {
    if (query.length >= KEY_LENGTH) return this.#places.get(keyAt(query, 0)) ?? new Int32Array();
    const lists = [...this.#places].filter(([key]) => key.startsWith(query)).map(([, places]) => places);
    return Int32Array.from(lists.flatMap((places) => [...places])).sort();
  }

  /** The number of the tag whose names the place is in. */
  #tagAt(place: number): number {
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#starts[middle]! <= place) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #suggestion(number: number, place: number): TagSuggestion {
    const { tag, category, count, aliases } = this.#tags[number]!;
    const names = this.#text.slice(this.#starts[number], place).split(END).length - 1;
    const alias = aliasesOf(aliases)[names - 1];
    return { tag, category, count, ...(alias !== undefined && { alias }) };
  }
}

/** What two writings of the same name have in common. */
export function normalise(name: string): string {
  return name
    .toLowerCase()
    .replaceAll('\\', '')
    .replace(/[_\s]+/g, ' ')
    .trim();
}

interface Names {
  readonly text: string;
  readonly starts: Int32Array;
}

async function joinNames(tags: readonly Tag[]): Promise<Names> {
  const starts = new Int32Array(tags.length);
  const parts = [END];
  let length = END.length;
  for (const [number, { tag, aliases }] of tags.entries()) {
    if (number % BATCH === 0) await new Promise(setImmediate);
    const part = [tag, ...aliasesOf(aliases)].map((name) => normalise(name) + END).join('');
    starts[number] = length;
    length += part.length;
    parts.push(part);
  }
  return { text: parts.join(''), starts };
}

async function findPlaces(text: string): Promise<Map<string, Int32Array>> {
  const lists = new Map<string, number[]>();
  let number = 0;
  for (const { index } of text.matchAll(WORD_START)) {
    if (number++ % BATCH === 0) await new Promise(setImmediate);
    const key = keyAt(text, index);
    const list = lists.get(key);
    if (list) list.push(index);
    else lists.set(key, [index]);
  }
  return new Map([...lists].map(([key, list]) => [key, Int32Array.from(list)]));
}

function keyAt(text: string, start: number): string {
  return text.slice(start, start + KEY_LENGTH);
}
