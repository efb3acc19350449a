/** @file The engine's process as the host sees it: real processes, which draw with a tiny model. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { EngineState } from '../../electron/contract.ts';
import { THUMBNAIL_SIDE, type DraftTask, type DrawTask } from '../../electron/engine/protocol.ts';
import { EngineProcess } from '../../electron/host/engine.ts';
import { explainEnd } from '../../electron/host/engine-end.ts';
import { engineEnvironment } from '../../electron/host/engine-environment.ts';
import { Events } from '../../electron/host/events.ts';
import type { DrawHooks } from '../../electron/host/parts.ts';
import { openCheckpoint } from '../../engine/checkpoints/checkpoint.ts';
import { f32 } from '../../engine/graph/dtype.ts';
import { decodeImage } from '../../engine/image/pixels.ts';
import { readSettings } from '../../engine/image/restore.ts';
import { positionMap } from '../../engine/models/positions.ts';
import { openPipeline } from '../../engine/pipeline/pipeline.ts';
import { DEFAULTS } from '../../engine/pipeline/request.ts';
import { onnxRuntime } from '../../engine/runtime/onnx/runtime.ts';
import { writeSafetensors } from '../../engine/weights/write-safetensors.ts';
import { gradient } from '../image/samples.ts';
import { testFolder } from '../helpers/folder.ts';
import { writeTinyModel, type TinyModel } from '../helpers/tiny-model.ts';
import { waitFor } from '../helpers/wait.ts';

let model: TinyModel;
beforeAll(() => {
  model = writeTinyModel(mkdtempSync(join(tmpdir(), 'hdm-engine-')));
});
afterAll(() => rmSync(model.folder, { recursive: true }));
afterEach(() => vi.useRealTimers());

type Progress = Parameters<DrawHooks['onProgress']>;

describe('the process of the engine', () => {
  it('is not there before it is needed', async () => {
    const { engine, states } = startEngine();
    expect(engine.state).toEqual({ state: 'idle' });
    await engine.unload();
    await engine.close();
    expect(states).toEqual([]);
  });

  it('draws: the file with its settings, a thumbnail, and what it took', async () => {
    const { engine, states } = startEngine({
      modelIdOf: (path) => (path === model.folder ? 'tiny' : undefined),
    });
    const heard: Progress[] = [];
    const task = taskFor({ width: 64, height: 128, steps: 3, seed: 5, guidanceScale: 3 });
    const label = { ...task.label, promptTemplate: 'a {red|blue} circle' };
    const result = await engine.draw(
      { ...task, label },
      hooks((...news) => heard.push(news)),
    );

    expect(result).toMatchObject({ device: 'cpu', precision: 'f32', passes: 6 });
    for (const value of [result.denoiseMs, result.decodeMs, result.loadMs]) expect(value).toBeGreaterThan(0);
    expect(result.peakBytes).toBeGreaterThan(50e6);
    expect(heard.map(([{ phase, step, steps }]) => `${phase} ${step}/${steps}`)).toEqual([
      ...['loading 0/3', 'reading 0/3', 'denoising 0/3', 'denoising 1/3', 'denoising 2/3', 'denoising 3/3'],
      ...['decoding 3/3', 'saving 3/3'],
    ]);
    expect(readdirSync(join(task.file, '..')).sort()).toEqual(['a.png', 'a.webp']);
    const { settings, source } = await readSettings(task.file);
    expect(source).toBe('hdm-studio');
    expect(settings).toMatchObject({
      ...{
        prompt: task.request.prompt,
        promptTemplate: 'a {red|blue} circle',
        width: 64,
        height: 128,
        seed: 5,
      },
      ...{ model: { name: 'tiny' }, device: 'cpu', precision: 'f32', zoom: 1 },
    });
    expect(await sharp(task.thumbnail).metadata()).toMatchObject({ format: 'webp', width: 64, height: 128 });
    expect(states.map(({ state }) => state).slice(0, 2)).toEqual(['starting', 'ready']);
    expect(engine.state).toMatchObject({
      state: 'ready',
      device: 'cpu',
      reason: 'as asked',
      modelId: 'tiny',
    });
    expect(engine.state.memoryBytes).toBeGreaterThan(50e6);
    await engine.unload();
    expect(engine.state.modelId).toBeUndefined();
  });

  it('scores a model picture by picture, and others draw between two of them', async () => {
    const { engine } = startEngine();
    const told: string[] = [];
    const reached = Promise.withResolvers<void>();
    const task = {
      id: 'score',
      model: taskFor().model,
      options: { prompts: 3, steps: 1, size: 64, categories: ['one', 'camera'] as const },
    };
    const scoring = engine.score(
      task,
      hooks(({ step, steps }) => {
        told.push(`${step}/${steps}`);
        if (step === 1) reached.resolve();
      }),
    );
    await reached.promise;
    expect(await engine.giveWay('score')).toBe(true);
    const before = told.length;
    await engine.draw(taskFor(), hooks());
    expect(told.length).toBe(before); // it stood meanwhile
    engine.goOn('score');
    const { device, evaluation } = await scoring;
    expect(device).toBe('cpu');
    expect(evaluation.categories.one).toMatchObject({ pictures: 3, all: { of: 3 } });
    expect(Object.keys(evaluation.camera!)).toEqual(['x', 'y', 'zoom']);
    expect(told).toEqual(Array.from({ length: 8 }, (_, i) => `${i}/7`));
    expect(await engine.giveWay('score')).toBe(false);
  });

  it('ends a score within a picture, also while that stands aside', async () => {
    const { engine } = startEngine();
    const stop = new AbortController();
    const reached = Promise.withResolvers<void>();
    const task = { id: 'score', model: taskFor().model, options: { steps: 1, size: 64 } };
    const scoring = engine.score(
      task,
      hooks(({ step }) => step === 1 && reached.resolve(), stop.signal),
    );
    await reached.promise;
    await engine.giveWay('score');
    stop.abort();
    await expect(scoring).rejects.toThrow('cancelled');
  });

  it('draws the same pixels for the same seed, and those of the engine without a process', async () => {
    const { engine } = startEngine();
    const [first, second] = [taskFor({ seed: 7 }), taskFor({ seed: 7 })];
    expect((await engine.draw(first, hooks())).loadMs).toBeGreaterThan(0);
    expect((await engine.draw(second, hooks())).loadMs).toBe(0);
    const pixels = await decodeImage(first.file);
    expect(await decodeImage(second.file)).toEqual(pixels);
    const pipeline = await openPipeline(onnxRuntime('cpu'), openCheckpoint(model.folder));
    onTestFinished(() => pipeline.dispose());
    expect((await pipeline.generate(first.request)).pixels).toEqual(pixels);
  });

  it('makes the thumbnail of a large picture small', async () => {
    const { engine } = startEngine();
    const task = taskFor({ width: 512, height: 256, steps: 1 });
    await engine.draw(task, hooks());
    expect(await sharp(task.thumbnail).metadata()).toMatchObject({ width: THUMBNAIL_SIDE, height: 192 });
  });

  it('sends previews as PNG when asked, and none otherwise', async () => {
    const { engine } = startEngine();
    const previews = async (withPreviews: boolean): Promise<Uint8Array[]> => {
      const seen: Uint8Array[] = [];
      await engine.draw(
        { ...taskFor({ steps: 3, width: 128, height: 64 }), withPreviews },
        hooks((_, preview) => preview && seen.push(preview)),
      );
      return seen;
    };
    const [first] = await previews(true);
    expect(await sharp(first).metadata()).toMatchObject({ format: 'png', width: 16, height: 8 });
    expect(await previews(false)).toEqual([]);
  });

  it('draws from a picture with a mask', async () => {
    const { engine } = startEngine();
    const folder = testFolder();
    const { width, height, data } = gradient(100, 100);
    const [path, maskPath] = [join(folder, 'from.png'), join(folder, 'mask.png')];
    await sharp(data, { raw: { width, height, channels: 3 } }).toFile(path);
    await sharp({ create: { width, height, channels: 3, background: '#000' } }).toFile(maskPath);
    const task = { ...taskFor({ steps: 2 }), from: { path, maskPath, strength: 0.5 } };
    await engine.draw(task, hooks());
    expect((await readSettings(task.file)).settings.image2image).toEqual({ strength: 0.5, mask: true });
    const kept = await sharp(path).resize(64, 64, { kernel: 'lanczos3' }).raw().toBuffer();
    expect(Buffer.from((await decodeImage(task.file)).data)).toEqual(kept); // nothing of the mask is white
  });

  it('makes drafts, which are not saved', async () => {
    const { engine } = startEngine();
    const draft = await engine.draft(
      draftOf(taskFor({ width: 128, height: 64, steps: 1 })),
      new AbortController().signal,
    );
    expect(draft).toMatchObject({ width: 128, height: 64 });
    expect(await sharp(draft.bytes).metadata()).toMatchObject({ format: 'webp', width: 128, height: 64 });
  });

  it('opens a model anew only when another is asked for, or its files changed', async () => {
    const { engine } = startEngine();
    const own = writeTinyModel(testFolder());
    const load = async (task: DrawTask): Promise<boolean> => (await engine.draw(task, hooks())).loadMs > 0;
    const task = () => taskFor({ steps: 1 }, { path: own.folder });
    expect([await load(task()), await load(task())]).toEqual([true, false]);
    expect(await load(taskFor({ steps: 1 }, { path: own.folder, vae: model.vae }))).toBe(true);
    expect(await load(task())).toBe(true);
    writeFileSync(own.vae, readFileSync(own.vae)); // another time
    expect([await load(task()), await load(task())]).toEqual([true, false]);
  });

  it('answers what is wrong with the code of the engine, saves nothing, and goes on', async () => {
    const { engine, log } = startEngine();
    const empty = testFolder();
    mkdirSync(join(empty, 'model'));
    const wrong: [code: string, task: DrawTask][] = [
      ['bad-model', taskFor({}, { path: join(empty, 'model') })],
      ['bad-model', taskFor({}, { vae: model.textEncoder })],
      ['disk', taskFor({}, { path: join(empty, 'nowhere') })],
      ['bad-usage', taskFor({ width: 65 })],
      ['bad-usage', { ...taskFor(), file: join(empty, 'a.gif') }],
      ['disk', { ...taskFor(), from: { path: join(empty, 'nowhere.png'), strength: 0.5 } }],
      ['disk', { ...taskFor(), thumbnail: join(empty, 'nowhere', 'a.webp') }],
      ['disk', { ...taskFor(), file: join(empty, 'nowhere', 'a.png') }],
    ];
    for (const [code, task] of wrong) {
      await expect(engine.draw(task, hooks()), task.file).rejects.toMatchObject({ code });
      expect(existsSync(task.file)).toBe(false);
    }
    await engine.draw(taskFor(), hooks());
    expect(log.filter((line) => line.includes('process'))).toEqual([
      expect.stringMatching(/process \d+ starting/),
    ]);
  });

  it('gives the words of the engine as they are', async () => {
    const { engine } = startEngine();
    const expected = (() => {
      try {
        return openCheckpoint(join(model.folder, 'vae'));
      } catch (error) {
        return error;
      }
    })();
    await expect(engine.draw(taskFor({}, { path: join(model.folder, 'vae') }), hooks())).rejects.toEqual(
      expected,
    );
  });
});

describe('a cancelled task', () => {
  it('ends within a step and leaves no file; the model stays', async () => {
    const { engine } = startEngine();
    const stop = new AbortController();
    const steps: number[] = [];
    const task = taskFor({ steps: 1000 });
    const drawn = engine.draw(task, {
      signal: stop.signal,
      onProgress: ({ step }) => {
        steps.push(step);
        if (step === 3) stop.abort();
      },
    });
    await expect(drawn).rejects.toMatchObject({ code: 'cancelled' });
    expect(steps.length).toBeLessThan(100);
    expect(readdirSync(join(task.file, '..'))).toEqual([]);
    expect((await engine.draw(taskFor(), hooks())).loadMs).toBe(0);
  });

  it('does not even start a process when it was cancelled before', async () => {
    const { engine } = startEngine();
    await expect(engine.draw(taskFor(), hooks(undefined, AbortSignal.abort()))).rejects.toMatchObject({
      code: 'cancelled',
    });
    expect(engine.state).toEqual({ state: 'idle' });
  });

  it('ends a draft as well', async () => {
    const { engine } = startEngine();
    const stop = new AbortController();
    await engine.draft(draftOf(taskFor()), stop.signal);
    const draft = engine.draft(draftOf(taskFor({ steps: 1000 })), stop.signal);
    stop.abort();
    await expect(draft).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('that does not stop is ended with its process, and the next process is there', async () => {
    const { engine, states, log } = startEngine({ entry: entryOf('deaf') });
    const stop = new AbortController();
    const isDrawing = Promise.withResolvers<void>();
    const drawn = engine.draw(taskFor(), { signal: stop.signal, onProgress: () => isDrawing.resolve() });
    await isDrawing.promise;
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    stop.abort();
    vi.advanceTimersByTime(20_000);
    await expect(drawn).rejects.toMatchObject({
      code: 'cancelled',
      message: expect.stringContaining('20 s') as string,
    });
    vi.useRealTimers();
    await waitFor(() => expect(engine.state).toEqual({ state: 'ready' }));
    expect(states.map(({ state }) => state)).toEqual(['starting', 'ready', 'restarting', 'ready']);
    expect(pidsIn(log)).toHaveLength(2);
  });
});

describe('a process that ends', () => {
  it('fails the picture with a reason, saves nothing of it, and draws the next one', async () => {
    const { engine, states, log } = startEngine();
    const task = taskFor({ steps: 1000 });
    const drawn = engine.draw(
      task,
      hooks(({ step }) => void (step === 2 && kill(log))),
    );
    const message = expect.stringMatching(/SIGKILL|signal|memory/) as string;
    await expect(drawn).rejects.toMatchObject({ code: 'device', message });
    expect(readdirSync(join(task.file, '..'))).toEqual([]);
    const next = taskFor();
    await engine.draw(next, hooks());
    expect(existsSync(next.file)).toBe(true);
    const restarting = states.find(({ state }) => state === 'restarting');
    expect(restarting).toEqual({ state: 'restarting', error: { code: 'device', message } });
    expect(engine.state.error).toBeUndefined();
    expect(pidsIn(log)).toHaveLength(2);
  });

  it('is started again at once, also when nothing was asked of it', async () => {
    const { engine, log } = startEngine();
    await engine.draw(taskFor(), hooks());
    kill(log);
    await waitFor(() => expect(pidsIn(log)).toHaveLength(2));
    await waitFor(() => expect(engine.state).toEqual({ state: 'ready' }));
  });

  it('is replaced when its device failed', async () => {
    const { engine, log } = startEngine();
    const missing = process.platform === 'darwin' ? 'dml' : 'coreml';
    await expect(engine.draw(taskFor({}, { device: missing }), hooks())).rejects.toMatchObject({
      code: 'device',
    });
    await engine.draw(taskFor(), hooks());
    expect(pidsIn(log)).toHaveLength(2);
  });

  it('again and again is not started for a while, and says why', async () => {
    const { engine, states, log } = startEngine({ entry: entryOf('broken') });
    await expect(engine.draw(taskFor(), hooks())).rejects.toMatchObject({
      code: 'device',
      message: expect.stringContaining('Error: a library is missing') as string,
    });
    await waitFor(() => expect(engine.state.error?.message).toContain('3 times in a row'));
    const refusal = { code: 'device', message: engine.state.error!.message };
    await expect(engine.draw(taskFor(), hooks())).rejects.toMatchObject(refusal);
    await expect(engine.devices()).rejects.toMatchObject(refusal);
    expect(pidsIn(log)).toHaveLength(3);
    expect(states.map(({ state }) => state)).toEqual(['starting', ...Array<string>(3).fill('restarting')]);
    expect(log.join('\n')).toContain('broken.ts'); // the trace
  });

  it.skipIf(process.platform === 'win32')(
    'does not end because a terminal or the system ends a group',
    async () => {
      const { engine, log } = startEngine();
      const drawn = engine.draw(
        taskFor({ steps: 40 }),
        hooks(({ step }) => {
          if (step === 1) for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) kill(log, signal);
        }),
      );
      await expect(drawn).resolves.toMatchObject({ passes: 80 });
      expect(pidsIn(log)).toHaveLength(1);
    },
  );
});

describe('closing', () => {
  it('stops the work, ends the process, and refuses what comes later', async () => {
    const { engine, states, log } = startEngine();
    const isDrawing = Promise.withResolvers<void>();
    const task = taskFor({ steps: 1000 });
    const drawn = engine.draw(
      task,
      hooks(({ step }) => void (step === 1 && isDrawing.resolve())),
    );
    const outcome = expect(drawn).rejects.toMatchObject({ code: 'cancelled' });
    await isDrawing.promise;
    await engine.close();
    await outcome;
    expect(isGone(pidsIn(log)[0]!)).toBe(true);
    expect(readdirSync(join(task.file, '..'))).toEqual([]);
    expect(states.at(-1)).toEqual({ state: 'idle' });
    await expect(engine.devices()).rejects.toMatchObject({ code: 'cancelled' });
    await engine.close();
  });

  it('ends a process that does not listen', async () => {
    const { engine, log } = startEngine({ entry: entryOf('deaf') });
    const isDrawing = Promise.withResolvers<void>();
    const outcome = expect(
      engine.draw(
        taskFor(),
        hooks(() => isDrawing.resolve()),
      ),
    ).rejects.toMatchObject({
      code: 'cancelled',
    });
    await isDrawing.promise;
    await engine.close();
    await outcome;
    expect(isGone(pidsIn(log)[0]!)).toBe(true);
  });
});

describe('the end of the host', () => {
  it.each([
    ['while a picture is drawn', undefined],
    ['while the main thread is busy', entryOf('busy')],
  ])('ends the process %s', async (_when, entry) => {
    const task = taskFor({ steps: 1000 });
    const host = spawn(process.execPath, [HOST, entry ?? '', JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void host.kill('SIGKILL'));
    const log: string[] = [];
    for await (const line of createInterface({ input: host.stdout })) {
      log.push(line);
      if (line === 'drawing') break;
    }
    const [pid] = pidsIn(log);
    onTestFinished(() => void (isGone(pid!) || process.kill(pid!, 'SIGKILL')));
    expect(isGone(pid!)).toBe(false);
    host.kill('SIGKILL');
    await once(host, 'exit');
    await waitFor(() => expect(isGone(pid!)).toBe(true));
    expect(readdirSync(join(task.file, '..'))).toEqual([]);
  });
});

describe('the check of a device', () => {
  it('tells of each golden file whether it passed, also of one that cannot be read', async () => {
    const { engine } = startEngine();
    const folder = testFolder();
    const map = positionMap('bounding_box', 4, 6);
    const name = 'bounding_box.4x6';
    const write = (file: string, kind: string, data: Float32Array): void =>
      writeSafetensors(join(folder, file), new Map([[name, f32([24, 2], data)]]), { kind });
    write('right.safetensors', 'positions', map);
    write(
      'wrong.safetensors',
      'positions',
      map.map((value) => value + 0.5),
    );
    write('unknown.safetensors', 'song', map);
    writeFileSync(join(folder, 'damaged.safetensors'), 'no tensors');
    writeFileSync(join(folder, 'README.md'), '');
    expect(await engine.check('cpu', folder)).toEqual([
      { name: 'damaged.safetensors', isPassed: false, message: expect.stringContaining('damaged') as string },
      { name: 'right.safetensors', isPassed: true, error: 0, tolerance: 1e-5, message: name },
      { name: 'unknown.safetensors', isPassed: false, message: expect.stringContaining('"song"') as string },
      {
        name: 'wrong.safetensors',
        isPassed: false,
        error: expect.closeTo(0.5, 5) as number,
        tolerance: 1e-5,
        message: name,
      },
    ]);
    expect(engine.state).toMatchObject({ device: 'cpu' });
    await expect(engine.check('cpu', testFolder())).rejects.toMatchObject({ code: 'bad-usage' });
    await expect(engine.check('cpu', join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'disk' });
  });

  it('lists the devices, the CPU first', async () => {
    vi.stubEnv('VK_DRIVER_FILES', undefined); // a GPU in software would be tried, for seconds
    const { engine } = startEngine();
    expect((await engine.devices())[0]).toMatchObject({ device: 'cpu', isAvailable: true });
    vi.unstubAllEnvs();
  });
});

describe('the words for an end', () => {
  const usual = { code: null, signal: null, lines: [], platform: 'linux' } as const;
  it.each([
    ['the memory ran out', { ...usual, signal: 'SIGKILL' }],
    [
      'memory ran out',
      { ...usual, signal: 'SIGABRT', lines: ['FATAL ERROR: JavaScript heap out of memory', 'at'] },
    ],
    ['memory ran out', { ...usual, code: 0xc0000017, platform: 'win32' }],
    ['it crashed (SIGKILL)', { ...usual, signal: 'SIGKILL', platform: 'darwin' }],
    ['it crashed (SIGSEGV)', { ...usual, signal: 'SIGSEGV' }],
    ['code 0xc0000005.', { ...usual, code: 0xc0000005, platform: 'win32' }],
    ['code 1 after "TypeError: x"', { ...usual, code: 1, lines: ['TypeError: x', '  at y', 'Node.js v24'] }],
    ['code 3 after "oh"', { ...usual, code: 3, lines: ['well', 'oh'] }],
  ] as const)('say: %s', (words, end) => {
    expect(explainEnd(end)).toMatchObject({
      code: 'device',
      message: expect.stringContaining(words) as string,
    });
  });
});

it('gives the process what it needs of the environment and nothing else', () => {
  const needed = { PATH: '/bin', HOME: '/home', TMPDIR: '/tmp', VK_DRIVER_FILES: 'a', XDG_RUNTIME_DIR: 'b' };
  const onWindows = { Path: 'C:\\', SystemRoot: 'C:\\Windows', 'ProgramFiles(x86)': 'C:\\P' };
  const secret = { GITHUB_TOKEN: 'x', NODE_OPTIONS: '--inspect', PATHOLOGY: 'x', MY_HDM_KEY: 'x' };
  expect(engineEnvironment({ ...needed, ...onWindows, ...secret, HDM_DEBUG: '1' })).toEqual({
    ...needed,
    ...onWindows,
    HDM_DEBUG: '1',
  });
});

const HOST = entryOf('host');

function entryOf(name: string): string {
  return fileURLToPath(new URL(`processes/${name}.ts`, import.meta.url));
}

function startEngine(options: Partial<ConstructorParameters<typeof EngineProcess>[0]> = {}) {
  const [events, log, states] = [new Events(), [] as string[], [] as EngineState[]];
  events.listen((name, value) => void (name === 'engine' && states.push(value as EngineState)));
  const engine = new EngineProcess({ events, log: (line) => log.push(line), ...options });
  onTestFinished(() => engine.close());
  return { engine, log, states };
}

/** A picture of 64 x 64 pixels in two steps, into a folder of its own. */
function taskFor(
  request: Partial<DrawTask['request']> = {},
  loadable: Partial<DrawTask['model']> = {},
): DrawTask {
  const folder = testFolder();
  const small = { prompt: 'a red circle', width: 64, height: 64, steps: 2, seed: 1 };
  return {
    id: `task-${++tasks}`,
    model: { path: model.folder, adapters: [], device: 'cpu', precision: 'auto', ...loadable },
    request: { ...DEFAULTS, ...small, ...request },
    withPreviews: false,
    file: join(folder, 'a.png'),
    thumbnail: join(folder, 'a.webp'),
    label: { model: { name: 'tiny' }, adapters: [] },
  };
}

let tasks = 0;

function hooks(
  onProgress: DrawHooks['onProgress'] = () => {},
  signal: AbortSignal = new AbortController().signal,
): DrawHooks {
  return { onProgress, signal };
}

function pidsIn(log: readonly string[]): number[] {
  return log.flatMap((line) => /process (\d+) (?:re)?starting/.exec(line)?.[1] ?? []).map(Number);
}

function kill(log: readonly string[], signal: NodeJS.Signals = 'SIGKILL'): void {
  process.kill(pidsIn(log).at(-1)!, signal);
}

/** A process that has ended may wait for its parent to notice; it is gone all the same. */
function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return true;
  }
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && /\) [ZX] /.test(readFileSync(stat, 'utf8'));
}

function draftOf({ id, model, request }: DrawTask): DraftTask {
  return { id, model, request, of: request };
}
