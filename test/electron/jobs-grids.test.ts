import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Axis, Drawing } from '../../electron/contract.ts';
import { cellsOf } from '../../electron/host/jobs/axis.ts';
import { testFolder } from '../helpers/folder.ts';
import { DRAWING, TestHost } from './fakes.ts';

describe('cellsOf', () => {
  it.each<[Axis['setting'], string, Partial<Drawing>]>([
    ['negativePrompt', 'blurry', { negativePrompt: 'blurry' }],
    ['steps', ' 12 ', { steps: 12 }],
    ['guidanceScale', '3.5', { guidanceScale: 3.5 }],
    ['sampler', 'heun', { sampler: 'heun' }],
    ['schedule', 'shifted', { schedule: { name: 'shifted' } }],
    ['seed', '123', { seed: 123 }],
    ['treadGuidance', '0.25', { treadGuidance: 0.25 }],
    ['zoom', '2', { camera: { ...DRAWING.camera, zoom: 2 } }],
    ['xShift', '-0.5', { camera: { ...DRAWING.camera, xShift: -0.5 } }],
    ['yShift', '0.5', { camera: { ...DRAWING.camera, yShift: 0.5 } }],
    ['model', 'model-2', { modelId: 'model-2' }],
  ])('sets %s', (setting, value, change) => {
    expect(cellsOf(DRAWING, { setting, values: [value] }, undefined)).toEqual([{ ...DRAWING, ...change }]);
  });

  it('goes row by row: along x, then down y', () => {
    const x: Axis = { setting: 'steps', values: ['1', '2', '3'] };
    const y: Axis = { setting: 'seed', values: ['10', '20'] };
    expect(cellsOf(DRAWING, x, y).map(({ steps, seed }) => [steps, seed])).toEqual([
      [1, 10],
      [2, 10],
      [3, 10],
      [1, 20],
      [2, 20],
      [3, 20],
    ]);
  });

  it('replaces the first value in the prompt, as it is and everywhere', () => {
    const drawing = { ...DRAWING, prompt: 'a.b a.b axb' };
    const cells = cellsOf(drawing, { setting: 'prompt', values: ['a.b', '$&', ''] }, undefined);
    expect(cells.map(({ prompt }) => prompt)).toEqual(['a.b a.b axb', '$& $& axb', '  axb']);
  });

  it('replaces two words of the prompt along two axes', () => {
    const x: Axis = { setting: 'prompt', values: ['red', 'blue'] };
    const y: Axis = { setting: 'prompt', values: ['circle', 'square'] };
    expect(cellsOf(DRAWING, x, y).map(({ prompt }) => prompt)).toEqual([
      'a red circle',
      'a blue circle',
      'a red square',
      'a blue square',
    ]);
  });

  it('keeps the area when the aspect changes', () => {
    const square = { ...DRAWING, width: 512, height: 512 };
    const cells = cellsOf(square, { setting: 'aspect', values: ['1:1', '4:1', '1:4'] }, undefined);
    expect(cells.map(({ width, height }) => [width, height])).toEqual([
      [512, 512],
      [1024, 256],
      [256, 1024],
    ]);
  });

  it('sets the strength of every adapter', () => {
    const adapters = [
      { modelId: 'one', strength: 1 },
      { modelId: 'two', strength: 2 },
    ];
    const [cell] = cellsOf(
      { ...DRAWING, adapters },
      { setting: 'adapterStrength', values: ['-0.5'] },
      undefined,
    );
    expect(cell!.adapters.map(({ strength }) => strength)).toEqual([-0.5, -0.5]);
  });

  it('keeps the shift only in the schedule that has one', () => {
    const drawing = { ...DRAWING, schedule: { name: 'shifted', shift: 2 } };
    const cells = cellsOf(drawing, { setting: 'schedule', values: ['uniform', 'shifted'] }, undefined);
    expect(cells.map(({ schedule }) => schedule)).toEqual([
      { name: 'uniform' },
      { name: 'shifted', shift: 2 },
    ]);
  });

  it.each<[Axis['setting'], string[], string]>([
    ['steps', ['8', 'many'], 'grid, steps "many": expected a number'],
    ['zoom', [''], 'grid, zoom "": expected a number'],
    ['guidanceScale', ['Infinity'], 'expected a number'],
    ['aspect', ['3'], 'grid, aspect "3": expected a ratio'],
    ['aspect', ['0:1'], 'expected a ratio'],
    ['aspect', ['1:2:3'], 'expected a ratio'],
    ['aspect', ['100:1'], 'Choose another ratio'],
    ['prompt', ['green', 'blue'], 'grid, prompt "green": the first value is what the others replace'],
    ['prompt', ['', 'blue'], 'the first value is what the others replace'],
    ['adapterStrength', ['1'], 'the drawing has no adapter'],
  ])('refuses %s %j', (setting, values, problem) => {
    expect(() => cellsOf(DRAWING, { setting, values }, undefined)).toThrow(problem);
  });

  it('refuses the same setting on both axes', () => {
    const axis: Axis = { setting: 'steps', values: ['1'] };
    expect(() => cellsOf(DRAWING, axis, axis)).toThrow('both axes vary steps');
  });
});

describe('grids', () => {
  const x: Axis = { setting: 'steps', values: ['1', '2'] };
  const y: Axis = { setting: 'prompt', values: ['red', 'blue'] };

  it('draw a job for each cell and give its state and picture', async () => {
    const host = open();
    const added = await host.call['grids.add']({ drawing: DRAWING, x, y });
    expect(added).toMatchObject({ drawing: DRAWING, x, y });
    expect(host.jobs.list().every(({ groupId }) => groupId === added.id)).toBe(true);
    await host.idle();
    const grid = await host.call['grids.get']({ id: added.id });
    expect(grid.cells.map(({ jobId, state, picture }) => [jobId, state, picture!.prompt])).toEqual([
      [added.cells[0]!.jobId, 'done', 'a red circle'],
      [added.cells[1]!.jobId, 'done', 'a red circle'],
      [added.cells[2]!.jobId, 'done', 'a blue circle'],
      [added.cells[3]!.jobId, 'done', 'a blue circle'],
    ]);
    expect(host.engine.tasks.map(({ request }) => request.steps)).toEqual([1, 2, 1, 2]);
    expect(host.remembered).toEqual(['a red circle']);
  });

  it('have one row without a second axis, and the newest comes first in the list', async () => {
    let now = 0;
    const host = open(() => now++);
    const first = await host.call['grids.add']({ drawing: DRAWING, x });
    const second = await host.call['grids.add']({ drawing: DRAWING, x, y });
    expect(first).not.toHaveProperty('y');
    expect(first.cells).toHaveLength(2);
    await host.idle();
    expect((await host.call['grids.list']({})).map(({ id }) => id)).toEqual([second.id, first.id]);
  });

  it.each<[string, Axis, string]>([
    ['a value out of range', { setting: 'steps', values: ['8', '2000'] }, 'got 2000'],
    ['an unknown sampler', { setting: 'sampler', values: ['euler', 'magic'] }, 'there is no sampler "magic"'],
    ['an unknown model', { setting: 'model', values: ['model-1', 'gone'] }, 'there is no such model'],
  ])('are refused whole for %s in one cell', (_what, axis, problem) => {
    const host = open();
    expect(() => host.call['grids.add']({ drawing: DRAWING, x: axis })).toThrow(problem);
    expect(host.jobs.list()).toEqual([]);
    expect(host.call['grids.list']({})).toEqual([]);
  });

  it('keep cells that leave the list; those that wait are not drawn', async () => {
    const host = open();
    const begun = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    host.engine.onDraw = async () => {
      begun.resolve();
      await end.promise;
    };
    const { id, cells } = await host.call['grids.add']({ drawing: DRAWING, x });
    await begun.promise;
    await host.call['jobs.remove']({ ids: [cells[1]!.jobId] });
    end.resolve();
    await host.idle();
    await host.call['jobs.remove']({ ids: [cells[0]!.jobId] });
    expect(host.jobs.list()).toEqual([]);
    const grid = await host.call['grids.get']({ id });
    expect(grid.cells.map(({ state, picture }) => [state, picture !== undefined])).toEqual([
      ['done', true],
      ['cancelled', false],
    ]);
    await host.call['jobs.retry']({ ids: [cells[1]!.jobId] });
    await host.idle();
    expect(host.states()).toEqual(['7 done']);
  });

  it('keep the picture to begin from for all cells, once', async () => {
    const host = open();
    await host.uploads.receive('photo', Buffer.from('a photo'));
    const from = { image: { kind: 'upload' as const, id: 'photo' }, strength: 0.5 };
    const { id } = await host.call['grids.add']({ drawing: { ...DRAWING, from }, x });
    await host.idle();
    const folder = join(host.places.data, 'sources', id);
    expect(host.engine.tasks.map((task) => task.from!.path)).toEqual(Array(2).fill(join(folder, 'photo')));
    expect(readdirSync(folder)).toEqual(['photo']);
  });

  it('say so when there is none of an id', () => {
    expect(() => open().call['grids.get']({ id: 'unknown' })).toThrow('there is no such grid');
  });
});

function open(now: () => number = Date.now): TestHost {
  const host = new TestHost(testFolder(), { now });
  onTestFinished(() => host.close());
  return host;
}
