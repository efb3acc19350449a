/** @file One training step: batches in, one update, and what it was like. */
import { learningRateAt } from '../optimizer.ts';
import type { Recipe } from '../recipe.ts';
import type { Skipped } from '../data/loader.ts';
import type { Session } from './session.ts';
import type { Position } from './state.ts';

export interface StepResult {
  /** Mean over the batches of the update; NaN when it was no number. */
  readonly loss: number;
  readonly norm: number;
  readonly isUpdated: boolean;
  readonly learningRate: number;
  readonly stepMs: number;
  readonly waitedMs: number;
  readonly images: number;
  readonly skipped: readonly Skipped[];
  /** Captions that were cut. */
  readonly cut: number;
}

export async function trainStep(
  { stage, steps, learner, batches }: Session,
  { stageStep }: Position,
  { average }: Recipe,
): Promise<StepResult> {
  const started = performance.now();
  const waited = batches.waitedMs;
  const skipped: Skipped[] = [];
  let [loss, norm, images, cut] = [0, 0, 0, 0];
  for (let part = 0; part < stage.accumulation; part++) {
    const number = stageStep * stage.accumulation + part;
    const inputs = await batches.next(number);
    const gradient = await learner.trainer.accumulate(inputs.values);
    loss += gradient.loss / stage.accumulation;
    norm = gradient.norm;
    images += inputs.images;
    cut += inputs.cut;
    skipped.push(...inputs.skipped);
  }
  const learningRate = learningRateAt(stage.optimizer, stageStep, steps);
  const rate = averageRate(average, learner.trainer.counters.updates);
  const isUpdated = await learner.trainer.update(norm, learningRate, rate);
  return {
    loss,
    norm,
    isUpdated,
    learningRate,
    stepMs: performance.now() - started,
    waitedMs: batches.waitedMs - waited,
    images,
    skipped,
    cut,
  };
}

/** How far the running mean moves: at first quickly, as it begins at values that were not learned. */
function averageRate(decay: number | null, updates: number): number {
  return 1 - Math.min(decay ?? 0, (1 + updates) / (10 + updates));
}
