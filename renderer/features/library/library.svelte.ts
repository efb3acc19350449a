/** @file What the Library shows: a query, the pictures it finds, which of them are chosen, which one is open. */
import { getContext, setContext } from 'svelte';
import type { Output, Picture, PictureFilter } from '../../../electron/contract.ts';
import { Remembered } from '../../remembered.svelte.ts';
import type { Studio } from '../../studio.svelte.ts';
import { matches } from './matches.ts';
import { PicturePages } from './pages.svelte.ts';
import { Selection } from './selection.svelte.ts';
import type { Query } from './verbs.ts';

export type Groups = Output<'library.groups'>;

const SEARCH_REST_MS = 250;
export const SIZES = { min: 96, max: 352, step: 16, usual: 176 } as const;

const EVERYTHING: Query = { filter: {}, order: 'newest' };

/** Lives as long as the window: another screen leaves it as it was. */
export class Library {
  readonly #studio: Studio;
  readonly pages: PicturePages;
  readonly selection = new Selection();
  readonly #size = new Remembered<number>(
    'library.size',
    SIZES.usual,
    (size) => typeof size === 'number' && size >= SIZES.min && size <= SIZES.max,
  );
  #query = $state.raw<Query>(EVERYTHING);
  #search = $state('');
  #groups = $state.raw<Groups>({ folders: [], tags: [], models: [] });
  #active = $state(0);
  #openIndex = $state<number>();
  #isSelecting = $state(false);
  /** Of choosing: the newest counts. */
  #turn = 0;
  #isShown = false;
  #anchor = 0;
  #searching: ReturnType<typeof setTimeout> | undefined;
  /** The grid stands at its first row. */
  isAtTop = true;
  /** The first picture in view, for when the grid is built again. */
  firstVisible = 0;

  constructor(studio: Studio) {
    this.#studio = studio;
    this.pages = new PicturePages(studio, EVERYTHING);
    studio.on('library', ({ added }) => this.#follow(added));
  }

  get filter(): PictureFilter {
    return this.#query.filter;
  }

  get order(): Query['order'] {
    return this.#query.order;
  }

  get isTrash(): boolean {
    return this.filter.isDeleted === true;
  }

  /** Something narrows what is shown, beside the folder and the trash. */
  get isNarrowed(): boolean {
    const { search, tag, modelName, isStarred } = this.filter;
    return [search, tag, modelName, isStarred].some((part) => part !== undefined);
  }

  /** As it stands in the field; the query follows. */
  get search(): string {
    return this.#search;
  }

  get groups(): Groups {
    return this.#groups;
  }

  /** Pixels of a picture's side in the grid, about. */
  get size(): number {
    return this.#size.value;
  }

  set size(size: number) {
    this.#size.value = size;
  }

  /** Place of the picture that the keys move from. */
  get active(): number {
    return Math.min(this.#active, Math.max(0, this.pages.total - 1));
  }

  /** Place of the picture that is shown big. */
  get openIndex(): number | undefined {
    const { total } = this.pages;
    if (this.#openIndex === undefined || total === 0) return undefined;
    return Math.min(this.#openIndex, total - 1);
  }

  /** Many pictures are being looked up to be chosen. */
  get isSelecting(): boolean {
    return this.#isSelecting;
  }

  /** The screen is there, and must be right. Called again after each reconnection. */
  show(): void {
    this.#isShown = true;
    this.#reload();
  }

  hide(): void {
    this.#isShown = false;
  }

  searchFor(text: string): void {
    this.#search = text;
    clearTimeout(this.#searching);
    this.#searching = setTimeout(() => this.narrow({ search: text.trim() || undefined }), SEARCH_REST_MS);
  }

  /** Changes a part of the filter; undefined takes it away. */
  narrow(change: { readonly [K in keyof PictureFilter]: PictureFilter[K] | undefined }): void {
    const filter = Object.fromEntries(
      Object.entries({ ...this.filter, ...change }).filter(([, value]) => value !== undefined),
    ) as PictureFilter;
    if (JSON.stringify(filter) !== JSON.stringify(this.filter)) this.#ask({ ...this.#query, filter });
  }

  /** All pictures, one folder, or the trash; what was searched for stays. */
  goTo(place: Pick<PictureFilter, 'folder' | 'isDeleted'>): void {
    this.narrow({ folder: undefined, isDeleted: undefined, ...place });
  }

  /** Nothing is narrowed any more; folder and trash stay. */
  widen(): void {
    clearTimeout(this.#searching);
    this.#search = '';
    this.narrow({ search: undefined, tag: undefined, modelName: undefined, isStarred: undefined });
  }

  orderBy(order: Query['order']): void {
    this.#ask({ ...this.#query, order });
  }

  /** Moves the place of the keys. `isExtending`: everything from where choosing began becomes chosen. */
  async moveTo(index: number, isExtending = false): Promise<void> {
    this.#active = Math.min(this.pages.total - 1, Math.max(0, index));
    if (isExtending) await this.#selectRange(this.#anchor, this.#active);
    else this.#anchor = this.#active;
  }

  /** Chooses the picture at a place: alone, beside the others, or with all between. */
  async pick(index: number, how: 'alone' | 'toggle' | 'range'): Promise<void> {
    if (how === 'range') return this.moveTo(index, true);
    this.#active = this.#anchor = index;
    const picture = this.pages.at(index);
    if (!picture) return;
    if (how === 'toggle') this.selection.toggle(picture.id);
    else this.selection.set([picture.id]);
  }

  async selectAll(): Promise<void> {
    await this.#selectRange(0, this.pages.total - 1);
  }

  /** Pictures that an action means: the chosen ones, else the one under the keys. */
  get meant(): string[] {
    if (this.selection.size > 0) return this.selection.ids;
    const picture = this.pages.at(this.active);
    return picture ? [picture.id] : [];
  }

  open(index: number): void {
    this.#openIndex = index;
    this.#active = this.#anchor = index;
    this.pages.want(index - 1, index + 1);
  }

  close(): void {
    this.#openIndex = undefined;
  }

  #ask(query: Query): void {
    this.#query = query;
    this.#active = this.#anchor = 0;
    this.#openIndex = undefined;
    this.firstVisible = 0;
    this.isAtTop = true;
    this.selection.clear();
    this.pages.ask(query);
  }

  async #selectRange(from: number, to: number): Promise<void> {
    if (this.pages.total === 0) return;
    const turn = ++this.#turn;
    this.#isSelecting = true;
    try {
      const ids = await this.pages.ids(Math.min(from, to), Math.max(from, to));
      if (turn === this.#turn) this.selection.set(ids);
    } finally {
      if (turn === this.#turn) this.#isSelecting = false;
    }
  }

  #follow(added: Picture | undefined): void {
    if (!this.#isShown) return; // asked for when it is shown
    if (added) this.#take(added);
    else this.pages.refresh();
    this.#loadGroups();
  }

  #take(added: Picture): void {
    // Under a hand that scrolls, chooses or looks closely, nothing moves.
    const isHeld = !this.isAtTop || this.selection.size > 0 || this.openIndex !== undefined;
    const isAbove = this.order === 'newest' && matches(this.filter, added);
    this.pages.take(added, isHeld);
    // The place of the keys stays on its picture.
    if (isAbove && !isHeld && this.#active > 0) this.#active = this.#anchor = this.#active + 1;
  }

  #reload(): void {
    this.pages.refresh();
    this.#loadGroups();
  }

  #loadGroups(): void {
    this.#studio.call('library.groups', {}).then(
      (groups) => (this.#groups = groups),
      () => {}, // the pictures say why, and both are asked for again
    );
  }
}

const KEY = Symbol('library');

export function provideLibrary(studio: Studio): Library {
  return setContext(KEY, new Library(studio));
}

export function getLibrary(): Library {
  return getContext<Library>(KEY);
}
