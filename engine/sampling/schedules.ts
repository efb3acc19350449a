/** @file When the model looks: the falling times of sampling, from 1 (noise) or `start` down to 0 (image). */
import { HdmError } from '../errors.ts';

export interface ScheduleOptions {
  /** Time of the first step, in (0, 1]; less than 1 begins from a noised image (img2img strength). Default 1. */
  readonly start?: number;
  /** Image tokens of one picture; `shifted` derives its shift from them. */
  readonly tokens?: number;
  /** The shift itself, > 0; counts before `tokens`. 1 is no shift, more spends more steps near noise. */
  readonly shift?: number;
}

/** steps + 1 falling times, the first `start`, the last 0; the steps divide the rest of the full schedule. */
export type Schedule = (steps: number, options: ScheduleOptions) => Float64Array;

export const SCHEDULES = {
  /** Equal steps of t, what the released model samples with. */
  uniform: (steps, { start = 1 }) => shiftedTimes(steps, start, 1),
  /** Larger pictures need more noise to hide the same detail, so their times are shifted towards noise. */
  shifted: (steps, { start = 1, shift, tokens }) => shiftedTimes(steps, start, shift ?? shiftFor(tokens)),
} as const satisfies Record<string, Schedule>;

export type ScheduleName = keyof typeof SCHEDULES;

/** Tokens of a 256 x 256 picture, the first training stage: the size that needs no shift. */
const BASE_TOKENS = 256;
const LARGEST_STEPS = 1000;
const WHERE = 'schedule';

/**
 * The times of a named schedule.
 * @throws HdmError `bad-usage` for an unknown name, steps not a whole number in 1..1000, or bad options
 */
export function sampleTimes(name: string, steps: number, options: ScheduleOptions = {}): Float64Array {
  if (!isScheduleName(name)) {
    const known = Object.keys(SCHEDULES).join(', ');
    throw new HdmError('bad-usage', WHERE, `there is no schedule "${name}"`, `Choose one of: ${known}`);
  }
  if (!Number.isInteger(steps) || steps < 1 || steps > LARGEST_STEPS) {
    throw new HdmError(
      'bad-usage',
      WHERE,
      `steps must be a whole number from 1 to ${LARGEST_STEPS}, got ${steps}`,
    );
  }
  requireWithin('start', options.start, 1);
  requireWithin('shift', options.shift, Infinity);
  requireWithin('tokens', options.tokens, Infinity);
  return SCHEDULES[name](steps, options);
}

/**
 * Shift for a number of tokens: sqrt(tokens / 256), at least 1.
 * Esser et al., Scaling rectified flow transformers (2024), eq. 23, with m = tokens, n = 256.
 * @throws HdmError `bad-usage` without tokens
 */
export function shiftFor(tokens: number | undefined): number {
  if (tokens !== undefined) return Math.max(1, Math.sqrt(tokens / BASE_TOKENS));
  throw new HdmError(
    'bad-usage',
    WHERE,
    'the shifted schedule got neither a shift nor a token count',
    'Give one of them',
  );
}

/** Time u in 0..1 shifted towards noise: s u / (1 + (s - 1) u) (Esser et al. 2024, eq. 23). */
export function shiftTime(u: number, shift: number): number {
  return (shift * u) / (1 + (shift - 1) * u);
}

/** Equal steps from `start` unshifted to 0, each shifted. */
function shiftedTimes(steps: number, start: number, shift: number): Float64Array {
  const first = start / (shift - (shift - 1) * start);
  const times = Float64Array.from({ length: steps + 1 }, (_, i) =>
    shiftTime((first * (steps - i)) / steps, shift),
  );
  times[0] = start; // not a rounding away from it
  return times;
}

function isScheduleName(name: string): name is ScheduleName {
  return Object.hasOwn(SCHEDULES, name);
}

function requireWithin(option: string, value: number | undefined, largest: number): void {
  if (value === undefined || (value > 0 && value <= largest && Number.isFinite(value))) return;
  const range = largest === Infinity ? 'above 0' : `above 0 and at most ${largest}`;
  throw new HdmError('bad-usage', WHERE, `${option} must be ${range}, got ${value}`);
}
