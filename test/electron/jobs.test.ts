import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PLACES, type Job, type Progress } from '../../electron/contract.ts';
import type { JobsOptions } from '../../electron/host/jobs/jobs.ts';
import { readSettings } from '../../engine/image/restore.ts';
import { HdmError } from '../../engine/errors.ts';
import { testFolder } from '../helpers/folder.ts';
import { DRAWING, RESULT, TestHost, writePicture } from './fakes.ts';

describe('adding jobs', () => {
  it('draws as many pictures as asked for, with the seeds after the first, one after the other', async () => {
    const host = open();
    const { jobIds } = await host.call['jobs.add']({ drawing: DRAWING, count: 3 });
    await host.idle();
    expect(host.engine.tasks.map(({ id, request }) => [id, request.seed])).toEqual(
      jobIds.map((id, i) => [id, DRAWING.seed + i]),
    );
    const jobs = host.jobs.list();
    expect(jobs.map(({ state, pictureId }) => [state, pictureId])).toEqual(
      jobIds.toReversed().map((id) => ['done', id]),
    );
    expect(new Set(jobs.map(({ groupId }) => groupId)).size).toBe(1);
  });

  it('makes the choices of both prompts for each seed and keeps what was typed', async () => {
    const host = open();
    const drawing = { ...DRAWING, prompt: 'a {seed}', negativePrompt: 'no {seed}' };
    await host.call['jobs.add']({ drawing, count: 2 });
    await host.idle();
    expect(host.engine.tasks.map(({ request }) => [request.prompt, request.negativePrompt])).toEqual([
      ['a 7', 'no 7'],
      ['a 8', 'no 8'],
    ]);
    expect(host.engine.tasks[0]!.label.promptTemplate).toBe('a {seed}');
    expect(host.jobs.list().map(({ prompt, drawing }) => [prompt, drawing.prompt])).toEqual([
      ['a 8', 'a {seed}'],
      ['a 7', 'a {seed}'],
    ]);
    expect(host.remembered).toEqual(['a {seed}']);
  });

  it('has no template to tell of a prompt without choices', async () => {
    const host = open();
    await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await host.idle();
    expect(host.engine.tasks[0]!.label).toEqual({ model: { name: 'the model-1' }, adapters: [] });
  });

  it('gives the engine model, adapters, device, precision and previews as they are set', async () => {
    const host = open();
    host.settings.change({ device: 'webgpu', precision: 'f16', showPreviews: false, format: 'webp' });
    const adapters = [{ modelId: 'adapter-1', strength: 0.5 }];
    await host.call['jobs.add']({ drawing: { ...DRAWING, adapters }, count: 1 });
    await host.idle();
    const [task] = host.engine.tasks;
    expect(task!.model).toEqual({
      path: '/models/model-1.safetensors',
      adapters: [{ path: '/models/adapter-1.safetensors', strength: 0.5 }],
      device: 'webgpu',
      precision: 'f16',
    });
    expect(task!.label.adapters).toEqual([{ file: 'adapter-1.safetensors', strength: 0.5 }]);
    expect(task!.withPreviews).toBe(false);
    expect(task!.thumbnail).toBe(host.library.thumbnailOf(task!.id));
    expect(task!.file).toMatch(/\.webp$/);
  });

  it.each([
    ['a wrong number', { steps: 0 }, 'the steps must be a whole number'],
    ['a seed that grows too large', { seed: Number.MAX_SAFE_INTEGER - 1 }, 'the seed must be'],
    ['an unknown sampler', { sampler: 'magic' }, 'there is no sampler "magic"'],
    ['an unknown model', { modelId: 'gone' }, 'there is no such model'],
    ['an unknown adapter', { adapters: [{ modelId: 'gone', strength: 1 }] }, 'there is no such model'],
    ['an unknown upload', { from: { image: upload('gone'), strength: 0.5 } }, 'there is no such file'],
    ['an unknown picture', { from: { image: picture('gone'), strength: 0.5 } }, 'there is no such picture'],
    ['too much strength', { from: { image: upload('here'), strength: 2 } }, 'the strength must be'],
  ])('refuses %s at once and queues nothing', async (_what, change, problem) => {
    const host = open();
    await host.uploads.receive('here', Buffer.from('a picture'));
    const add = () => host.call['jobs.add']({ drawing: { ...DRAWING, ...change }, count: 3 });
    expect(add).toThrow(problem);
    expect(host.jobs.list()).toEqual([]);
    expect(existsSync(join(host.places.data, 'sources'))).toBe(false);
  });

  it('refuses a prompt that cannot be read', () => {
    const host = open({
      expand: () => {
        throw new HdmError('bad-usage', 'prompt', 'a brace is not closed', 'Close it');
      },
    });
    expect(() => host.call['jobs.add']({ drawing: DRAWING, count: 1 })).toThrow('a brace is not closed');
  });
});

describe('a finished picture', () => {
  it('is in the library and in a file with its settings, named by date, words, seed and id', async () => {
    const host = open({ now: () => new Date(2026, 0, 31, 12).getTime() });
    const { jobIds } = await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await host.idle();
    const file = host.library.fileOf(jobIds[0]!);
    const name = `2026-01-31-a-red-circle-7-${jobIds[0]!.slice(0, 6)}.png`;
    expect(file).toBe(join(host.places.pictures, '2026-01', name));
    const { settings } = await readSettings(file);
    expect(settings).toMatchObject({ prompt: 'a red circle', seed: 7, model: { name: 'the model-1' } });
    expect(host.library.get(jobIds[0]!)).toMatchObject({ modelName: 'the model-1', seed: 7 });
  });

  it('is told of before anything else, with the job done already', async () => {
    const host = open();
    const end = host.heard('jobs', ([job]) => job?.state === 'done');
    await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    const seen = new Promise<Job[]>((resolve) =>
      host.events.listen((name) => name === 'library' && resolve(host.jobs.list())),
    );
    expect((await seen).map(({ state }) => state)).toEqual(['done']);
    await end;
    const names = host.told.map(({ name }) => name);
    expect(names).toEqual(['jobs', 'jobs', 'library', 'jobs']);
    expect(host.told[2]!.value).toMatchObject({ count: 1, added: { id: host.jobs.list()[0]!.pictureId } });
  });

  it('has no id in the list any more when the library has lost it', async () => {
    const host = open();
    await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await host.idle();
    host.database.exec('DELETE FROM pictures');
    expect(host.jobs.list()[0]).not.toHaveProperty('pictureId');
  });

  it('leaves the list after a hundred others, but not the library', async () => {
    const host = open();
    await host.call['jobs.add']({ drawing: DRAWING, count: 103 });
    await host.idle();
    expect(host.jobs.list()).toHaveLength(100);
    expect(host.jobs.list().at(-1)!.drawing.seed).toBe(DRAWING.seed + 3);
    expect(host.library.count).toBe(103);
  });
});

describe('progress', () => {
  it('tells the step, the address of the preview and the time that is left at this pace', async () => {
    let now = 0;
    const host = open({ now: () => now });
    host.engine.onDraw = (_task, { onProgress }) => {
      onProgress({ phase: 'loading', step: 0, steps: 4 });
      onProgress({ phase: 'denoising', step: 0, steps: 4 });
      now += 2_000;
      onProgress({ phase: 'denoising', step: 1, steps: 4 }, Uint8Array.of(1));
      now += 4_000;
      onProgress({ phase: 'denoising', step: 2, steps: 4 });
      onProgress({ phase: 'decoding', step: 4, steps: 4 });
    };
    const { jobIds } = await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await host.idle();
    const told = host.told.filter(({ name }) => name === 'progress').map(({ value }) => value);
    const preview = `${PLACES.previews}${jobIds[0]}/1.png`;
    const expected: Progress[] = [
      { phase: 'loading', step: 0, steps: 4 },
      { phase: 'denoising', step: 0, steps: 4 },
      { phase: 'denoising', step: 1, steps: 4, preview, secondsLeft: 6 },
      { phase: 'denoising', step: 2, steps: 4, preview, secondsLeft: 6 },
      { phase: 'decoding', step: 4, steps: 4, preview },
    ];
    expect(told).toEqual(expected.map((progress) => ({ jobId: jobIds[0], progress })));
    expect(host.jobs.preview(jobIds[0]!)).toEqual(Uint8Array.of(1));
    expect(host.jobs.preview('other')).toBeUndefined();
  });

  it('is part of the running job in the list', async () => {
    const host = open();
    const { running, finish } = held(host);
    await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await running;
    expect(host.jobs.list()[0]).toMatchObject({
      state: 'running',
      progress: { phase: 'denoising', step: 1 },
    });
    finish();
    await host.idle();
    expect(host.jobs.list()[0]).not.toHaveProperty('progress');
  });
});

describe('the queue', () => {
  it('draws in the order that it was given', async () => {
    const host = open();
    const { running, finish } = held(host);
    const { jobIds } = await host.call['jobs.add']({ drawing: DRAWING, count: 4 });
    await running;
    const [, second, third, fourth] = jobIds as [string, string, string, string];
    await host.call['jobs.move']({ id: fourth, before: second });
    await host.call['jobs.move']({ id: second });
    expect(host.states()).toEqual(['7 running', '10 queued', '9 queued', '8 queued']);
    finish();
    await host.idle();
    expect(host.engine.tasks.map(({ id }) => id)).toEqual([jobIds[0], fourth, third, second]);
  });

  it('stays in order when jobs are moved so often that no number fits between two', async () => {
    const host = open();
    const { running } = held(host);
    const { jobIds } = await host.call['jobs.add']({ drawing: DRAWING, count: 4 });
    await running;
    const [, , third, fourth] = jobIds as [string, string, string, string];
    for (let round = 0; round < 60; round++) {
      await host.call['jobs.move']({ id: fourth, before: third });
      await host.call['jobs.move']({ id: third, before: fourth });
    }
    await host.call['jobs.move']({ id: fourth, before: third });
    expect(host.states()).toEqual(['7 running', '8 queued', '10 queued', '9 queued']);
    const queued = `SELECT DISTINCT position FROM jobs WHERE state = 'queued'`;
    expect(host.database.prepare(queued).all()).toHaveLength(3);
  });

  it('refuses to move what does not wait', async () => {
    const host = open();
    const { running } = held(host);
    const { jobIds } = await host.call['jobs.add']({ drawing: DRAWING, count: 2 });
    await running;
    const [first, second] = jobIds as [string, string];
    expect(() => host.call['jobs.move']({ id: first })).toThrow('does not wait');
    expect(() => host.call['jobs.move']({ id: second, before: first })).toThrow('does not wait');
    await host.call['jobs.move']({ id: second, before: second });
    expect(host.states()).toEqual(['7 running', '8 queued']);
  });

  it('cancels the job that runs and those that wait', async () => {
    const host = open();
    const { running } = held(host);
    const { jobIds } = await host.call['jobs.add']({ drawing: DRAWING, count: 3 });
    await running;
    await host.call['jobs.cancel']({ ids: [jobIds[1]!] });
    expect(host.states()).toEqual(['7 running', '9 queued', '8 cancelled']);
    host.engine.onDraw = () => {};
    await host.call['jobs.cancel']({ ids: [jobIds[0]!] });
    await host.idle();
    expect(host.states().sort()).toEqual(['7 cancelled', '8 cancelled', '9 done']);
    expect(host.engine.tasks.map(({ request }) => request.seed)).toEqual([7, 9]);
    await host.call['jobs.cancel']({ ids: [jobIds[2]!, 'unknown'] });
    expect(host.states()).toContain('9 done');
  });

  it('removes what waits and what ended, but not what runs', async () => {
    const host = open();
    const { running, finish } = held(host);
    const { jobIds } = await host.call['jobs.add']({ drawing: DRAWING, count: 3 });
    await running;
    expect(() => host.call['jobs.remove']({ ids: jobIds })).toThrow('Cancel it first');
    expect(host.jobs.list()).toHaveLength(3);
    await host.call['jobs.remove']({ ids: [jobIds[1]!] });
    finish();
    await host.idle();
    await host.call['jobs.remove']({ ids: [jobIds[0]!] });
    expect(host.states()).toEqual(['9 done']);
    expect(host.library.count).toBe(2);
  });

  it('goes on after a job that failed and says why it did', async () => {
    const host = open();
    host.engine.onDraw = ({ request }) => {
      if (request.seed === 7) throw new HdmError('bad-number', 'step 2', 'the model computed NaN', 'Use f32');
    };
    await host.call['jobs.add']({ drawing: DRAWING, count: 2 });
    await host.idle();
    expect(host.states()).toEqual(['8 done', '7 failed']);
    const message = 'step 2: the model computed NaN. Use f32.';
    expect(host.jobs.list()[1]!.error).toEqual({ code: 'bad-number', message });
  });

  it('goes on after a job whose model is gone', async () => {
    const host = open();
    const { running, finish } = held(host);
    await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await host.call['jobs.add']({ drawing: { ...DRAWING, modelId: 'model-2', seed: 8 }, count: 1 });
    await host.call['jobs.add']({ drawing: { ...DRAWING, seed: 9 }, count: 1 });
    await running;
    host.models.all.delete('model-2');
    finish();
    await host.idle();
    expect(host.states()).toEqual(['9 done', '8 failed', '7 done']);
    expect(host.jobs.list()[1]!.error!.message).toContain('there is no such model');
  });

  it.each(['disk', 'device'] as const)('stops after three failures in a row of the %s', async (code) => {
    const host = open();
    host.engine.onDraw = ({ request }) => {
      if (request.seed > 7) throw new HdmError(code, 'picture', 'it is full');
    };
    const stopped = host.heard('jobs', (jobs) => jobs.filter(({ error }) => error).length === 3);
    await host.call['jobs.add']({ drawing: DRAWING, count: 6 });
    await stopped;
    expect(host.states()).toEqual(['11 queued', '12 queued', '10 failed', '9 failed', '8 failed', '7 done']);
    const messages = host.jobs.list().map(({ error }) => error?.message);
    expect(messages[2]).toMatch(/it is full\. The queue stopped/);
    expect(messages[3]).toBe('picture: it is full.');
    host.engine.onDraw = () => {};
    await host.call['jobs.retry']({ ids: [host.jobs.list()[2]!.id] });
    await host.idle();
    expect(host.states()).toEqual(['10 done', '12 done', '11 done', '9 failed', '8 failed', '7 done']);
  });

  it('does not stop when a picture succeeds between failures', async () => {
    const host = open();
    host.engine.onDraw = ({ request }) => {
      if (request.seed !== 9) throw new HdmError('device', 'picture', 'it is full');
    };
    await host.call['jobs.add']({ drawing: DRAWING, count: 5 });
    await host.idle();
    expect(host.states()).toEqual(['11 failed', '10 failed', '9 done', '8 failed', '7 failed']);
  });

  it('does not stop after failures of other kinds', async () => {
    const host = open();
    host.engine.onDraw = () => {
      throw new HdmError('bad-model', 'model', 'it does not fit');
    };
    await host.call['jobs.add']({ drawing: DRAWING, count: 5 });
    await host.idle();
    expect(host.states().every((state) => state.endsWith('failed'))).toBe(true);
  });

  it('fails a job when the folder for pictures cannot be made', async () => {
    const host = open();
    const file = join(host.places.data, 'a file');
    writeFileSync(file, '');
    host.settings.change({ picturesFolder: join(file, 'pictures') });
    await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await host.idle();
    expect(host.jobs.list()[0]!.error).toMatchObject({ code: 'disk' });
  });

  it('stops with the reason when the database fails, and goes on when it works again', async () => {
    const host = open();
    host.database.exec(`CREATE TRIGGER full BEFORE UPDATE ON jobs WHEN new.state IN ('done', 'failed')
      BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END`);
    await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await host.idle();
    expect(host.logged[0]).toContain('database or disk is full');
    expect(host.jobs.list()[0]).toMatchObject({ state: 'interrupted', error: { code: 'internal' } });
    expect(host.library.count).toBe(0);
    host.database.exec('DROP TRIGGER full');
    await host.call['jobs.retry']({ ids: [host.jobs.list()[0]!.id] });
    await host.idle();
    expect(host.states()).toEqual(['7 done']);
    expect(host.engine.tasks).toHaveLength(1); // the file had been written
    expect(host.library.count).toBe(1);
  });
});

describe('trying again', () => {
  it('takes the place that the picture was to have', async () => {
    const host = open();
    host.engine.onDraw = () => {
      throw new HdmError('device', 'engine', 'it crashed');
    };
    const { jobIds } = await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await host.idle();
    host.engine.onDraw = () => {};
    await host.call['jobs.retry']({ ids: jobIds });
    expect(host.jobs.list()[0]).not.toHaveProperty('error');
    await host.idle();
    const [first, second] = host.engine.tasks;
    expect(second!.file).toBe(first!.file);
    expect(host.states()).toEqual(['7 done']);
  });

  it('takes another place when something else lies there', async () => {
    const host = open();
    host.engine.onDraw = ({ file }) => {
      writeFileSync(file, 'not a picture');
      throw new HdmError('device', 'engine', 'it crashed');
    };
    const { jobIds } = await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await host.idle();
    host.engine.onDraw = () => {};
    await host.call['jobs.retry']({ ids: jobIds });
    await host.idle();
    const [first, second] = host.engine.tasks;
    expect(second!.file).not.toBe(first!.file);
    expect(readFileSync(first!.file, 'utf8')).toBe('not a picture');
    expect(host.library.files()).toEqual([second!.file]);
  });

  it('goes to the new folder when the one for pictures was changed', async () => {
    const host = open();
    host.engine.onDraw = () => {
      throw new HdmError('disk', 'picture', 'the disk is full', 'Choose another folder');
    };
    const { jobIds } = await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await host.idle();
    host.engine.onDraw = () => {};
    const picturesFolder = join(host.places.data, 'elsewhere');
    host.settings.change({ picturesFolder });
    await host.call['jobs.retry']({ ids: jobIds });
    await host.idle();
    expect(host.library.files()[0]!.startsWith(picturesFolder)).toBe(true);
  });

  it('refuses a job that has its picture and one that nobody knows', async () => {
    const host = open();
    const { jobIds } = await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await host.idle();
    expect(() => host.call['jobs.retry']({ ids: jobIds })).toThrow('has its picture already');
    expect(() => host.call['jobs.retry']({ ids: ['unknown'] })).toThrow('not in the list');
  });
});

describe('a picture to begin from', () => {
  it('is kept beside the job until that leaves the list, also when the upload is gone', async () => {
    const host = open();
    await host.uploads.receive('up', Buffer.from('a photo'));
    await host.uploads.receive('mask', Buffer.from('a mask'));
    host.engine.onDraw = () => {
      throw new HdmError('device', 'engine', 'it crashed');
    };
    const from = { image: upload('up'), mask: upload('mask'), strength: 0.5 };
    const { jobIds } = await host.call['jobs.add']({ drawing: { ...DRAWING, from }, count: 2 });
    await host.idle();
    writeFileSync(host.uploads.fileOf('up'), 'emptied');
    host.engine.onDraw = () => {};
    await host.call['jobs.retry']({ ids: jobIds });
    await host.idle();
    const last = host.engine.tasks.at(-1)!.from!;
    expect(last.strength).toBe(0.5);
    expect(readFileSync(last.path, 'utf8')).toBe('a photo');
    expect(readFileSync(last.maskPath!, 'utf8')).toBe('a mask');

    await host.call['jobs.remove']({ ids: [jobIds[0]!] });
    expect(existsSync(last.path)).toBe(true);
    await host.call['jobs.remove']({ ids: [jobIds[1]!] });
    expect(readdirSync(join(host.places.data, 'sources'))).toEqual([]);
  });

  it('of the library is read where it lies', async () => {
    const host = open();
    const { jobIds } = await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await host.idle();
    const from = { image: picture(jobIds[0]!), strength: 0.5 };
    await host.call['jobs.add']({ drawing: { ...DRAWING, from }, count: 1 });
    await host.idle();
    expect(host.engine.tasks[1]!.from).toEqual({ path: host.library.fileOf(jobIds[0]!), strength: 0.5 });
  });

  it('whose copy was deleted by somebody fails its job with the reason', async () => {
    const host = open();
    await host.uploads.receive('up', Buffer.from('a photo'));
    const { running, finish } = held(host);
    const from = { image: upload('up'), strength: 0.5 };
    await host.call['jobs.add']({ drawing: { ...DRAWING, from }, count: 2 });
    await running;
    rmSync(join(host.places.data, 'sources'), { recursive: true });
    finish();
    await host.idle();
    expect(host.states()).toEqual(['8 failed', '7 done']);
    expect(host.jobs.list()[0]!.error!.message).toContain('the picture to begin from is gone');
  });

  it('that is gone when its turn comes fails that job only', async () => {
    const host = open();
    const { jobIds } = await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await host.idle();
    const { running, finish } = held(host);
    await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    const from = { image: picture(jobIds[0]!), strength: 0.5 };
    await host.call['jobs.add']({ drawing: { ...DRAWING, from, seed: 1 }, count: 1 });
    await running;
    host.database.exec(`DELETE FROM pictures WHERE id = '${jobIds[0]}'`);
    finish();
    await host.idle();
    expect(host.states()).toEqual(['1 failed', '7 done', '7 done']);
  });
});

describe('an engine that ends', () => {
  it('after the file was whole has still drawn the picture', async () => {
    const host = open();
    host.engine.onDraw = async (task) => {
      await writePicture(task);
      throw new HdmError('device', 'engine', 'it crashed');
    };
    await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await host.idle();
    expect(host.states()).toEqual(['7 done']);
    expect(host.library.files()).toEqual([host.engine.tasks[0]!.file]);
  });

  it('while it wrote leaves nothing behind', async () => {
    const host = open();
    host.engine.onDraw = async ({ file }) => {
      writeFileSync(join(file, '..', '.hdm-0.tmp'), 'half');
      throw new HdmError('device', 'engine', 'it crashed');
    };
    await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await host.idle();
    expect(host.states()).toEqual(['7 failed']);
    expect(readdirSync(join(host.engine.tasks[0]!.file, '..'))).toEqual([]);
  });
});

describe('estimates', () => {
  it('know nothing before a picture was drawn, and what it took afterwards', async () => {
    const host = open();
    expect(await host.call['jobs.estimate']({ drawing: DRAWING, count: 1 })).toEqual({ measurements: 0 });
    await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await host.idle();
    host.engine.state = { state: 'ready', modelId: 'model-1' };
    const estimate = await host.call['jobs.estimate']({ drawing: DRAWING, count: 2 });
    expect(estimate.measurements).toBe(1);
    expect(estimate.memoryBytes).toBe(RESULT.peakBytes);
    expect(estimate.seconds!.low).toBeCloseTo(2 * 0.9 * 0.9, 6); // 0.8 s of denoising and 0.1 s of decoding
    expect(estimate.seconds!.high).toBeCloseTo(2 * 0.9 * 1.1, 6);
  });

  it('have the time for loading while the model is not in memory', async () => {
    const host = open();
    host.engine.result = { ...RESULT, loadMs: 10_000 };
    await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await host.idle();
    host.engine.state = { state: 'ready', modelId: 'model-2' };
    const cold = await host.call['jobs.estimate']({ drawing: DRAWING, count: 1 });
    host.engine.state = { state: 'ready', modelId: 'model-1' };
    const warm = await host.call['jobs.estimate']({ drawing: DRAWING, count: 1 });
    expect(cold.seconds!.low - warm.seconds!.low).toBeCloseTo(10 * 0.9, 6);
  });

  it('are those of the device that the settings gave last', async () => {
    const host = open();
    await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await host.idle();
    host.settings.change({ device: 'webgpu' });
    expect(await host.call['jobs.estimate']({ drawing: DRAWING, count: 1 })).toEqual({ measurements: 0 });
    host.engine.result = { ...RESULT, device: 'webgpu', denoiseMs: 80 };
    await host.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await host.idle();
    const fast = await host.call['jobs.estimate']({ drawing: DRAWING, count: 1 });
    host.settings.change({ device: 'auto' });
    const slow = await host.call['jobs.estimate']({ drawing: DRAWING, count: 1 });
    expect([fast.measurements, slow.measurements]).toEqual([1, 1]);
    expect(slow.seconds!.low).toBeGreaterThan(fast.seconds!.high);
  });

  it('are not made for what cannot be drawn', () => {
    const host = open();
    const drawing = { ...DRAWING, width: 65 };
    expect(() => host.call['jobs.estimate']({ drawing, count: 1 })).toThrow('the width must be');
  });
});

/** Jobs on fakes in a new folder, closed when the test ends. */
function open(options: Partial<JobsOptions> = {}): TestHost {
  const host = new TestHost(testFolder(), options);
  onTestFinished(() => host.close());
  return host;
}

/** Jobs that stay in their first step: `running` when the first is there, `finish` lets all of them end. */
function held(host: TestHost): { running: Promise<void>; finish: () => void } {
  const begun = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  host.engine.onDraw = async (_task, { onProgress }) => {
    onProgress({ phase: 'denoising', step: 1, steps: 4 });
    begun.resolve();
    await end.promise;
  };
  return { running: begun.promise, finish: end.resolve };
}

function upload(id: string) {
  return { kind: 'upload', id } as const;
}

function picture(id: string) {
  return { kind: 'picture', id } as const;
}
