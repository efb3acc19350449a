import { describe, expect, it } from 'vitest';
import type { Drawing, Model } from '../../electron/contract.ts';
import {
  MOST_VALUES,
  readAxis,
  splitList,
  usualValues,
  writeList,
  type AxisContext,
  type AxisSetting,
} from '../../renderer/features/compare/axis-values.ts';

const drawing: Drawing = {
  modelId: 'm1',
  prompt: 'a red house, snow',
  negativePrompt: '',
  width: 256,
  height: 256,
  steps: 32,
  guidanceScale: 3,
  guidanceInterval: [0, 1],
  sampler: 'euler',
  schedule: { name: 'uniform' },
  seed: 1000,
  camera: { xShift: 0, yShift: 0, zoom: 1 },
  treadGuidance: 0,
  adapters: [{ modelId: 'a1', strength: 1 }],
};
const model: Model = {
  id: 'm1',
  kind: 'model',
  name: 'bootstrap',
  path: 'bootstrap',
  sizeBytes: 1,
  parts: [],
  isOwned: true,
};
const context: AxisContext = {
  drawing,
  choices: { samplers: ['euler', 'heun'], schedules: ['uniform', 'shifted'], mostSteps: 1000 },
  models: [model],
};

const values = (setting: AxisSetting, text: string) => readAxis(setting, text, context).values;
const problem = (setting: AxisSetting, text: string, other: Partial<Drawing> = {}) =>
  readAxis(setting, text, { ...context, drawing: { ...drawing, ...other } }).problem;

describe('the parts of a list', () => {
  it('stand between commas, also those of a Chinese keyboard, and between lines', () => {
    expect(splitList('red, blue，green\nwhite')).toEqual(['red', 'blue', 'green', 'white']);
  });

  it('that are empty are left out', () => {
    expect(splitList(' , red,, ')).toEqual(['red']);
  });

  it('keep commas, quotes and nothing at all inside quotes', () => {
    expect(splitList('"a, b", "say ""hi""", ""')).toEqual(['a, b', 'say "hi"', '']);
  });

  it('may end without the closing quote while somebody writes', () => {
    expect(splitList('red, "blue, gr')).toEqual(['red', 'blue, gr']);
  });

  it.each([[['red', 'blue']], [['a, b', '', 'say "hi"', ' spaced ']], [['，', '\n']]])(
    'are read back as they were written: %j',
    (list) => {
      expect(splitList(writeList(list))).toEqual(list);
    },
  );
});

describe('a range', () => {
  it.each([
    ['1-5', ['1', '2', '3', '4', '5']],
    ['1..3', ['1', '2', '3']],
    ['5-3', ['5', '4', '3']],
    ['0-1:0.25', ['0', '0.25', '0.5', '0.75', '1']],
    ['-0.5-0.5', ['-0.5', '-0.25', '0', '0.25', '0.5']],
    ['-3--1', ['-3', '-2', '-1']],
    ['1-2, 5', ['1', '2', '5']],
    ['4-4', ['4']],
  ])('%s of the guidance scale is %j', (text, expected) => {
    expect(values('guidanceScale', text)).toEqual(expected);
  });

  it('of fractions has no digits that only adding them makes', () => {
    expect(values('guidanceScale', '0-1:0.1')).toContain('0.3');
  });

  it('with more values than a grid takes is refused and not written out', () => {
    const { values: made, problem: why } = readAxis('seed', '1-1000000000', context);
    expect(why).toEqual({ kind: 'tooMany', most: MOST_VALUES });
    expect(made.length).toBe(MOST_VALUES + 1);
  });

  it('is none in words', () => {
    expect(values('negativePrompt', '1-5')).toEqual(['1-5']);
  });
});

describe('values', () => {
  it('appear once', () => {
    expect(values('steps', '10, 20, 10, 19-21')).toEqual(['10', '20', '19', '21']);
  });

  it('must be there', () => {
    expect(problem('steps', ' , ')).toEqual({ kind: 'empty' });
  });

  it.each<[AxisSetting, string, unknown]>([
    ['steps', '10, x', { kind: 'number', value: 'x' }],
    ['steps', '2.5', { kind: 'whole', value: '2.5' }],
    ['steps', '0', { kind: 'range', value: '0', min: 1, max: 1000 }],
    ['seed', '-1', { kind: 'range', value: '-1', min: 0, max: Number.MAX_SAFE_INTEGER }],
    ['treadGuidance', '1', { kind: 'range', value: '1', min: 0, max: 0.99 }],
    ['zoom', '0', { kind: 'range', value: '0', min: 0.01, max: 100 }],
    ['xShift', '11', { kind: 'range', value: '11', min: -10, max: 10 }],
    ['aspect', '3:0', { kind: 'ratio', value: '3:0' }],
    ['aspect', 'wide', { kind: 'ratio', value: 'wide' }],
    ['sampler', 'ddim', { kind: 'unknown', value: 'ddim' }],
    ['schedule', 'karras', { kind: 'unknown', value: 'karras' }],
    ['model', 'm2', { kind: 'unknown', value: 'm2' }],
    ['prompt', 'green, red', { kind: 'notInPrompt', value: 'green' }],
  ])('of %s such as “%s” are refused with the reason', (setting, text, expected) => {
    expect(problem(setting, text)).toEqual(expected);
  });

  it.each<[AxisSetting, string, readonly string[]]>([
    ['prompt', 'red, blue, ""', ['red', 'blue', '']],
    ['prompt', '"house, snow", tree', ['house, snow', 'tree']],
    ['negativePrompt', 'blurry, "lowres, text"', ['blurry', 'lowres, text']],
    ['aspect', '1:1, 3:2, 2.39:1', ['1:1', '3:2', '2.39:1']],
    ['sampler', 'euler, heun', ['euler', 'heun']],
    ['model', 'm1', ['m1']],
    ['adapterStrength', '-1, 0, 0.5', ['-1', '0', '0.5']],
  ])('of %s such as “%s” are taken', (setting, text, expected) => {
    expect(readAxis(setting, text, context)).toEqual({ values: expected });
  });

  it('of words to replace need a prompt', () => {
    expect(problem('prompt', 'red', { prompt: '' })).toEqual({ kind: 'noPrompt' });
  });

  it('of a strength need an adapter', () => {
    expect(problem('adapterStrength', '1', { adapters: [] })).toEqual({ kind: 'noAdapters' });
  });
});

it.each<AxisSetting>([
  'steps',
  'guidanceScale',
  'seed',
  'aspect',
  'treadGuidance',
  'zoom',
  'xShift',
  'yShift',
  'adapterStrength',
])('the values offered for %s can be used', (setting) => {
  const read = readAxis(setting, usualValues(setting, context)!, context);
  expect(read.problem).toBeUndefined();
  expect(read.values.length).toBeGreaterThan(1);
});
