/**
 * @file Numbers of several seeds: their mean and spread, and whether what was expected is so. Variants of a seed have
 * held-out pictures, noise and order in common, so differences are taken seed by seed.
 */
import type { Expectation } from './document.ts';
import { MEASURES, type MeasureName } from './measures.ts';
import type { Results } from './results.ts';
import type { RunResult } from './run-result.ts';

export interface Spread {
  readonly mean: number;
  /** Standard deviation of the seeds; 0 of one. */
  readonly spread: number;
  readonly seeds: number;
}

/** Numbers of the seeds that have one; `undefined` of none. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  const seeds = values.length;
  if (seeds === 0) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / seeds;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, spread: seeds === 1 ? 0 : Math.sqrt(squares / (seeds - 1)), seeds };
}

/** A variant drawn with an evaluation. */
export interface Place {
  readonly variant: string;
  readonly evaluation: string | undefined;
}

/** A measure at a place, by seed. */
export function valuesAt(results: Results, measure: MeasureName, place: Place): Map<number, number> {
  const runs = results.runs.filter(({ variant }) => variant === place.variant);
  return new Map(
    runs.flatMap((run) => {
      const target = commonLoss(results.runs, run.seed);
      const value = MEASURES[measure].of(run, target, place.evaluation);
      return value === undefined ? [] : [[run.seed, value] as const];
    }),
  );
}

/** The lowest validation loss that all variants of a seed reach. */
export function commonLoss(runs: readonly RunResult[], seed: number): number {
  const lowest = runs
    .filter((run) => run.seed === seed)
    .map(({ curve }) => Math.min(...curve.map(({ loss }) => loss)));
  return Math.max(...lowest);
}

export interface Comparison {
  readonly expectation: Expectation;
  readonly of: Spread;
  readonly than: Spread;
  /** `of` - `than`, seed by seed. */
  readonly difference: Spread;
  /** Half of the interval that holds the true difference with 95 %; of one seed it is not known. */
  readonly halfWidth: number | undefined;
  readonly verdict: Verdict;
}

/** Whether what was expected is so; `open`: the spread of the seeds is too large to tell. */
export type Verdict = 'yes' | 'no' | 'open';

/** What was expected beside what was measured; `undefined` where there are no numbers of the same seed. */
export function compare(results: Results, expectation: Expectation): Comparison | undefined {
  const { measure, is, within } = expectation;
  const [first, second] = [expectation.of, expectation.than].map((place) =>
    valuesAt(results, measure, placeIn(results, place)),
  ) as [Map<number, number>, Map<number, number>];
  const seeds = [...first.keys()].filter((seed) => second.has(seed));
  const of = spreadOf(seeds.map((seed) => first.get(seed)!));
  const than = spreadOf(seeds.map((seed) => second.get(seed)!));
  if (!of || !than) return undefined;
  const difference = spreadOf(seeds.map((seed) => first.get(seed)! - second.get(seed)!))!;
  const halfWidth = halfWidthOf(difference);
  const verdict =
    halfWidth === undefined ? 'open' : verdictOn(is, difference.mean, halfWidth, within * than.mean);
  return { expectation, of, than, difference, halfWidth, verdict };
}

function placeIn({ document }: Results, { variant, evaluation }: Expectation['of']): Place {
  return {
    variant: variant ?? Object.keys(document.variants)[0]!,
    evaluation: evaluation ?? Object.keys(document.evaluations)[0],
  };
}

/** Student's t that 2.5 % lie above, for 1, 2, … degrees of freedom; beyond, that of normal numbers and a bit. */
const STUDENT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262] as const;
const STUDENT_BEYOND = 2.26;

function halfWidthOf({ spread, seeds }: Spread): number | undefined {
  if (seeds === 1) return undefined;
  return ((STUDENT[seeds - 2] ?? STUDENT_BEYOND) * spread) / Math.sqrt(seeds);
}

function verdictOn(is: Expectation['is'], mean: number, halfWidth: number, within: number): Verdict {
  if (is === 'alike') {
    if (Math.abs(mean) + halfWidth <= within) return 'yes';
    return Math.abs(mean) - halfWidth > within ? 'no' : 'open';
  }
  const towards = is === 'smaller' ? -mean : mean;
  if (towards > halfWidth) return 'yes';
  return -towards > halfWidth ? 'no' : 'open';
}
