/** @file How long the rest of a run takes, from its last steps. */
import type { TrainingEvent } from '../../../engine/training/run/events.ts';

/** Enough to be steady, few enough to follow a change. */
const MOST_STEPS = 200;
/** With fewer a number would be a guess. */
const FEWEST_STEPS = 5;

interface Timed {
  readonly at: number;
  readonly stepMs: number;
}

export class Pace {
  /** Without a pause between them. */
  #steps: Timed[] = [];

  add(event: TrainingEvent): void {
    const isBreak = event.kind === 'started' || (event.kind === 'phase' && event.phase === 'paused');
    if (isBreak) this.#steps = [];
    if (event.kind !== 'step') return;
    this.#steps.push({ at: event.at, stepMs: event.stepMs });
    if (this.#steps.length > MOST_STEPS) this.#steps.shift();
  }

  /**
   * Seconds of one step. Low: the step alone. High: what went by from step to step, with saving, samples, and pictures
   * that were drawn meanwhile.
   */
  get secondsPerStep(): { readonly low: number; readonly high: number } | undefined {
    const steps = this.#steps;
    if (steps.length < FEWEST_STEPS) return undefined;
    const sorted = steps.map(({ stepMs }) => stepMs).sort((a, b) => a - b);
    const low = sorted[Math.floor(sorted.length / 2)]! / 1000;
    const passed = (steps.at(-1)!.at - steps[0]!.at) / (steps.length - 1) / 1000;
    return { low, high: Math.max(low, passed) };
  }
}
