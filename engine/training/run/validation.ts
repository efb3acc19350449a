/** @file The loss on held-out pictures with fixed noise at fixed times: the number that tells one step from another. */
import type { Batch } from '../data/loader.ts';
import { drawsOf } from '../draws.ts';
import type { Learner } from '../learner.ts';

export interface Validation {
  /** Of all times alike. */
  readonly loss: number;
  readonly bands: readonly { readonly from: number; readonly to: number; readonly loss: number }[];
}

/** Apart from the draws of training. */
const SEED = 2 ** 40;

export async function validate(
  learner: Learner,
  batches: readonly Batch[],
  times: readonly number[],
): Promise<Validation> {
  const used = learner.hasTime ? times : [0];
  const sums = used.map(() => 0);
  let samples = 0;
  for (const [index, batch] of batches.entries()) {
    const encoded = await learner.encode(batch, drawsOf(SEED, index));
    samples += encoded.samples;
    for (const [at, t] of used.entries()) {
      const losses = await learner.trainer.losses(learner.valuesAt(encoded, t));
      sums[at]! += losses.reduce((sum, loss) => sum + loss, 0);
    }
  }
  const means = sums.map((sum) => sum / samples);
  return {
    loss: means.reduce((sum, loss) => sum + loss, 0) / means.length,
    bands: learner.hasTime
      ? means.map((loss, at) => ({ from: edge(times, at - 1), to: edge(times, at), loss }))
      : [],
  };
}

/** Between two times: their middle; before the first 0, after the last 1. */
function edge(times: readonly number[], at: number): number {
  if (at < 0) return 0;
  return at >= times.length - 1 ? 1 : (times[at]! + times[at + 1]!) / 2;
}
