/** @file How often a drawing asks the denoiser. */
import type { Drawing } from '../../contract.ts';
import type { SamplerName } from '../../../engine/sampling/samplers.ts';
import { sampleTimes } from '../../../engine/sampling/schedules.ts';

/** A token of the denoiser is 16 x 16 pixels. */
const TOKEN_PIXELS = 256;

export function tokensOf({ width, height }: Pick<Drawing, 'width' | 'height'>): number {
  return (width * height) / TOKEN_PIXELS;
}

/**
 * Passes of the denoiser: one for each evaluation of the sampler, two where guidance is on (of a model without a
 * text encoder it never is). Throws `bad-usage` for what `checkRequest` refuses.
 */
export function passesOf(drawing: Drawing, hasText: boolean): number {
  const { guidanceScale, guidanceInterval, schedule, steps, sampler, from } = drawing;
  const times = sampleTimes(schedule.name, steps, {
    start: from?.strength ?? 1,
    tokens: tokensOf(drawing),
    ...(schedule.shift !== undefined && { shift: schedule.shift }),
  });
  const [start, end] = guidanceInterval;
  const isGuided = (t: number): boolean => hasText && guidanceScale !== 1 && t >= start && t <= end;
  return evaluationTimes(sampler as SamplerName, [...times]).reduce(
    (sum, t) => sum + (isGuided(t) ? 2 : 1),
    0,
  );
}

/** All samplers ask at the beginning of each step; heun also at its end, but for the last. */
function evaluationTimes(sampler: SamplerName, times: readonly number[]): number[] {
  const beginnings = times.slice(0, -1);
  return sampler === 'heun' ? [...beginnings, ...times.slice(1, -1)] : beginnings;
}
