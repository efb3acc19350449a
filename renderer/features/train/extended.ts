/** @file What a run told, piece by piece. */
import type { RunHistory, StepColumns } from '../../../electron/contract.ts';

/** Of the events that are shown. */
const MOST_LINES = 500;

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
