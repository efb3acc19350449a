/** @file The curves of a run, in the words of the window. */
import type { RunHistory } from '../../../electron/contract.ts';
import { formatNumber } from '../../format.ts';
import { t } from '../../messages/messages.svelte.ts';
import type { Curve } from './chart.ts';
import { smoothed } from './smoothing.ts';

/** Points over which the loss is smoothed, of the ones that a chart has. */
const REACH = { none: 0, little: 8, much: 40 } as const;
export type Smoothing = keyof typeof REACH;
export const SMOOTHINGS = Object.keys(REACH) as Smoothing[];

const BAND_COLORS = [1, 3, 5, 2, 4] as const;

export function lossCurves(
  { steps, validations }: RunHistory,
  smoothing: Smoothing,
  other: { readonly name: string; readonly history: RunHistory } | undefined,
): Curve[] {
  const smooth = smoothed(steps.loss, REACH[smoothing]);
  const raw: Curve = { label: t('train.chart.raw'), x: steps.step, y: steps.loss, color: 1, look: 'faint' };
  const curves: Curve[] = [
    ...(smoothing === 'none' ? [] : [raw]),
    {
      label: t(smoothing === 'none' ? 'train.chart.raw' : 'train.chart.smoothed'),
      ...{ x: steps.step, y: smooth, color: 1 },
    },
    {
      label: t('train.chart.validation'),
      x: validations.map(({ step }) => step),
      y: validations.map(({ loss }) => loss),
      ...{ color: 2, look: 'dots' },
    },
  ];
  if (!other) return curves;
  const { name, history } = other;
  return [
    ...curves,
    {
      label: name,
      ...{ x: history.steps.step, color: 3, look: 'dashed' },
      y: smoothed(history.steps.loss, REACH[smoothing]),
    },
    {
      label: t('train.chart.validationOf', { name }),
      x: history.validations.map(({ step }) => step),
      y: history.validations.map(({ loss }) => loss),
      ...{ color: 4, look: 'dots' },
    },
  ];
}

/** A measured value and, where it jumps from step to step, the line through it. */
export function measuredCurves(
  label: string,
  { step }: RunHistory['steps'],
  values: readonly (number | null)[],
  color: Curve['color'],
): Curve[] {
  const known = values.map((value, i) => [step[i]!, value] as const).filter((point) => point[1] !== null);
  const x = known.map(([at]) => at);
  const line = smoothed(
    known.map(([, value]) => value!),
    REACH.little,
  );
  return [
    { label: t('train.chart.raw'), x: step, y: values, color, look: 'faint' },
    { label, x, y: line, color },
  ];
}

/** The validation loss by bands of t: near 0 the picture is almost whole, near 1 almost noise. */
export function bandCurves({ validations }: RunHistory): Curve[] {
  const bands = validations.at(-1)?.bands ?? [];
  return bands.map(({ from, to }, index) => ({
    label: `${formatNumber(from)}–${formatNumber(to)}`,
    x: validations.map(({ step }) => step),
    y: validations.map((validation) => validation.bands[index]?.loss ?? null),
    color: BAND_COLORS[index % BAND_COLORS.length]!,
    look: index % 2 === 0 ? 'line' : 'dashed',
  }));
}
