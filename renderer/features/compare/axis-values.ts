/** @file Values of an axis, from what a person writes: `10, 20, 30`, `1-5`, `0.5-2:0.25`, `"a, b", c`. Pure. */
import type { Axis, Choices, Drawing, Model } from '../../../electron/contract.ts';

export type AxisSetting = Axis['setting'];

/** What the values are checked against. */
export interface AxisContext {
  readonly drawing: Drawing;
  readonly choices: Pick<Choices, 'samplers' | 'schedules' | 'mostSteps'>;
  readonly models: readonly Model[];
}

/** Why the values cannot be used; the window has the words. */
export type AxisProblem =
  | { readonly kind: 'empty' | 'noPrompt' | 'noAdapters' }
  | { readonly kind: 'tooMany'; readonly most: number }
  | { readonly kind: 'number' | 'whole' | 'ratio' | 'unknown' | 'notInPrompt'; readonly value: string }
  | { readonly kind: 'range'; readonly value: string; readonly min: number; readonly max: number };

export interface AxisValues {
  readonly values: readonly string[];
  readonly problem?: AxisProblem;
}

/** What the host takes for an axis. */
export const MOST_VALUES = 20;
const LARGEST_SEED = Number.MAX_SAFE_INTEGER;
/** Below this length a range without a step is divided instead of counted. */
const SHORT_RANGE = 2;
const PARTS_OF_SHORT_RANGE = 4;

interface NumberRule {
  readonly min: number;
  readonly max: number;
  readonly isWhole?: true;
}

type Check = (value: string, index: number, context: AxisContext) => AxisProblem | undefined;

/** How the values of a setting are written: numbers (and ranges of them), words, or some of a list. */
const RULES: Readonly<Record<AxisSetting, Check>> = {
  prompt: (value, index, { drawing }) =>
    index > 0 || drawing.prompt.includes(value) ? undefined : { kind: 'notInPrompt', value },
  negativePrompt: () => undefined,
  steps: (value, _, { choices }) => checkNumber(value, { min: 1, max: choices.mostSteps, isWhole: true }),
  guidanceScale: (value) => checkNumber(value, { min: -100, max: 100 }),
  sampler: (value, _, { choices }) => checkChoice(value, choices.samplers),
  schedule: (value, _, { choices }) => checkChoice(value, choices.schedules),
  seed: (value) => checkNumber(value, { min: 0, max: LARGEST_SEED, isWhole: true }),
  aspect: checkRatio,
  treadGuidance: (value) => checkNumber(value, { min: 0, max: 0.99 }),
  zoom: (value) => checkNumber(value, { min: 0.01, max: 100 }),
  xShift: (value) => checkNumber(value, { min: -10, max: 10 }),
  yShift: (value) => checkNumber(value, { min: -10, max: 10 }),
  model: (value, _, { models }) =>
    checkChoice(
      value,
      models.map(({ id }) => id),
    ),
  adapterStrength: (value) => checkNumber(value, { min: -10, max: 10 }),
};

const WORDS: readonly AxisSetting[] = ['prompt', 'negativePrompt'];
const CHOICES: readonly AxisSetting[] = ['sampler', 'schedule', 'model'];

/** Whether the values are chosen from a list instead of written. */
export function isChosen(setting: AxisSetting): boolean {
  return CHOICES.includes(setting);
}

/** The values that a text means, each once and in its order; the first problem, when there is one. */
export function readAxis(setting: AxisSetting, text: string, context: AxisContext): AxisValues {
  if (setting === 'prompt' && context.drawing.prompt === '')
    return { values: [], problem: { kind: 'noPrompt' } };
  if (setting === 'adapterStrength' && context.drawing.adapters.length === 0) {
    return { values: [], problem: { kind: 'noAdapters' } };
  }
  const written = splitList(text);
  const isWords = WORDS.includes(setting) || CHOICES.includes(setting) || setting === 'aspect';
  const values = [...new Set(isWords ? written : written.flatMap(expandRange))];
  if (values.length === 0) return { values, problem: { kind: 'empty' } };
  if (values.length > MOST_VALUES) return { values, problem: { kind: 'tooMany', most: MOST_VALUES } };
  const problem = values.map((value, index) => RULES[setting](value, index, context)).find(Boolean);
  return problem ? { values, problem } : { values };
}

/** Values as a text that `readAxis` reads back. */
export function writeList(values: readonly string[]): string {
  return values
    .map((value) => (/^$|[",，\n]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value))
    .join(', ');
}

/** Values worth trying, as a text; undefined where only the person knows. */
export function usualValues(setting: AxisSetting, { drawing }: AxisContext): string | undefined {
  const { steps, seed } = drawing;
  const texts: Partial<Record<AxisSetting, string>> = {
    steps: `${Math.max(1, Math.round(steps / 2))}, ${steps}, ${steps * 2}`,
    guidanceScale: '1-5',
    seed: `${seed}-${seed + 3}`,
    aspect: '2:3, 4:5, 1:1, 5:4, 3:2',
    treadGuidance: '0, 0.25, 0.5',
    zoom: '0.75, 1, 1.25, 1.5',
    xShift: '-0.5, -0.25, 0, 0.25, 0.5',
    yShift: '-0.5, -0.25, 0, 0.25, 0.5',
    adapterStrength: '0, 0.5, 1',
  };
  return texts[setting];
}

/** Parts between commas; quotes keep a comma inside, or an empty part. */
export function splitList(text: string): string[] {
  const parts = text.match(/\s*"(?:[^"]|"")*"?\s*|[^,，\n]+/g) ?? [];
  return parts.flatMap((part) => {
    const trimmed = part.trim();
    if (!trimmed.startsWith('"')) return trimmed === '' ? [] : [trimmed];
    const inside = /^"((?:[^"]|"")*)"?$/.exec(trimmed)?.[1] ?? '';
    return [inside.replaceAll('""', '"')];
  });
}

/** `1-5`, `1..5`, either with `:step`; anything else stays as it is. No more than one value too many is made. */
function expandRange(text: string): string[] {
  const number = String.raw`[-+]?(?:\d+\.?\d*|\.\d+)`;
  const range = new RegExp(
    String.raw`^(${number})\s*(?:-|–|\.\.|…|~)\s*(${number})(?:\s*:\s*(${number}))?$`,
  ).exec(text);
  if (!range) return [text];
  const [from, to] = [Number(range[1]), Number(range[2])];
  const step = Math.abs(range[3] === undefined ? usualStep(from, to) : Number(range[3]));
  if (step === 0) return [text];
  const steps = Math.min(MOST_VALUES, Math.floor(Math.abs(to - from) / step + 1e-9));
  const direction = Math.sign(to - from);
  return Array.from({ length: steps + 1 }, (_, index) => rounded(from + direction * index * step));
}

function usualStep(from: number, to: number): number {
  const length = Math.abs(to - from);
  const isCounted = length >= SHORT_RANGE || (Number.isInteger(from) && Number.isInteger(to));
  return isCounted ? 1 : length / PARTS_OF_SHORT_RANGE;
}

/** Without the last digits that adding fractions leaves. */
function rounded(value: number): string {
  return String(Number(value.toPrecision(12)));
}

function checkNumber(value: string, { min, max, isWhole }: NumberRule): AxisProblem | undefined {
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number)) return { kind: 'number', value };
  if (isWhole && !Number.isInteger(number)) return { kind: 'whole', value };
  return number < min || number > max ? { kind: 'range', value, min, max } : undefined;
}

function checkRatio(value: string): AxisProblem | undefined {
  const sides = value.split(':').map(Number);
  const isRatio = sides.length === 2 && sides.every((side) => side > 0 && Number.isFinite(side));
  return isRatio ? undefined : { kind: 'ratio', value };
}

function checkChoice(value: string, choices: readonly string[]): AxisProblem | undefined {
  return choices.includes(value) ? undefined : { kind: 'unknown', value };
}
