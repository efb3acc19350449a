/** @file What a run costs beside time. */
import type { Settings, TrainingCost } from '../../../electron/contract.ts';

type Electricity = NonNullable<Settings['electricity']>;

/** Seconds of the whole run, from those of a step. */
export function secondsOf({ secondsPerStep: { low, high } }: TrainingCost, steps: number) {
  return { low: low * steps, high: high * steps };
}

/** Kilowatt-hours, and their price, of so many seconds. */
export function electricityOf(
  seconds: number,
  { watts, price }: Electricity,
): { kwh: number; money: number } {
  const kwh = (watts * seconds) / 3_600_000;
  return { kwh, money: kwh * price };
}
