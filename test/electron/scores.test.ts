import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { run as runSchema, SCORED, type Run } from '../../electron/contract.ts';
import type { ScoreResult } from '../../electron/engine/protocol.ts';
import { scoredAfter } from '../../electron/host/training/scores.ts';
import { EVALUATION_DEFAULTS } from '../../engine/eval/evaluate.ts';
import { testFolder } from '../helpers/folder.ts';
import { PLAN, stepOf, TrainingHost } from './training-fixture.ts';

const HALF = { pictures: 24, all: { right: 12, of: 24 }, properties: { color: { right: 20, of: 24 } } };
const CAMERA = { pictures: 2, lost: 0, predicted: 1, measured: 1, ratio: 0.9 };
const LOST = { pictures: 0, lost: 2, predicted: 0, measured: 0, ratio: NaN };
const RESULT: ScoreResult = {
  device: 'cpu',
  evaluation: {
    options: EVALUATION_DEFAULTS,
    categories: Object.fromEntries(SCORED.map((name) => [name, { ...HALF, kinds: {}, sizes: {} }])),
    camera: { x: CAMERA, y: CAMERA, zoom: LOST },
  },
};

/** A run that was trained to step 10, with a checkpoint there. */
async function trained(plan = PLAN, folder = testFolder()): Promise<{ host: TrainingHost; run: Run }> {
  const host = new TrainingHost(folder);
  const run = await host.start(plan);
  mkdirSync(join(run.folder, 'checkpoints/10'), { recursive: true });
  writeFileSync(join(run.folder, 'checkpoints/10/adapter.safetensors'), '');
  host.engine.tell(...[stepOf(1), stepOf(10)], {
    kind: 'checkpoint',
    step: 10,
    folder: 'checkpoints/10',
    change: 1,
    sizeBytes: 5,
    isBest: true,
  });
  return { host, run };
}

async function asked({ engine }: TrainingHost): Promise<TrainingHost['engine']['scored'][number]> {
  await vi.waitFor(() => expect(engine.scored).toHaveLength(1));
  return engine.scored[0]!;
}

describe('the score of a checkpoint', () => {
  it('is asked of the engine, shows how far it is, and is kept with the run', async () => {
    const folder = testFolder();
    const { host, run } = await trained(PLAN, folder);
    const scored = host.call['runs.score']({ id: run.id, step: 10 });
    expect(host.run.scoring).toEqual({ step: 10, done: 0, total: 0 });
    const { task, hooks } = await asked(host);
    expect(task).toMatchObject({
      model: { path: '/models/model-1.safetensors', device: 'auto' },
      options: { prompts: 24, size: 64, categories: [...SCORED, 'camera'] },
    });
    hooks.onProgress({ phase: 'denoising', step: 3, steps: 104 });
    expect(host.run.scoring).toEqual({ step: 10, done: 3, total: 104 });
    host.engine.scores.resolve(RESULT);
    await scored;
    expect(host.run.scoring).toBeUndefined();
    expect(host.run.scores).toMatchObject([
      {
        ...{ step: 10, device: 'cpu', camera: { x: 0.9, y: 0.9, zoom: null } },
        categories: { world: { all: { right: 12, of: 24 }, properties: { color: { right: 20, of: 24 } } } },
      },
    ]);
    expect(runSchema.safeParse(host.run).error).toBeUndefined();

    host.engine.tell(stepOf(11)); // what the run tells later leaves the score
    await host.training.close();
    host.abandon();
    expect(new TrainingHost(folder).run.scores).toHaveLength(1);
  });

  it('has the device between two steps of the run, and lets others draw between two pictures', async () => {
    const { host, run } = await trained();
    const scored = host.call['runs.score']({ id: run.id, step: 10 });
    const { task, hooks } = await asked(host);
    expect(host.engine.shared).toEqual(['give way']); // the run
    const picture = host.arbiter.take('picture');
    await new Promise(setImmediate);
    expect(host.engine.shared).toHaveLength(1); // it has not begun: nobody would hear
    hooks.onProgress({ phase: 'loading', step: 0, steps: 104 });
    (await picture).release();
    expect(host.engine.shared).toEqual(['give way', 'give way']);
    await vi.waitFor(() => expect(host.engine.shared).toEqual(['give way', 'give way', 'go on']));
    host.engine.scores.resolve(RESULT);
    await scored;
    await vi.waitFor(() => expect(host.engine.shared).toHaveLength(4)); // the run goes on
    expect(task.id).not.toBe(run.id);
  });

  it('can be cancelled, and ends with its run and with the studio', async () => {
    for (const end of [
      (host: TrainingHost) => host.call['runs.cancelScore']({}),
      (host: TrainingHost) => host.call['runs.remove']({ id: host.run.id, deleteFiles: false }),
      (host: TrainingHost) => host.training.close(),
    ]) {
      const { host, run } = await trained();
      host.engine.end('done');
      await vi.waitFor(() => expect(host.run.state).toBe('done'));
      const scored = host.call['runs.score']({ id: run.id, step: 10 });
      const failed = expect(scored).rejects.toThrow('cancelled');
      await asked(host);
      await end(host);
      await failed;
    }
  });

  it('is one at a time', async () => {
    const { host, run } = await trained();
    const first = host.call['runs.score']({ id: run.id, step: 10 });
    await expect(host.call['runs.score']({ id: run.id, step: 10 })).rejects.toThrow('is being scored');
    await asked(host);
    host.engine.scores.resolve(RESULT);
    await first;
  });

  it('is for checkpoints whose transformer has learned', () => {
    const [denoiser] = PLAN.settings.stages;
    const stages = [{ ...denoiser!, trains: 'vae' as const, steps: 10 }, denoiser!];
    const plan = { ...PLAN, settings: { ...PLAN.settings, stages } };
    expect(scoredAfter({ plan, method: 'pretrain' })).toBe(10);
    expect(scoredAfter({ plan: PLAN, method: 'lokr' })).toBe(0);
    expect(scoredAfter({ plan: PLAN, method: 'vae' })).toBeUndefined();
  });

  it('is refused for scenes that the judge does not know, and for a checkpoint that is gone', async () => {
    const simple = await trained({ ...PLAN, source: { kind: 'toy', seed: 0, count: 9, isSimple: true } });
    expect(simple.run.scoredAfter).toBeUndefined();
    const { id } = simple.run;
    await expect(simple.host.call['runs.score']({ id, step: 10 })).rejects.toThrow('toy scenes of all kinds');
    const { host, run } = await trained();
    expect(run.scoredAfter).toBe(0);
    await expect(host.call['runs.score']({ id: run.id, step: 5 })).rejects.toThrow('not there any more');
    expect(host.run.scoring).toBeUndefined();
  });
});
