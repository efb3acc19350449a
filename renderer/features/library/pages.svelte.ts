/**
 * @file The pictures of a query, as a list of any length of which a few pages are here. Pages come as they are
 * looked at; what is shown stays until the newer answer is there, so nothing flickers.
 */
import type { Picture } from '../../../electron/contract.ts';
import type { Studio } from '../../studio.svelte.ts';
import { matches } from './matches.ts';
import { idsOf, type Query } from './verbs.ts';

const PAGE = 200;
/** Pages kept around what is looked at. */
const KEPT = 12;
/** Questions at a time: of a fast scroll, only where it stops is worth an answer. */
const AT_ONCE = 2;

export class PicturePages {
  readonly #studio: Studio;
  #query: Query;
  #pages = $state.raw<ReadonlyMap<number, readonly Picture[]>>(new Map());
  #total = $state(0);
  #held = $state(0);
  #isKnown = $state(false);
  #error = $state<string>();

  /** Pages that are looked at, first and last. */
  #wanted: readonly [number, number] = [0, 0];
  readonly #stale = new Set<number>();
  /** Pages that are asked for. */
  readonly #loading = new Set<number>();
  /** Answers to questions from before another query are not taken. */
  #generation = 0;
  /** Counts the changes; what was asked before the last one is taken, and asked again. */
  #changes = 0;

  constructor(studio: Studio, query: Query) {
    this.#studio = studio;
    this.#query = query;
  }

  /** How many pictures the list has, without those held back. */
  get total(): number {
    return this.#total;
  }

  /** New pictures that wait above the first, so that nothing moves under the hand. */
  get held(): number {
    return this.#held;
  }

  /** The first answer has come. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** Why the last question failed. */
  get error(): string | undefined {
    return this.#error;
  }

  /** Undefined: it is on its way. */
  at(index: number): Picture | undefined {
    return this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** Another query; its pictures come from the start. */
  ask(query: Query): void {
    this.#query = query;
    this.#pages = new Map();
    this.#isKnown = false;
    this.#held = 0;
    this.#wanted = [0, 0];
    this.#forget();
    this.refresh();
  }

  /** The pictures from one place to another are looked at. */
  want(from: number, to: number): void {
    const last = Math.max(0, this.#total - 1);
    const page = (index: number): number => Math.floor(Math.min(last, Math.max(0, index)) / PAGE);
    this.#wanted = [page(from), page(to)];
    this.#fill();
  }

  /** Something changed: what is shown is asked for again, the rest when it is looked at. */
  refresh(): void {
    this.#changes++;
    this.#keepPages((page) => this.#isWanted(page));
    for (const page of this.#pages.keys()) this.#stale.add(page);
    this.#fill();
  }

  /** A new picture came. `isHeld`: it must not move what is shown. */
  take(picture: Picture, isHeld: boolean): void {
    const { filter, order } = this.#query;
    if (!isHeld || order === 'oldest' || !this.#isKnown || !matches(filter, picture)) return this.refresh();
    this.#held++;
    this.#forget(); // what is asked for now comes from places that have moved
    this.#fill();
  }

  /** Shows what was held back. */
  release(): void {
    if (this.#held === 0) return;
    this.#held = 0;
    this.#wanted = [0, 0];
    this.#forget();
    this.refresh();
  }

  /** The ids of the pictures from one place to another, both included; in the order of the list. */
  async ids(from: number, to: number): Promise<string[]> {
    const known = Array.from({ length: to - from + 1 }, (_, place) => this.at(from + place)?.id);
    if (known.every((id) => id !== undefined)) return known;
    return idsOf(this.#studio, this.#query, { offset: from + this.#held, count: known.length });
  }

  #isWanted(page: number): boolean {
    return page >= this.#wanted[0] && page <= this.#wanted[1];
  }

  #forget(): void {
    this.#generation++;
    this.#loading.clear();
  }

  #fill(): void {
    for (let page = this.#wanted[0]; page <= this.#wanted[1]; page++) {
      const isHere = this.#pages.has(page) && !this.#stale.has(page);
      if (!isHere && !this.#loading.has(page) && this.#loading.size < AT_ONCE) void this.#load(page);
    }
  }

  async #load(page: number): Promise<void> {
    const generation = this.#generation;
    const changes = this.#changes;
    this.#loading.add(page);
    const offset = page * PAGE + this.#held;
    try {
      const answer = await this.#studio.call('library.list', { ...this.#query, offset, limit: PAGE });
      if (generation !== this.#generation) return;
      this.#loading.delete(page);
      this.#error = undefined;
      if (changes === this.#changes) this.#stale.delete(page);
      else this.#stale.add(page);
      this.#keep(page, answer.pictures, answer.total - this.#held);
    } catch (error) {
      if (generation !== this.#generation) return;
      this.#loading.delete(page);
      this.#error = (error as Error).message;
      return; // asked again when something is looked at, changes, or the person says so
    }
    this.#fill();
  }

  #keep(page: number, pictures: readonly Picture[], total: number): void {
    this.#total = Math.max(0, total);
    this.#isKnown = true;
    this.#pages = new Map(this.#pages).set(page, pictures);
    const [first, last] = this.#wanted;
    if (this.#pages.size > KEPT) this.#keepPages((kept) => kept >= first - 3 && kept <= last + 3);
    const end = Math.floor(Math.max(0, this.#total - 1) / PAGE);
    if (last > end) this.#wanted = [Math.min(first, end), end];
  }

  #keepPages(isKept: (page: number) => boolean): void {
    this.#pages = new Map([...this.#pages].filter(([page]) => isKept(page)));
    for (const page of this.#stale) if (!isKept(page)) this.#stale.delete(page);
  }
}
