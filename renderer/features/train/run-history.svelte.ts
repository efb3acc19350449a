/** @file What one run told, kept in step with the host. */
import { untrack } from 'svelte';
import type { RunHistory } from '../../../electron/contract.ts';
import type { Studio } from '../../studio.svelte.ts';
import { extended } from './extended.ts';

/** Rows that a chart holds before the host is asked for fewer again. */
const MOST_ROWS = 6_000;

/** Made while a component is set up; follows the run whose id `runId` gives. */
export class FollowedRun {
  readonly #studio: Studio;
  readonly #runId: () => string | undefined;
  #history = $state.raw<RunHistory>();

  constructor(studio: Studio, runId: () => string | undefined) {
    this.#studio = studio;
    this.#runId = runId;
    $effect(() => {
      const id = runId();
      // Untracked: what `#load` brings must not make it load again.
      if (untrack(() => this.#history?.runId) !== id) this.#history = undefined;
      if (id !== undefined && studio.connection === 'open') void this.#load(id);
    });
    $effect(() => studio.on('training', (news) => this.#take(news)));
  }

  /** Undefined until it has come. */
  get history(): RunHistory | undefined {
    return this.#history;
  }

  async #load(id: string): Promise<void> {
    const history = await this.#studio.call('runs.history', { id }).catch(() => undefined);
    if (history && this.#runId() === id) this.#history = history;
  }

  #take(news: RunHistory): void {
    if (news.runId !== this.#history?.runId) return; // not shown, or on its way as a whole
    this.#history = news.isWhole ? news : extended(this.#history, news);
    if (this.#history.steps.step.length > MOST_ROWS) void this.#load(news.runId);
  }
}
