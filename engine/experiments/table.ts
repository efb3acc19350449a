/** @file Results as Markdown: what each variant came to, and whether what the report lets one expect is so. */
import { MEASURES, SCORE_MEASURES, TRAINING_MEASURES, type MeasureName } from './measures.ts';
import type { Results } from './results.ts';
import {
  compare,
  spreadOf,
  valuesAt,
  type Comparison,
  type Place,
  type Spread,
  type Verdict,
} from './statistics.ts';

const VERDICTS: Readonly<Record<Verdict, string>> = {
  yes: 'yes',
  no: '**no**',
  open: 'open: within the spread of the seeds',
};

/** All tables of an experiment. */
export function resultTables(results: Results): string {
  const { device, precision, autoencoder, seeds, finishedAt } = results;
  const words = [`${device} in ${precision}`, `autoencoder: ${autoencoder}`, count(seeds, 'seed')];
  const { variants, evaluations } = results.document;
  const names = Object.keys(variants);
  const trainings = names.map((variant) => ({ variant, evaluation: undefined }));
  const drawings = names.flatMap((variant) =>
    Object.keys(evaluations).map((evaluation) => ({ variant, evaluation })),
  );
  const tables = [
    placeTable(results, TRAINING_MEASURES, trainings),
    ...(drawings.length > 0 ? [placeTable(results, SCORE_MEASURES, drawings)] : []),
    ...comparisonTable(results),
  ];
  return [`Measured on ${words.join(', ')}; ${finishedAt.slice(0, 10)}.`, ...tables].join('\n\n');
}

/** A row for each place, a column for each measure. */
function placeTable(results: Results, measures: readonly MeasureName[], places: readonly Place[]): string {
  const head = [...(places[0]!.evaluation === undefined ? ['variant'] : ['variant', 'evaluation'])];
  const rows = places.map((place) => [
    place.variant,
    ...(place.evaluation === undefined ? [] : [place.evaluation]),
    ...measures.map((measure) => {
      const spread = spreadOf([...valuesAt(results, measure, place).values()]);
      return spread ? written(measure, spread) : '–';
    }),
  ]);
  return table([...head, ...measures.map((measure) => MEASURES[measure].title)], rows);
}

function comparisonTable(results: Results): string[] {
  const { expects } = results.document;
  if (expects.length === 0) return [];
  const rows = expects.map((expectation) => {
    const comparison = compare(results, expectation);
    return [expectation.says, ...(comparison ? compared(comparison) : ['not measured', '–', '–', '–'])];
  });
  return [table(['expected', 'measure', 'measured', 'difference', 'so?'], rows)];
}

function compared({ expectation, of, than, difference, verdict }: Comparison): string[] {
  const { measure } = expectation;
  const { title, write } = MEASURES[measure];
  const sign = difference.mean > 0 ? '+' : '';
  return [
    title,
    `${write(of.mean)} against ${write(than.mean)}`,
    `${sign}${written(measure, difference)}`,
    difference.seeds === 1 ? 'open: one seed' : VERDICTS[verdict],
  ];
}

/** `0.1234 ± 0.0010`; the spread where there is one. */
function written(measure: MeasureName, { mean, spread, seeds }: Spread): string {
  const { write } = MEASURES[measure];
  return seeds === 1 || spread === 0 ? write(mean) : `${write(mean)} ± ${write(spread)}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
