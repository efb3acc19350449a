/** @file What the person wants to draw next: the form of Create, which other screens fill as well. */
import { getContext, setContext } from 'svelte';
import type { Drawing } from '../../../electron/contract.ts';
import type { Studio } from '../../studio.svelte.ts';

interface Kept {
  readonly drawing: Drawing;
  readonly count: number;
  readonly isSeedLocked: boolean;
}

const LARGEST_SEED = 2 ** 32;

export class DrawingForm {
  readonly #studio: Studio;
  #drawing = $state.raw() as Drawing;
  #count = $state(1);
  #isSeedLocked = $state(false);

  constructor(studio: Studio) {
    this.#studio = studio;
    const kept = studio.workspace as Partial<Kept> | null | undefined;
    const { choices, settings } = studio;
    this.#drawing = {
      ...choices.defaults,
      seed: randomSeed(),
      ...kept?.drawing,
      modelId: kept?.drawing?.modelId ?? settings.modelId ?? '',
    };
    this.#count = kept?.count ?? 1;
    this.#isSeedLocked = kept?.isSeedLocked ?? false;
  }

  get drawing(): Drawing {
    return this.#drawing;
  }

  /** Pictures to make in one go. */
  get count(): number {
    return this.#count;
  }

  set count(count: number) {
    this.#count = count;
    this.#keep();
  }

  /** A locked seed stays; otherwise each press draws with a new one. */
  get isSeedLocked(): boolean {
    return this.#isSeedLocked;
  }

  set isSeedLocked(isLocked: boolean) {
    this.#isSeedLocked = isLocked;
    this.#keep();
  }

  change(patch: Partial<Drawing>): void {
    this.#drawing = { ...this.#drawing, ...patch };
    this.#keep();
  }

  /** Everything that `found` says, the rest as it was; what began from a picture begins from noise again. */
  use(found: Partial<Drawing>): void {
    const { from: _, ...rest } = this.#drawing;
    this.#drawing = { ...rest, ...found };
    if (found.seed !== undefined) this.#isSeedLocked = true; // the picture comes back only with its seed
    this.#keep();
  }

  newSeed(): void {
    this.change({ seed: randomSeed() });
  }

  #waiting: ReturnType<typeof setTimeout> | undefined;

  /** The host keeps it, so that a closed window or a crash loses nothing. */
  #keep(): void {
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => {
      const { from: _, ...drawing } = this.#drawing; // uploads do not outlive the host
      const kept: Kept = { drawing, count: this.#count, isSeedLocked: this.#isSeedLocked };
      this.#studio.call('session.keep', { workspace: kept }).catch(() => {}); // kept again at the next change
    }, 500);
  }
}

function randomSeed(): number {
  return Math.floor(Math.random() * LARGEST_SEED);
}

const KEY = Symbol('drawing form');

export function provideForm(studio: Studio): DrawingForm {
  return setContext(KEY, new DrawingForm(studio));
}

export function getForm(): DrawingForm {
  return getContext<DrawingForm>(KEY);
}
