/** @file Axes in words: names of settings and values, and what is wrong with what was written. */
import type { Axis, Model } from '../../../electron/contract.ts';
import { formatNumber } from '../../format.ts';
import { t, type MessageKey } from '../../messages/messages.svelte.ts';
import { samplerName, scheduleName } from '../create/names.ts';
import type { AxisProblem, AxisSetting } from './axis-values.ts';

/** In the order in which they are offered. */
export const AXIS_SETTINGS = [
  'seed',
  'prompt',
  'negativePrompt',
  'steps',
  'guidanceScale',
  'sampler',
  'schedule',
  'aspect',
  'treadGuidance',
  'zoom',
  'xShift',
  'yShift',
  'model',
  'adapterStrength',
] as const satisfies readonly AxisSetting[];

export function axisName(setting: AxisSetting): string {
  return t(`compare.axis.${setting}` satisfies MessageKey);
}

/** A value as it stands above a column or beside a row. */
export function valueName(setting: AxisSetting, value: string, models: readonly Model[]): string {
  if (setting === 'sampler') return samplerName(value);
  if (setting === 'schedule') return scheduleName(value);
  if (setting === 'model') return models.find(({ id }) => id === value)?.name ?? t('library.unknownModel');
  return value === '' ? t('compare.emptyValue') : value;
}

/** Such as "Steps × Sampler". */
export function gridName({ x, y }: { readonly x: Axis; readonly y?: Axis | undefined }): string {
  return [x, y].flatMap((axis) => (axis ? [axisName(axis.setting)] : [])).join(' × ');
}

export function problemText(problem: AxisProblem): string {
  if (problem.kind === 'tooMany') return t('compare.problem.tooMany', { count: problem.most });
  if (problem.kind === 'range') {
    const { value, min, max } = problem;
    return t('compare.problem.range', { value, min: formatNumber(min), max: formatNumber(max) });
  }
  return t(
    `compare.problem.${problem.kind}` satisfies MessageKey,
    'value' in problem ? { value: problem.value } : {},
  );
}
