/** @file What is compared: two pictures and how they are looked at, one thing changed, grids. */
import { getContext, setContext } from 'svelte';
import type { Picture } from '../../../electron/contract.ts';
import type { Studio } from '../../studio.svelte.ts';
import { getDesk } from '../create/desk.svelte.ts';
import type { DrawingForm } from '../create/form.svelte.ts';
import type { Start } from '../create/start.svelte.ts';
import { OneChange } from './one-change.svelte.ts';
import { Grids } from './grids.svelte.ts';

export type Mode = 'pair' | 'grid';
export type Slot = 'a' | 'b';
export type Look = 'wipe' | 'side' | 'difference';

/** Lives as long as the window: another screen leaves it as it was, and what is drawn for it arrives. */
export class Compare {
  #mode = $state<Mode>('pair');
  #look = $state<Look>('wipe');
  #slot = $state<Slot>('a');
  #pair = $state.raw<{ readonly [S in Slot]?: Picture | undefined }>({});
  readonly change: OneChange;
  readonly grids: Grids;

  /** Made while a component is set up. */
  constructor(studio: Studio, form: DrawingForm, start: Start) {
    this.change = new OneChange(studio, (picture) => (this.#pair = { ...this.#pair, b: picture }));
    this.grids = new Grids(studio, form, start);
    // A picture that was deleted, starred or moved is shown as it is now.
    studio.on('library', ({ added }) => added ?? void this.#refresh(studio));
  }

  get mode(): Mode {
    return this.#mode;
  }

  set mode(mode: Mode) {
    this.#mode = mode;
  }

  get look(): Look {
    return this.#look;
  }

  set look(look: Look) {
    this.#look = look;
  }

  /** The place that the next chosen picture takes. */
  get slot(): Slot {
    return this.#slot;
  }

  set slot(slot: Slot) {
    this.#slot = slot;
  }

  get a(): Picture | undefined {
    return this.#pair.a;
  }

  get b(): Picture | undefined {
    return this.#pair.b;
  }

  /** Into the place whose turn it is; then it is the other's. */
  choose(picture: Picture): void {
    this.#pair = { ...this.#pair, [this.#slot]: picture };
    this.#slot = this.#slot === 'a' ? 'b' : 'a';
    this.change.close();
  }

  /** From another screen: into a place that is free, else into the second. */
  add(picture: Picture): void {
    this.#mode = 'pair';
    this.#slot = this.a === undefined || this.a.id === picture.id ? 'a' : 'b';
    this.choose(picture);
  }

  setPair(a: Picture | undefined, b: Picture | undefined): void {
    this.#mode = 'pair';
    this.#pair = { a, b };
    this.change.close();
  }

  swap(): void {
    this.setPair(this.b, this.a);
  }

  /** Draws it again with one thing changed: the result becomes B. */
  changeOne(picture: Picture): void {
    this.setPair(picture, picture.id === this.a?.id ? this.b : undefined);
    this.#slot = 'b';
    this.change.open(picture);
  }

  async #refresh(studio: Studio): Promise<void> {
    const { a, b } = this.#pair;
    const again = (picture: Picture | undefined): Promise<Picture | undefined> | undefined =>
      picture && studio.call('library.get', { id: picture.id }).catch(() => undefined);
    if (studio.connection !== 'open') return;
    const [newA, newB] = await Promise.all([again(a), again(b)]);
    if (this.#pair.a === a && this.#pair.b === b) this.#pair = { a: newA, b: newB };
  }
}

const KEY = Symbol('compare');

/** After the form, whose desk it needs. */
export function provideCompare(studio: Studio, form: DrawingForm): Compare {
  return setContext(KEY, new Compare(studio, form, getDesk().start));
}

export function getCompare(): Compare {
  return getContext<Compare>(KEY);
}
