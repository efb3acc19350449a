/**
 * @file Before anything is trained: one step is done, undone from the saved state, and done again. Only when both agree
 * bit for bit is the state known to hold everything, and the device to compute alike.
 */
import { HdmError } from '../../errors.ts';
import type { Trainer } from '../trainer.ts';
import { checksumOf } from './state.ts';

export interface Rehearsal {
  readonly tensors: number;
  readonly ms: number;
}

/**
 * `step` does one step; the trainer ends as the state says. `mayGoOn` is asked between the two steps: the rehearsal is
 * given up, undefined, when it says no. Throws `device` when the two steps differ.
 */
export async function rehearse(
  trainer: Trainer,
  restore: () => Promise<void>,
  step: () => Promise<number>,
  mayGoOn: () => Promise<boolean>,
): Promise<Rehearsal | undefined> {
  const started = performance.now();
  const first = await fingerprint(trainer, step);
  await restore();
  if (!(await mayGoOn())) return undefined;
  const second = await fingerprint(trainer, step);
  await restore();
  const differing = first.findIndex((value, at) => !Object.is(value, second[at]));
  if (differing < 0) {
    return { tensors: trainer.shapes.size * trainer.remembered.length, ms: performance.now() - started };
  }
  const what = ['loss', ...trainer.remembered][differing]!;
  const problem = `the same step done twice from the same state differs in its ${what}`;
  throw new HdmError('device', 'rehearsal', problem, 'Nothing was trained. Try another device: --device cpu');
}

/** The loss of a step and a checksum of each kind of tensor after it. */
async function fingerprint(trainer: Trainer, step: () => Promise<number>): Promise<number[]> {
  const result = [await step()];
  for (const kind of trainer.remembered) result.push(checksumOf(await trainer.read(kind)));
  return result;
}
