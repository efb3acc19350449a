/**
 * @file Ways from noise to an image. A model gives the velocity v = dx/dt of x_t = t noise + (1 - t) clean, so
 * x - t v estimates the clean latent. Every sampler has one signature; to add one is to add one function.
 *
 * The multistep samplers work in log signal-to-noise, lambda = ln((1 - t) / t), where the exact step from t to n is
 * x_n = (n / t) x_t + (1 - n / t) mean(clean), the mean over the step weighted by e^lambda. They differ in how they
 * guess it. Lambda is infinite at t = 1 and t = 0; this form is not.
 */
import { HdmError } from '../errors.ts';

/** Velocity of x at time t. `step` counts from 1. Must not change x. */
export type Denoiser = (x: Float32Array, t: number, step: number) => Promise<Float32Array>;

export interface StepProgress {
  /** Steps done, 1 to `steps`. */
  readonly step: number;
  readonly steps: number;
  /** Time reached; 0 after the last step. */
  readonly t: number;
  /** The latent at t. Only to be read. */
  readonly x: Float32Array;
  /** The model's latest estimate of the clean latent. */
  readonly clean: Float32Array;
}

/**
 * Called after every step and awaited. A Float32Array it returns takes the place of x (inpainting: put back the
 * known part, noised to t); what it throws ends the sampling and reaches the caller (cancelling).
 */
export type StepCallback = (progress: StepProgress) => Replacement | Promise<Replacement>;

type Replacement = Float32Array | void;

/**
 * Takes x at times[0] along the falling `times` and returns it at the last of them; x itself is not changed.
 * @throws HdmError `bad-usage` when the times do not fall within 1..0, `bad-shape` when a velocity or a replacement
 * has not the length of x
 */
export type Sampler = (
  denoise: Denoiser,
  x: Float32Array,
  times: Float64Array,
  onStep?: StepCallback,
) => Promise<Float32Array>;

export const SAMPLERS = {
  euler,
  heun,
  'dpmpp-2m': dpmpp2m,
  unipc,
} as const satisfies Record<string, Sampler>;

export type SamplerName = keyof typeof SAMPLERS;

/** Number of model calls of a sampler over a schedule that ends at 0. */
export function evaluations(name: SamplerName, steps: number): number {
  return name === 'heun' ? 2 * steps - 1 : steps;
}

/** First order: each step is straight along the velocity. */
async function euler(
  denoise: Denoiser,
  x: Float32Array,
  times: Float64Array,
  onStep?: StepCallback,
): Promise<Float32Array> {
  for (const interval of intervals(times)) {
    const { t, next } = interval;
    const { velocity, clean } = await evaluate(denoise, x, t, interval);
    x = combine([1, x], [next - t, velocity]);
    x = (await report(onStep, interval, x, clean)) ?? x;
  }
  return x;
}

/** Second order: the mean of the velocities at both ends. Karras et al., EDM (2022), algorithm 1 without noise. */
async function heun(
  denoise: Denoiser,
  x: Float32Array,
  times: Float64Array,
  onStep?: StepCallback,
): Promise<Float32Array> {
  for (const interval of intervals(times)) {
    const { t, next } = interval;
    const here = await evaluate(denoise, x, t, interval);
    const landing = combine([1, x], [next - t, here.velocity]);
    // At 0 the velocity is not asked for: models are not trained there.
    const there = next > 0 ? await evaluate(denoise, landing, next, interval) : here;
    x = combine([1, x], [(next - t) / 2, here.velocity], [(next - t) / 2, there.velocity]);
    x = (await report(onStep, interval, x, there.clean)) ?? x;
  }
  return x;
}

/** Second order from the last two estimates. Lu et al., DPM-Solver++ (2022), algorithm 2 (2M). */
async function dpmpp2m(
  denoise: Denoiser,
  x: Float32Array,
  times: Float64Array,
  onStep?: StepCallback,
): Promise<Float32Array> {
  let before: Evaluation | undefined;
  for (const interval of intervals(times)) {
    const now = await evaluate(denoise, x, interval.t, interval);
    x = predict({ x, now, before }, interval.next);
    x = (await report(onStep, interval, x, now.clean)) ?? x;
    before = now;
  }
  return x;
}

/**
 * UniPC of order 2 with B2(h). Its predictor is the step of `dpmpp2m`; the estimate at the landing point then also
 * corrects the landing, so no model call is added. A replaced x is taken as given and not corrected.
 * Zhao et al., UniPC (2023), algorithms 1 and 2 for data prediction.
 */
async function unipc(
  denoise: Denoiser,
  x: Float32Array,
  times: Float64Array,
  onStep?: StepCallback,
): Promise<Float32Array> {
  let before: Evaluation | undefined;
  let lastStep: MultiStep | undefined;
  for (const interval of intervals(times)) {
    const now = await evaluate(denoise, x, interval.t, interval);
    if (lastStep) x = correct(lastStep, now);
    const step = { x, now, before };
    x = predict(step, interval.next);
    const replaced = await report(onStep, interval, x, now.clean);
    x = replaced ?? x;
    lastStep = replaced ? undefined : step;
    before = now;
  }
  return x;
}

interface Interval {
  readonly t: number;
  readonly next: number;
  readonly step: number;
  readonly steps: number;
}

interface Evaluation {
  readonly t: number;
  readonly velocity: Float32Array;
  readonly clean: Float32Array;
}

/** What a multistep method knows at the beginning of a step. */
interface MultiStep {
  readonly x: Float32Array;
  readonly now: Evaluation;
  readonly before: Evaluation | undefined;
}

/**
 * DPM-Solver++(2M): mean(clean) = the line through the last two estimates at the middle of the step in lambda.
 * First order without an earlier estimate, with one at t = 1 (infinitely long ago), and in the step to 0.
 */
function predict({ x, now, before }: MultiStep, next: number): Float32Array {
  const ratio = next / now.t;
  if (!before || next === 0) return combine([ratio, x], [1 - ratio, now.clean]);
  const slope = (lambda(next) - lambda(now.t)) / (lambda(now.t) - lambda(before.t)) / 2;
  return combine([ratio, x], [(1 - ratio) * (1 + slope), now.clean], [(ratio - 1) * slope, before.clean]);
}

/** UniC: the same step again, now that the estimate at its end is known. */
function correct({ x, now, before }: MultiStep, reached: Evaluation): Float32Array {
  const ratio = reached.t / now.t;
  const share = 1 - ratio;
  if (!before) return combine([ratio, x], [share / 2, now.clean], [share / 2, reached.clean]);
  const [past, future] = correctorWeights(lambda(before.t), lambda(now.t), lambda(reached.t));
  return combine(
    [ratio, x],
    [share * (1 - past - future), now.clean],
    [share * past, before.clean],
    [share * future, reached.clean],
  );
}

/**
 * Weights of the estimates at `before` and `reached` (lambdas; `now` has the rest) in the mean of the parabola
 * through the three. With s from 0 at `now` to 1 at `reached`, s and s^2 have these means under the weight e^(hs).
 */
function correctorWeights(before: number, now: number, reached: number): [past: number, future: number] {
  const h = reached - now;
  const r = (before - now) / h; // -infinity when `before` is: then the past has no weight
  const total = -1 / Math.expm1(-h);
  const mean = total - 1 / h;
  const meanSquare = total - (2 * mean) / h;
  const bend = (mean - meanSquare) / (1 - r);
  return [bend / r, mean - bend];
}

/** Logarithm of the signal-to-noise ratio. */
function lambda(t: number): number {
  return Math.log((1 - t) / t);
}

function* intervals(times: Float64Array): Generator<Interval> {
  const steps = times.length - 1;
  const wrong = times.findIndex((t, i) => !(t >= 0 && t <= 1 && (i === 0 || t < times[i - 1]!)));
  if (steps < 1 || wrong >= 0) {
    const problem = steps < 1 ? 'got fewer than two times' : `time ${wrong} is ${times[wrong]}`;
    throw new HdmError('bad-usage', 'sampler', problem, 'Times must fall, from at most 1 to at least 0');
  }
  for (let i = 0; i < steps; i++) yield { t: times[i]!, next: times[i + 1]!, step: i + 1, steps };
}

async function evaluate(
  denoise: Denoiser,
  x: Float32Array,
  t: number,
  { step }: Interval,
): Promise<Evaluation> {
  const velocity = await denoise(x, t, step);
  requireLength('the velocity', velocity, x.length);
  return { t, velocity, clean: combine([1, x], [-t, velocity]) };
}

/** Tells the caller of a finished step; the x to go on with, if the caller gave one. */
async function report(
  onStep: StepCallback | undefined,
  { step, steps, next }: Interval,
  x: Float32Array,
  clean: Float32Array,
): Promise<Float32Array | undefined> {
  const replaced = await onStep?.({ step, steps, t: next, x, clean });
  if (!replaced) return undefined;
  requireLength('the replaced latent', replaced, x.length);
  return replaced;
}

/** Weighted sum of arrays of one length, summed in float64, in a new array. */
function combine(...terms: readonly (readonly [weight: number, values: Float32Array])[]): Float32Array {
  const { length } = terms[0]![1];
  const sum = new Float64Array(length);
  for (const [weight, values] of terms) {
    for (let i = 0; i < length; i++) sum[i]! += weight * values[i]!;
  }
  return new Float32Array(sum);
}

function requireLength(what: string, values: Float32Array, length: number): void {
  if (values.length === length) return;
  throw new HdmError('bad-shape', 'sampler', `${what} has ${values.length} numbers, the latent ${length}`);
}
