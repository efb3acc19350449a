/** @file What is compared: each measure as a number of one run. */
import type { Count } from '../eval/scores.ts';
import type { RunResult, Score } from './run-result.ts';

interface Measure {
  /** Heads a column. */
  readonly title: string;
  readonly write: (value: number) => string;
  /** `undefined` where the run has no such number. `target` is a validation loss that all variants of its seed reach. */
  readonly of: (run: RunResult, target: number, evaluation: string | undefined) => number | undefined;
}

/** Of trainings. */
const TRAINING = {
  parameters: {
    title: 'parameters',
    write: (value) => `${(value / 1e6).toFixed(2)} M`,
    of: ({ parameters }) => parameters,
  },
  loss: {
    title: 'validation loss',
    write: (value) => value.toFixed(4),
    of: ({ curve }) => curve.at(-1)!.loss,
  },
  stepMs: {
    title: 'ms per step',
    write: milliseconds,
    of: ({ trainMs, steps }) => trainMs / steps,
  },
  stepsToLoss: {
    title: 'steps to the same loss',
    write: (value) => value.toFixed(0),
    of: ({ curve }, target) => reaching(curve, target)?.step,
  },
  secondsToLoss: {
    title: 'seconds to the same loss',
    write: (value) => value.toFixed(1),
    of: ({ curve }, target) => seconds(reaching(curve, target)?.ms),
  },
} as const satisfies Record<string, Measure>;

/** Of evaluations. */
const SCORES = {
  right: {
    title: 'right in everything',
    write: percent,
    of: (run, _target, evaluation) => shareOf(scoreIn(run, evaluation), ({ all }) => [all]),
  },
  properties: {
    title: 'properties right',
    write: percent,
    of: (run, _target, evaluation) =>
      shareOf(scoreIn(run, evaluation), ({ properties }) => Object.values(properties)),
  },
  passes: {
    title: 'passes a picture',
    write: (value) => value.toFixed(0),
    of: (run, _target, evaluation) => passesOf(scoreIn(run, evaluation)),
  },
  pictureMs: {
    title: 'ms a picture',
    write: milliseconds,
    of: (run, _target, evaluation) => scoreIn(run, evaluation)?.pictureMs,
  },
} as const satisfies Record<string, Measure>;

export type TrainingMeasure = keyof typeof TRAINING;
export type ScoreMeasure = keyof typeof SCORES;
export type MeasureName = TrainingMeasure | ScoreMeasure;

export const MEASURES: Readonly<Record<MeasureName, Measure>> = { ...TRAINING, ...SCORES };
export const TRAINING_MEASURES = Object.keys(TRAINING) as TrainingMeasure[];
export const SCORE_MEASURES = Object.keys(SCORES) as ScoreMeasure[];
export const MEASURE_NAMES = [...TRAINING_MEASURES, ...SCORE_MEASURES];

export function isScore(name: MeasureName): name is ScoreMeasure {
  return Object.hasOwn(SCORES, name);
}

/** Where a curve first comes down to a loss, between two validations as on a straight line. */
function reaching(curve: RunResult['curve'], loss: number): { step: number; ms: number } | undefined {
  const at = curve.findIndex((point) => point.loss <= loss);
  if (at < 0) return undefined;
  const [before, after] = [curve[Math.max(0, at - 1)]!, curve[at]!];
  const share = before.loss === after.loss ? 1 : (before.loss - loss) / (before.loss - after.loss);
  const between = (from: number, to: number): number => from + share * (to - from);
  return { step: between(before.step, after.step), ms: between(before.ms, after.ms) };
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}

function scoreIn({ scores }: RunResult, evaluation: string | undefined): Score | undefined {
  return evaluation === undefined ? undefined : scores[evaluation];
}

function shareOf(score: Score | undefined, counts: (score: Score) => readonly Count[]): number | undefined {
  if (!score) return undefined;
  const all = counts(score);
  const sum = (key: keyof Count): number => all.reduce((total, each) => total + each[key], 0);
  return sum('right') / Math.max(1, sum('of'));
}

/** For one picture. */
function passesOf(score: Score | undefined): number | undefined {
  return score && score.passes / score.all.of;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function milliseconds(ms: number): string {
  return Math.abs(ms) < 100 ? ms.toPrecision(3) : ms.toFixed(0);
}
