/** @file What one run told, kept in step with the host. */
import type { RunHistory, StepColumns } from '../../../electron/contract.ts';
import type { Studio } from '../../studio.svelte.ts';

/** Rows that a chart holds before the host is asked for fewer again. */
const MOST_ROWS = 6_000;
/** Of the events that are shown. */
const MOST_LINES = 500;

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
      if (this.#history?.runId !== id) this.#history = undefined;
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

/** The history with what came since; what was in it already is not added again. */
export function extended(history: RunHistory, news: RunHistory): RunHistory {
  const lastStep = history.steps.step.at(-1) ?? -1;
  const first = news.steps.step.findIndex((step) => step > lastStep);
  const lastLoss = history.validations.at(-1)?.step ?? -1;
  const urls = new Set(history.samples.map(({ url }) => url));
  const known = new Set(history.log.map((event) => JSON.stringify(event)));
  return {
    ...history,
    steps: first < 0 ? history.steps : appended(history.steps, news.steps, first),
    validations: [...history.validations, ...news.validations.filter(({ step }) => step > lastLoss)],
    samples: [...history.samples, ...news.samples.filter(({ url }) => !urls.has(url))],
    log: [...history.log, ...news.log.filter((event) => !known.has(JSON.stringify(event)))].slice(
      -MOST_LINES,
    ),
  };
}

function appended(steps: StepColumns, more: StepColumns, first: number): StepColumns {
  const names = Object.keys(steps) as (keyof StepColumns)[];
  const joined = names.map((name) => [name, [...steps[name], ...more[name].slice(first)]]);
  return Object.fromEntries(joined) as StepColumns;
}
