/** @file The settings of a drawing as rows to read: a name and a text each. */
import type { FoundSettings, Model } from '../../../electron/contract.ts';
import { formatNumber } from '../../format.ts';
import { t, type MessageKey } from '../../messages/messages.svelte.ts';
import type { FoundDrawing } from '../create/form.svelte.ts';
import { samplerName, scheduleName } from '../create/names.ts';

export interface SettingRow {
  readonly key: string;
  readonly name: string;
  readonly value: string;
}

/** Makes the text of one part of a drawing; undefined when the drawing does not say it. */
type Reader = (drawing: FoundDrawing, models: readonly Model[]) => string | undefined;

const DIGITS = 4;
const SETTINGS = {
  model: ({ modelId }, models) => modelId && nameOf(modelId, models),
  size: ({ width, height }) => (width && height ? `${width} × ${height}` : undefined),
  seed: ({ seed }) => seed?.toString(),
  steps: ({ steps }) => number(steps),
  guidanceScale: ({ guidanceScale }) => number(guidanceScale),
  guidanceInterval: ({ guidanceInterval: range }) =>
    range && t('common.range', { from: number(range[0])!, to: number(range[1])! }),
  sampler: ({ sampler }) => sampler && samplerName(sampler),
  schedule: ({ schedule }) =>
    schedule &&
    [scheduleName(schedule.name), number(schedule.shift)].filter((part) => part !== undefined).join(' '),
  treadGuidance: ({ treadGuidance }) => number(treadGuidance),
  zoom: ({ camera }) => number(camera?.zoom),
  xShift: ({ camera }) => number(camera?.xShift),
  yShift: ({ camera }) => number(camera?.yShift),
  adapters: ({ adapters }, models) =>
    adapters &&
    (adapters.map(({ modelId, strength }) => `${nameOf(modelId, models)} ${number(strength)}`).join(', ') ||
      t('library.none')),
} as const satisfies Record<string, Reader>;

type Setting = keyof typeof SETTINGS;

/** What most drawings leave as it is; a row that says so tells nothing. */
const USUAL: Partial<Record<Setting, (drawing: FoundDrawing) => boolean>> = {
  guidanceInterval: ({ guidanceInterval: range }) => range?.[0] === 0 && range[1] === 1,
  treadGuidance: ({ treadGuidance }) => treadGuidance === 0,
  zoom: ({ camera }) => camera?.zoom === 1,
  xShift: ({ camera }) => camera?.xShift === 0,
  yShift: ({ camera }) => camera?.yShift === 0,
  adapters: ({ adapters }) => adapters?.length === 0,
};

/** Everything a drawing says beside its prompts, without what is as usual. */
export function settingsRows(drawing: FoundDrawing, models: readonly Model[]): SettingRow[] {
  return names().flatMap((key) => {
    const value = SETTINGS[key](drawing, models);
    return value === undefined || USUAL[key]?.(drawing) ? [] : [{ key, name: nameOfSetting(key), value }];
  });
}

/** The settings that two drawings have differently, side by side. Undefined: one does not say it. */
export function settingsDifference(
  a: FoundDrawing,
  b: FoundDrawing,
  models: readonly Model[],
): { key: string; name: string; a: string | undefined; b: string | undefined }[] {
  return names().flatMap((key) => {
    const [left, right] = [SETTINGS[key](a, models), SETTINGS[key](b, models)];
    return left === right ? [] : [{ key, name: nameOfSetting(key), a: left, b: right }];
  });
}

/** What of found settings is not here, as sentences. */
export function missingFrom(found: FoundSettings): string[] {
  const { missingModel, missingAdapters, missingStart } = found;
  return [
    ...(missingModel === undefined ? [] : [t('library.missingModel', { name: missingModel })]),
    ...(missingAdapters.length === 0
      ? []
      : [t('library.missingAdapters', { count: missingAdapters.length, names: missingAdapters.join(', ') })]),
    ...(missingStart ? [t('library.missingStart')] : []),
  ];
}

function nameOfSetting(key: Setting): string {
  return t(`library.setting.${key}` satisfies MessageKey);
}

function names(): Setting[] {
  return Object.keys(SETTINGS) as Setting[];
}

function nameOf(modelId: string, models: readonly Model[]): string {
  return models.find(({ id }) => id === modelId)?.name ?? t('library.unknownModel');
}

function number(value: number | undefined): string | undefined {
  return value === undefined ? undefined : formatNumber(value, DIGITS);
}
