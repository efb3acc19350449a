/** @file The tour: a few steps that point at real controls, and end in a small training run of one's own. */
import { getContext, setContext } from 'svelte';
import { t } from '../../messages/messages.svelte.ts';
import { goTo } from '../../navigation.svelte.ts';
import { attempt } from '../../notices.ts';
import type { Studio } from '../../studio.svelte.ts';
import type { Train } from '../train/train.svelte.ts';

/** Each points at the element with its name in `data-tour`; its words are in the messages under `tour.steps`. */
export const STEPS = [
  { name: 'prompt', screen: 'create', side: 'right' },
  { name: 'shape', screen: 'create', side: 'right' },
  { name: 'seed', screen: 'create', side: 'right' },
  { name: 'camera', screen: 'create', side: 'bottom' },
  { name: 'train', screen: 'train', side: 'top' },
] as const;

/** It needs nothing of a person, and is done within minutes on a processor alone. */
const RECIPE = 'toy-simple';

export class Tour {
  readonly #studio: Studio;
  readonly #train: Train;
  #index = $state<number>();

  constructor(studio: Studio, train: Train) {
    this.#studio = studio;
    this.#train = train;
  }

  /** Undefined: no tour is under way. */
  get step(): (typeof STEPS)[number] | undefined {
    return this.#index === undefined ? undefined : STEPS[this.#index];
  }

  /** Of the step, from 1. */
  get number(): number {
    return (this.#index ?? 0) + 1;
  }

  /** Whether it was gone through or skipped once. */
  get isDone(): boolean {
    return this.#studio.settings.isToured;
  }

  async start(): Promise<void> {
    await this.#show(0);
  }

  /** After the last step it ends. */
  async next(): Promise<void> {
    if (this.number === STEPS.length) return this.end();
    await this.#show(this.number);
  }

  async back(): Promise<void> {
    await this.#show(Math.max(0, this.number - 2));
  }

  end(): void {
    this.#index = undefined;
    void attempt(this.#studio.call('settings.change', { isToured: true }));
  }

  async #show(index: number): Promise<void> {
    const { screen } = STEPS[index]!;
    if (screen === 'train') await attempt(this.#train.setUpWith(RECIPE, t('tour.runName')));
    goTo(screen);
    this.#index = index;
  }
}

const KEY = Symbol('tour');

export function provideTour(studio: Studio, train: Train): Tour {
  return setContext(KEY, new Tour(studio, train));
}

export function getTour(): Tour {
  return getContext<Tour>(KEY);
}
