import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { CALLS, run as runSchema } from '../../electron/contract.ts';
import { Recipes } from '../../electron/host/training/recipes.ts';
import { HdmError } from '../../engine/errors.ts';
import { RECIPES } from '../../engine/training/recipe-files.ts';
import { testFolder } from '../helpers/folder.ts';
import { PLAN, stepOf, TrainingHost } from './training-fixture.ts';

const KILLED = new HdmError('device', "the engine's process", 'it was killed (SIGKILL)');

describe('the recipes of the studio', () => {
  it('come as a form needs them, the quickest first and with the scenes that it is made for', () => {
    const recipes = CALLS['runs.recipes'].output.parse(new Recipes(RECIPES).list());
    expect(recipes[0]).toMatchObject({
      ...{ id: 'toy-simple', needs: 'nothing' },
      source: { kind: 'toy', isSimple: true },
    });
    expect(recipes.find(({ id }) => id === 'lokr')?.source).toBeUndefined();
  });
});

describe('a run', () => {
  it('gets its recipe with what the person decided, and the paths of the model', async () => {
    const host = new TrainingHost(testFolder());
    await host.start({ ...PLAN, settings: { ...PLAN.settings, rank: 8, factor: 2 } });
    const { recipe, source, device } = host.engine.tasks[0]!;
    expect({ source, device }).toEqual({ source: PLAN.source, device: 'auto' });
    expect(recipe).toMatchObject({
      ...{ name: 'My style', method: 'lokr', model: { path: '/models/model-1.safetensors' } },
      stages: [{ steps: 100, batch: 2, size: 64, optimizer: { learningRate: 0.1 } }],
      adapter: { rank: 8, alpha: 8, factor: 2 },
      samples: { everySteps: 10, prompts: [{ prompt: 'a red circle' }] },
    });
  });

  it('shows what it told, and is kept when it has ended', async () => {
    const host = new TrainingHost(testFolder());
    await host.start();
    expect(host.run.state).toBe('running');
    host.engine.tell(
      {
        kind: 'started',
        step: 0,
        device: 'cpu',
        precision: 'f32',
        isResumed: false,
        totalSteps: 100,
        parameters: 7,
      },
      { kind: 'rehearsed', step: 0, tensors: 3, ms: 500 },
      { kind: 'phase', phase: 'training', step: 0 },
      ...Array.from({ length: 10 }, (_, i) => stepOf(i + 1)),
      { kind: 'validation', step: 10, loss: 0.5, bands: [] },
      { kind: 'checkpoint', step: 10, folder: 'checkpoints/10', change: 1, sizeBytes: 5, isBest: true },
      { kind: 'warning', step: 10, warning: 'starving', detail: 'a' },
      { kind: 'warning', step: 11, warning: 'starving', detail: 'b' },
    );
    const shown = {
      ...{ step: 10, totalSteps: 100, device: 'cpu', loss: 0.1, validationLoss: 0.5, imagesPerSecond: 20 },
      rehearsed: { tensors: 3, seconds: 0.5 },
      checkpoints: [{ step: 10, isBest: true }],
      warnings: [{ step: 11, detail: 'b' }],
    };
    expect(host.run).toMatchObject({ ...shown, phase: 'training', secondsLeft: { low: 9, high: 9 } });
    expect(runSchema.safeParse(host.run).error).toBeUndefined();
    host.engine.end('done');
    await vi.waitFor(() => expect(host.run.state).toBe('done'));
    expect(host.run).toMatchObject(shown);
    expect(host.run.phase).toBeUndefined();
  });

  it('tells windows what came since, and everything anew where steps are done again', async () => {
    const host = new TrainingHost(testFolder());
    await host.start();
    const histories = () => host.told.filter(({ name }) => name === 'training').map(({ value }) => value);
    host.engine.tell(stepOf(1), stepOf(2));
    await vi.waitFor(() => expect(histories()).toHaveLength(1));
    host.engine.tell(stepOf(3));
    await vi.waitFor(() => expect(histories()).toHaveLength(2));
    host.engine.tell(stepOf(2));
    await vi.waitFor(() => expect(histories()).toHaveLength(3));
    expect(histories()).toMatchObject([
      { isWhole: false, steps: { step: [1, 2] } },
      { isWhole: false, steps: { step: [3] } },
      { isWhole: true, steps: { step: [1, 2] } },
    ]);
  });

  it('is the only one under way', async () => {
    const host = new TrainingHost(testFolder());
    await host.start();
    await expect(host.call['runs.start']({ plan: PLAN })).rejects.toThrow('Pause or stop it first');
  });

  it('refuses a plan without the model that its recipe needs, and keeps nothing of it', async () => {
    const host = new TrainingHost(testFolder());
    const { modelId: _none, ...plan } = PLAN;
    await expect(host.call['runs.start']({ plan })).rejects.toThrow('Choose the model');
    expect(host.training.list()).toEqual([]);
  });
});

describe('the device', () => {
  it('is free for a picture between two steps, then the run goes on', async () => {
    const host = new TrainingHost(testFolder());
    await host.start();
    const lease = await host.arbiter.take('picture');
    expect(host.engine.shared).toEqual(['give way']);
    lease.release();
    await vi.waitFor(() => expect(host.engine.shared).toEqual(['give way', 'go on']));
    const again = await host.arbiter.take('draft');
    again.release();
    await vi.waitFor(() => expect(host.engine.shared).toHaveLength(4));
  });

  it('is free for a picture that came, and paused as asked, while the engine was starting', async () => {
    const host = new TrainingHost(testFolder());
    host.engine.isSlow = true;
    const { id } = await host.start();
    await host.call['runs.ask']({ id, request: 'pause' });
    const lease = host.arbiter.take('picture');
    await new Promise(setImmediate);
    expect([...host.engine.asked, ...host.engine.shared]).toEqual([]);
    host.engine.begin();
    (await lease).release();
    expect(host.engine.asked).toEqual(['pause']);
    expect(host.engine.shared[0]).toBe('give way');
  });

  it('is free while the run is paused', async () => {
    const host = new TrainingHost(testFolder());
    const { id } = await host.start();
    await host.call['runs.ask']({ id, request: 'pause' });
    expect(host.engine.asked).toEqual(['pause']);
    host.engine.tell({ kind: 'phase', phase: 'paused', step: 3 });
    expect(host.run.state).toBe('paused');
    (await host.arbiter.take('check')).release();
    await host.call['runs.resume']({ id });
    expect(host.engine.asked).toEqual(['pause', 'continue']);
    expect(host.run.state).toBe('running');
  });

  it('belongs to another run when the paused one gives its memory back', async () => {
    const host = new TrainingHost(testFolder());
    await host.start();
    host.engine.tell({ kind: 'phase', phase: 'paused', step: 3 });
    await host.call['runs.start']({ plan: { ...PLAN, name: 'Another' } });
    await vi.waitFor(() => expect(host.engine.tasks).toHaveLength(2));
    expect(host.training.list().map(({ state }) => state)).toEqual(['running', 'paused']);
  });
});

describe('a run that ended before it was done', () => {
  it('is marked with the reason when the engine was killed, and goes on from its folder', async () => {
    const host = new TrainingHost(testFolder());
    const { id, folder } = await host.start();
    host.engine.tell(stepOf(1));
    host.engine.fail(KILLED);
    await vi.waitFor(() => expect(host.run.state).toBe('interrupted'));
    expect(host.run.error?.message).toContain('SIGKILL');
    await host.call['runs.resume']({ id });
    await vi.waitFor(() => expect(host.engine.tasks).toHaveLength(2));
    expect(host.engine.tasks[1]).toMatchObject({ id, folder });
    expect(host.run.error).toBeUndefined();
  });

  it('is offered again when everything was killed, and does not start by itself', async () => {
    const folder = testFolder();
    const killed = new TrainingHost(folder);
    await killed.start();
    killed.abandon();
    const host = new TrainingHost(folder);
    expect(host.run).toMatchObject({ state: 'interrupted', plan: PLAN });
    expect(host.engine.tasks).toEqual([]);
  });

  it('is interrupted when the studio closes, and paused when it was paused', async () => {
    const folder = testFolder();
    const host = new TrainingHost(folder);
    await host.start();
    await host.training.close();
    expect(host.run.state).toBe('interrupted');
    host.abandon();
    const next = new TrainingHost(folder);
    await next.call['runs.resume']({ id: next.run.id });
    await vi.waitFor(() => expect(next.engine.tasks).toHaveLength(1));
    next.engine.tell({ kind: 'phase', phase: 'paused', step: 1 });
    await next.training.close();
    expect(next.run.state).toBe('paused');
  });

  it('failed, when that was its own fault', async () => {
    const host = new TrainingHost(testFolder());
    await host.start();
    host.engine.fail(new HdmError('disk', '/runs', 'the disk is full'));
    await vi.waitFor(() => expect(host.run.state).toBe('failed'));
    expect(host.run.error).toMatchObject({ code: 'disk' });
  });
});

describe('what is left of a run', () => {
  it('is read from its log again, without the last line of a killed process', async () => {
    const folder = testFolder();
    const host = new TrainingHost(folder);
    const { id, folder: runFolder } = await host.start();
    host.engine.end('stopped');
    await vi.waitFor(() => expect(host.run.state).toBe('stopped'));
    host.abandon();
    mkdirSync(runFolder, { recursive: true });
    const lines = [
      stepOf(1),
      stepOf(2),
      { at: 1, kind: 'sample', step: 2, prompt: 'p', seed: 3, file: 's/2.webp' },
    ];
    const text = `${lines.map((line) => JSON.stringify(line)).join('\n')}\n{"kind":"st`;
    writeFileSync(join(runFolder, 'log.jsonl'), text);
    const next = new TrainingHost(folder);
    const history = await next.call['runs.history']({ id });
    expect(history.steps.step).toEqual([1, 2]);
    expect(history.samples).toMatchObject([{ step: 2, prompt: 'p', seed: 3 }]);
    const name = history.samples[0]!.url.split('/')[3]!;
    expect(await next.training.sample(name)).toBe(join(runFolder, 's/2.webp'));
    await expect(next.training.sample(`${id}_2_7`)).rejects.toThrow('no such sample');
  });

  it('a checkpoint becomes a model; one that is gone does not', async () => {
    const host = new TrainingHost(testFolder());
    const { id, folder } = await host.start();
    const checkpoint = {
      kind: 'checkpoint',
      folder: 'checkpoints/5',
      change: 1,
      sizeBytes: 1,
      isBest: false,
    } as const;
    host.engine.tell({ ...checkpoint, step: 5 }, { ...checkpoint, step: 6, folder: 'checkpoints/6' });
    mkdirSync(join(folder, 'checkpoints/5'), { recursive: true });
    const used = await host.call['runs.useCheckpoint']({ id, step: 5 });
    expect(used).toMatchObject({ model: { id: 'new' }, modelId: 'model-1' });
    expect(host.added).toEqual([{ path: join(folder, 'checkpoints/5'), name: 'My style · 5' }]);
    await expect(host.call['runs.useCheckpoint']({ id, step: 6 })).rejects.toThrow('not there any more');
  });
});
