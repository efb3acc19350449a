/** @file Electricity as people read it. */
import { formatNumber } from '../../format.ts';

interface Used {
  readonly kwh: number;
  readonly money: number;
}

/** Such as "1.2–1.4 kWh · 0.36–0.42 €". */
export function formatElectricity(low: Used, high: Used, currency: string): string {
  const range = (from: number, to: number): string => {
    const [a, b] = [formatNumber(from), formatNumber(to)];
    return a === b ? a : `${a}–${b}`;
  };
  return `${range(low.kwh, high.kwh)} kWh · ${range(low.money, high.money)} ${currency}`.trim();
}
