/** @file What the person wants to draw next: the form of Create, which other screens fill as well. */
import { getContext, setContext } from 'svelte';
import type { Drawing, FoundSettings, Model } from '../../../electron/contract.ts';
import type { Studio } from '../../studio.svelte.ts';
import { provideDesk } from './desk.svelte.ts';
import { sideOf, sizeFor } from './sizes.ts';

interface Kept {
  readonly drawing: Drawing;
  readonly count: number;
  readonly isSeedLocked: boolean;
  readonly isSeedUsed: boolean;
}

/** A drawing that is about to be asked for. */
export interface Beginning {
  readonly drawing: Drawing;
  /** Nothing came of it: the form has the seed of before again. */
  readonly takeBack: () => void;
}

/** Settings from elsewhere, as far as they are known. */
export type FoundDrawing = FoundSettings['drawing'];

const LARGEST_SEED = 2 ** 32;

export class DrawingForm {
  readonly #studio: Studio;
  #drawing = $state.raw() as Drawing;
  #count = $state(1);
  #isSeedLocked = $state(false);
  /** Something was drawn with the seed that stands in the form. */
  #isSeedUsed = $state(false);

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
    this.#isSeedUsed = kept?.isSeedUsed ?? false;
    if (!kept?.drawing) this.#takeUsualSize(undefined);
  }

  get drawing(): Drawing {
    return this.#drawing;
  }

  /** What will be asked for: without what does nothing beside the other settings, which the engine refuses. */
  get drawable(): Drawing {
    const { guidanceScale, treadGuidance, schedule } = this.#drawing;
    return {
      ...this.#drawing,
      treadGuidance: guidanceScale === 1 ? 0 : treadGuidance,
      schedule: schedule.name === 'shifted' ? schedule : { name: schedule.name },
    };
  }

  /** The model that draws; undefined when it is not here any more. */
  get model(): Model | undefined {
    return this.#studio.models.find(({ id }) => id === this.#drawing.modelId);
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
    if (patch.seed !== undefined) this.#isSeedUsed = false;
    this.#keep();
  }

  /** Everything that `found` says, the rest as it was; what began from a picture begins from noise again. */
  use(found: FoundDrawing): void {
    const { from: _, ...rest } = this.#drawing;
    const said = Object.entries(found).filter(([, value]) => value !== undefined);
    this.#drawing = { ...rest, ...(Object.fromEntries(said) as Partial<Drawing>) };
    if (found.seed !== undefined) this.#isSeedLocked = true; // the picture comes back only with its seed
    this.#keep();
  }

  /** Begins from noise, not from a picture. */
  removeStart(): void {
    const { from: _, ...drawing } = this.#drawing;
    this.#drawing = drawing;
    this.#keep();
  }

  /** Another model; while the size is the usual one of the model before, it becomes the usual one of this. */
  chooseModel(id: string): void {
    const before = this.model;
    this.change({ modelId: id });
    this.#takeUsualSize(before);
  }

  newSeed(): void {
    this.change({ seed: randomSeed() });
  }

  /**
   * What to draw now. A seed that was drawn with is replaced first, unless it is held, so that the form always shows
   * the seed of what was started last.
   */
  begin(isSeedHeld = this.#isSeedLocked): Beginning {
    const before = { seed: this.#drawing.seed, isUsed: this.#isSeedUsed };
    if (this.#isSeedUsed && !isSeedHeld) this.newSeed();
    this.#isSeedUsed = true;
    this.#keep();
    const drawing = this.drawable;
    const takeBack = (): void => {
      if (this.#drawing.seed !== drawing.seed) return; // another one has begun, or was typed
      this.change({ seed: before.seed });
      this.#isSeedUsed = before.isUsed;
    };
    return { drawing, takeBack };
  }

  #takeUsualSize(before: Model | undefined): void {
    const { width, height } = this.#drawing;
    const rule = this.#studio.choices.side;
    const ratio = width / height;
    const isUsual = Math.abs(sideOf({ width, height }) - (before?.usualSide ?? 0)) <= rule.step;
    if ((before && !isUsual) || this.model?.usualSide === undefined) return;
    this.change(sizeFor(this.model.usualSide, ratio, rule));
  }

  #waiting: ReturnType<typeof setTimeout> | undefined;

  /** The host keeps it, so that a closed window or a crash loses nothing. */
  #keep(): void {
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => {
      const { from: _, ...drawing } = this.#drawing; // uploads do not outlive the host
      const kept: Kept = {
        drawing,
        count: this.#count,
        isSeedLocked: this.#isSeedLocked,
        isSeedUsed: this.#isSeedUsed,
      };
      this.#studio.call('session.keep', { workspace: kept }).catch(() => {}); // kept again at the next change
    }, 500);
  }
}

function randomSeed(): number {
  return Math.floor(Math.random() * LARGEST_SEED);
}

const KEY = Symbol('drawing form');

/** The form, and the desk of Create, which other screens leave and find again as it was. */
export function provideForm(studio: Studio): DrawingForm {
  const form = setContext(KEY, new DrawingForm(studio));
  provideDesk(studio, form);
  return form;
}

export function getForm(): DrawingForm {
  return getContext<DrawingForm>(KEY);
}
