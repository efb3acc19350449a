/** @file The screen Train: which run is looked at, beside which other, or that a new one is being set up. */
import { getContext, setContext } from 'svelte';
import type { Run } from '../../../electron/contract.ts';
import type { Studio } from '../../studio.svelte.ts';
import { NewRun } from './new-run.svelte.ts';

/** Lives as long as the window: another screen leaves it as it was. */
export class Train {
  readonly #studio: Studio;
  #chosenId = $state<string>();
  #otherId = $state<string>();
  #isNew = $state(false);
  readonly newRun: NewRun;

  constructor(studio: Studio) {
    this.#studio = studio;
    this.newRun = new NewRun(studio);
  }

  get runs(): readonly Run[] {
    return this.#studio.runs;
  }

  /** The one under way, or paused with everything in memory. */
  get active(): Run | undefined {
    return this.runs.find(({ state }) => state === 'running' || state === 'starting');
  }

  get isNew(): boolean {
    return this.#isNew || this.runs.length === 0;
  }

  /** The run that is looked at. */
  get run(): Run | undefined {
    if (this.isNew) return undefined;
    return this.runs.find(({ id }) => id === this.#chosenId) ?? this.active ?? this.runs[0];
  }

  /** The run that is drawn beside it. */
  get other(): Run | undefined {
    return this.runs.find(({ id }) => id === this.#otherId && id !== this.run?.id);
  }

  look(id: string): void {
    this.#chosenId = id;
    this.#isNew = false;
  }

  compareWith(id: string | undefined): void {
    this.#otherId = id;
  }

  setUp(): void {
    this.#isNew = true;
  }

  /** With everything filled in, so that it only has to be started. */
  async setUpWith(recipeId: string, name: string): Promise<void> {
    this.setUp();
    await this.newRun.open();
    await this.newRun.chooseRecipe(recipeId);
    this.newRun.name = name;
  }
}

const KEY = Symbol('train');

export function provideTrain(studio: Studio): Train {
  return setContext(KEY, new Train(studio));
}

export function getTrain(): Train {
  return getContext<Train>(KEY);
}
