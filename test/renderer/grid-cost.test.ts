import { expect, it } from 'vitest';
import type { Drawing } from '../../electron/contract.ts';
import { costsOf } from '../../renderer/features/compare/grid-cost.ts';

const drawing = {
  modelId: 'm1',
  steps: 32,
  sampler: 'euler',
  guidanceScale: 3,
  treadGuidance: 0,
  seed: 1,
} as Drawing;

it('cells that take the same time are counted together', () => {
  const costs = costsOf(drawing, [
    { setting: 'seed', values: ['1', '2', '3'] },
    { setting: 'zoom', values: ['1', '2'] },
  ]);
  expect(costs).toEqual([{ drawing, count: 6 }]);
});

it('each number of steps and each sampler is counted with its own time', () => {
  const costs = costsOf(drawing, [
    { setting: 'steps', values: ['10', '20'] },
    { setting: 'seed', values: ['1', '2', '3'] },
  ]);
  expect(costs).toEqual([
    { drawing: { ...drawing, steps: 10 }, count: 3 },
    { drawing: { ...drawing, steps: 20 }, count: 3 },
  ]);
});

it('two settings that matter make every pair of them', () => {
  const costs = costsOf(drawing, [
    { setting: 'steps', values: ['10', '20'] },
    { setting: 'sampler', values: ['euler', 'heun'] },
  ]);
  const pairs = costs.map(({ drawing: { steps, sampler } }) => `${steps} ${sampler}`);
  expect(pairs).toEqual(['10 euler', '10 heun', '20 euler', '20 heun']);
});
