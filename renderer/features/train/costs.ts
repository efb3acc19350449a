/** @file What a run costs beside time. */
import type { Settings, TrainingCost, TrainingSettings } from '../../../electron/contract.ts';

type Electricity = NonNullable<Settings['electricity']>;

/** Seconds of the whole run, from those of the steps of each stage. */
export function secondsOf(
  { stages }: TrainingCost,
  settings: TrainingSettings,
): { low: number; high: number } {
  const sum = (end: 'low' | 'high'): number =>
    settings.stages.reduce((total, { steps }, i) => total + steps * (stages[i]?.[end] ?? 0), 0);
  return { low: sum('low'), high: sum('high') };
}

/** Kilowatt-hours, and their price, of so many seconds. */
export function electricityOf(
  seconds: number,
  { watts, price }: Electricity,
): { kwh: number; money: number } {
  const kwh = (watts * seconds) / 3_600_000;
  return { kwh, money: kwh * price };
}
