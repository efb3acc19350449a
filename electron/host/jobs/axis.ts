/** @file The cells of a grid: one drawing with one or two of its settings varied. Pure. */
import type { Axis, Drawing } from '../../contract.ts';
import { HdmError } from '../../../engine/errors.ts';
import { nearestSide, sizeFor } from '../../../engine/pipeline/request.ts';

/** The drawing with a setting at a value; `first` is the first value of the axis. */
type Change = (drawing: Drawing, value: string, first: string) => Drawing;

const CHANGES: Readonly<Record<Axis['setting'], Change>> = {
  prompt: replaceInPrompt,
  negativePrompt: (drawing, value) => ({ ...drawing, negativePrompt: value }),
  steps: (drawing, value) => ({ ...drawing, steps: toNumber('steps', value) }),
  guidanceScale: (drawing, value) => ({ ...drawing, guidanceScale: toNumber('guidanceScale', value) }),
  sampler: (drawing, value) => ({ ...drawing, sampler: value.trim() }),
  schedule: changeSchedule,
  seed: (drawing, value) => ({ ...drawing, seed: toNumber('seed', value) }),
  aspect: changeAspect,
  treadGuidance: (drawing, value) => ({ ...drawing, treadGuidance: toNumber('treadGuidance', value) }),
  zoom: (drawing, value) => changeCamera(drawing, { zoom: toNumber('zoom', value) }),
  xShift: (drawing, value) => changeCamera(drawing, { xShift: toNumber('xShift', value) }),
  yShift: (drawing, value) => changeCamera(drawing, { yShift: toNumber('yShift', value) }),
  model: (drawing, value) => ({ ...drawing, modelId: value.trim() }),
  adapterStrength: changeStrength,
};

/**
 * One drawing per cell, row by row: along x, then down y. Throws `bad-usage` for a value that is none of its
 * setting; what the engine refuses is found by checking the cells.
 */
export function cellsOf(drawing: Drawing, x: Axis, y: Axis | undefined): Drawing[] {
  if (y && x.setting === y.setting && x.setting !== 'prompt') {
    const advice = 'Choose another setting for one of them';
    throw new HdmError('bad-usage', 'grid', `both axes vary ${x.setting}`, advice);
  }
  const rows = y ? along(drawing, y) : [drawing];
  return rows.flatMap((row) => along(row, x));
}

function along(drawing: Drawing, { setting, values }: Axis): Drawing[] {
  return values.map((value) => CHANGES[setting](drawing, value, values[0]!));
}

/** Search and replace, as A1111's "Prompt S/R". */
function replaceInPrompt(drawing: Drawing, value: string, first: string): Drawing {
  if (first !== '' && drawing.prompt.includes(first)) {
    return { ...drawing, prompt: drawing.prompt.replaceAll(first, () => value) };
  }
  const problem = 'the first value is what the others replace, and the prompt does not hold it';
  throw refused('prompt', first, problem, 'Begin with words that stand in the prompt');
}

function changeSchedule(drawing: Drawing, value: string): Drawing {
  const { shift } = drawing.schedule;
  const name = value.trim();
  // Other schedules have no shift and would be refused with one.
  return { ...drawing, schedule: { name, ...(name === 'shifted' && shift !== undefined && { shift }) } };
}

/** Another shape of about the same area. */
function changeAspect(drawing: Drawing, value: string): Drawing {
  const sides = value.split(':').map(Number);
  const [width = NaN, height = NaN] = sides;
  if (sides.length === 2 && width > 0 && height > 0 && Number.isFinite(width / height)) {
    const side = nearestSide(Math.sqrt(drawing.width * drawing.height));
    return { ...drawing, ...sizeFor(side, width / height) };
  }
  throw refused('aspect', value, 'expected a ratio of width to height', 'Write it as 3:2');
}

function changeCamera(drawing: Drawing, change: Partial<Drawing['camera']>): Drawing {
  return { ...drawing, camera: { ...drawing.camera, ...change } };
}

function changeStrength(drawing: Drawing, value: string): Drawing {
  const strength = toNumber('adapterStrength', value);
  if (drawing.adapters.length > 0) {
    return { ...drawing, adapters: drawing.adapters.map((adapter) => ({ ...adapter, strength })) };
  }
  const advice = 'Add an adapter, or choose another setting';
  throw refused('adapterStrength', value, 'the drawing has no adapter whose strength could vary', advice);
}

function toNumber(setting: Axis['setting'], value: string): number {
  const number = Number(value);
  if (value.trim() !== '' && Number.isFinite(number)) return number;
  throw refused(setting, value, 'expected a number', 'Write one number for each cell, such as 3.5');
}

function refused(setting: Axis['setting'], value: string, problem: string, advice: string): HdmError {
  return new HdmError('bad-usage', `grid, ${setting} "${value}"`, problem, advice);
}
