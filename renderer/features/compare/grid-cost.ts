/** @file How much there is to draw in a grid: its cells, put together by what makes a picture take longer. Pure. */
import type { Drawing } from '../../../electron/contract.ts';
import type { AxisSetting } from './axis-values.ts';

export interface AxisOf {
  readonly setting: AxisSetting;
  readonly values: readonly string[];
}

/** Settings that the time depends on; an aspect keeps about the same area. */
const COSTLY: Partial<Record<AxisSetting, (drawing: Drawing, value: string) => Drawing>> = {
  steps: (drawing, value) => ({ ...drawing, steps: Number(value) }),
  sampler: (drawing, sampler) => ({ ...drawing, sampler }),
  model: (drawing, modelId) => ({ ...drawing, modelId }),
  guidanceScale: (drawing, value) => ({ ...drawing, guidanceScale: Number(value) }),
  treadGuidance: (drawing, value) => ({ ...drawing, treadGuidance: Number(value) }),
};

/** Drawings that differ in how long they take, with how many cells each stands for. */
export function costsOf(drawing: Drawing, axes: readonly AxisOf[]): { drawing: Drawing; count: number }[] {
  let cells = [{ drawing, count: 1 }];
  for (const { setting, values } of axes) {
    const change = COSTLY[setting];
    cells = cells.flatMap((cell) =>
      change
        ? values.map((value) => ({ drawing: change(cell.drawing, value), count: cell.count }))
        : [{ ...cell, count: cell.count * values.length }],
    );
  }
  return cells;
}
