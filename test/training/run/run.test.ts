/** @file A run as a whole: what it writes, what it answers, and what it refuses. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openCheckpoint } from '../../../engine/checkpoints/checkpoint.ts';
import { decodeImage } from '../../../engine/image/pixels.ts';
import { readSettings } from '../../../engine/image/restore.ts';
import type { Recipe } from '../../../engine/training/recipe.ts';
import { exportRun } from '../../../engine/training/run/export.ts';
import { readLog } from '../../../engine/training/run/log.ts';
import { reportHtml } from '../../../engine/training/run/report.ts';
import { copyOf, testFolder } from '../../helpers/folder.ts';
import { tinyModel, tinyRecipe, TOY, train, type Ran } from './tiny-run.ts';

const STAGE = { size: 64, steps: 6, batch: 2, context: 16, optimizer: { learningRate: 0.05, warmUp: 2 } };
const CHANGES = {
  stages: [STAGE],
  validation: { pictures: 2, everySteps: 1000, times: [0.2, 0.8] },
  samples: { prompts: [{ prompt: 'a red circle', seed: 3 }], everySteps: 1000, steps: 2, size: 64 },
  saving: { everySteps: 2, keepLast: 1, keepBest: false },
};

const home = mkdtempSync(join(tmpdir(), 'hdm-test-'));
const done = join(home, 'done');
let recipe: Recipe;
let ran: Ran;

beforeAll(async () => {
  recipe = tinyRecipe(tinyModel(home), 'finetune', CHANGES);
  ran = await train({ folder: done, recipe, data: TOY }, ({ kind }, requests) => {
    if (kind === 'rehearsed') requests.ask('pause');
    if (kind === 'rehearsed') setTimeout(() => requests.ask('continue'), 50);
  });
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

describe('a run', () => {
  it('rehearses first, pauses and goes on as asked, and ends', () => {
    expect(ran.end).toEqual({ reason: 'done', step: 6 });
    const kinds = ran.events.map((event) => (event.kind === 'phase' ? event.phase : event.kind));
    expect(kinds.indexOf('rehearsed')).toBeLessThan(kinds.indexOf('paused'));
    expect(kinds.indexOf('paused')).toBeLessThan(kinds.indexOf('step'));
    expect(kinds.at(-1)).toBe('ended');
    expect(readLog(join(done, 'log.jsonl'))).toEqual(ran.events);
  });

  it('pauses in the middle of the rehearsal, which is done anew and changes nothing', async () => {
    let hasPaused = false;
    const options = { folder: join(testFolder(), 'run'), recipe, data: TOY, maxSteps: 2 };
    const { events } = await train(options, (event, requests) => {
      if (event.kind !== 'phase') return;
      if (event.phase === 'rehearsing' && !hasPaused) requests.ask('pause');
      if (event.phase === 'paused') requests.ask('continue');
      hasPaused ||= event.phase === 'paused';
    });
    const kinds = events.map((event) => (event.kind === 'phase' ? event.phase : event.kind));
    expect(kinds.filter((kind) => /rehears|paused/.test(kind))).toEqual([
      'rehearsing',
      'paused',
      'rehearsing',
      'rehearsed',
    ]);
    expect(lossesOf(events)).toEqual(lossesOf(ran.events).slice(0, 2));
  });

  it('keeps the last checkpoint, which opens by itself, and says what it removed', () => {
    expect(readdirSync(join(done, 'checkpoints'))).toEqual(['step-000006']);
    expect(openCheckpoint(join(done, 'checkpoints/step-000006'))).toMatchObject({
      layout: 'diffusers folder',
      tokenizer: join(home, 'model/tokenizer'),
    });
    const removed = ran.events.flatMap((event) => (event.kind === 'removed' ? [event.step] : []));
    expect(removed).toEqual([2, 4]);
    const changes = ran.events.flatMap((event) => (event.kind === 'checkpoint' ? [event.change] : []));
    expect(changes).toHaveLength(3);
    expect(changes.every((change) => change > 0 && Number.isFinite(change))).toBe(true);
  });

  it('draws the prompts with each checkpoint; the settings are in the picture', async () => {
    const file = join(done, 'samples/step-000006-prompt-0.png');
    expect(await decodeImage(file)).toMatchObject({ width: 64, height: 64 });
    expect(JSON.stringify(await readSettings(file))).toContain('a red circle');
  });

  it('tells the validation loss of bands of t', () => {
    const validation = ran.events.find((event) => event.kind === 'validation');
    expect(validation).toMatchObject({
      bands: [
        { from: 0, to: 0.5 },
        { from: 0.5, to: 1 },
      ],
    });
  });

  it('becomes a report that needs nothing from outside', async () => {
    const html = await reportHtml(done);
    expect(html.match(/<polyline/g)!.length).toBeGreaterThan(5);
    expect(html).toContain('data:image/webp;base64,');
    expect(html).not.toMatch(/(src|href)="(?!data:)|url\(|@import/);
  });

  it('is exported for the PyTorch trainer', async () => {
    const folder = join(testFolder(), 'export');
    const { files } = await exportRun(done, folder);
    expect([...files].sort()).toEqual([
      'README.txt',
      'data.jsonl',
      'model.safetensors',
      'train.toml',
      'transformer.json',
    ]);
    expect(readFileSync(join(folder, 'train.toml'), 'utf8')).toContain('torch.optim.AdamW');
    await expect(exportRun(done, folder)).rejects.toThrow(/not empty/);
  });
});

describe('a run is refused', () => {
  it('in the folder of another, and in one that is not empty', async () => {
    await expect(train({ folder: done, recipe, data: TOY })).rejects.toThrow(
      /there is a run in it.*--resume/,
    );
    await expect(train({ folder: home, recipe, data: TOY })).rejects.toThrow(/not empty/);
  });

  it('that would go on where there is none, or with another recipe or dataset', async () => {
    await expect(train({ folder: testFolder(), isResumed: true })).rejects.toThrow(/there is no run in it/);
    const other = { ...recipe, seed: 5 };
    await expect(train({ folder: done, recipe: other, isResumed: true })).rejects.toThrow(/"seed" differ/);
    const copy = copyOf(done);
    const info = JSON.parse(readFileSync(join(copy, 'run.json'), 'utf8')) as object;
    writeFileSync(join(copy, 'run.json'), JSON.stringify({ ...info, pictures: 999 }));
    await expect(train({ folder: copy, isResumed: true })).rejects.toThrow(/999 pictures/);
  });

  it('while another process trains in it', async () => {
    const copy = copyOf(done);
    writeFileSync(join(copy, 'lock'), String(process.ppid));
    await expect(train({ folder: copy, isResumed: true })).rejects.toThrow(/is training in it/);
  });

  it('in a place where there can be no folder', async () => {
    const file = join(testFolder(), 'file');
    writeFileSync(file, '');
    await expect(train({ folder: join(file, 'run'), recipe, data: TOY })).rejects.toMatchObject({
      code: 'disk',
    });
  });
});

describe('damage to a run', () => {
  it('of the newest state: the one before is taken, and it is told', async () => {
    const copy = copyOf(done);
    truncateSync(join(copy, 'state/step-000006/value.safetensors'), 5000);
    const { events, end } = await train({ folder: copy, isResumed: true });
    expect(events.find((event) => event.kind === 'warning')).toMatchObject({
      warning: 'state',
      step: expect.any(Number) as number,
    });
    expect(end.step).toBe(6);
    const value = 'state/step-000006/value.safetensors';
    expect(readFileSync(join(copy, value)).equals(readFileSync(join(done, value)))).toBe(true);
  });

  it.each([
    ['a file of each state is missing', (state: string) => rmSync(join(state, 'mean.safetensors'))],
    ['a bit of each state is turned', (state: string) => turnBit(join(state, 'square.safetensors'))],
    [
      'the description of each state is cut off',
      (state: string) => truncateSync(join(state, 'state.json'), 20),
    ],
  ])('%s: it says so and what to do', async (_what, damage) => {
    const copy = copyOf(done);
    for (const name of readdirSync(join(copy, 'state'))) damage(join(copy, 'state', name));
    await expect(train({ folder: copy, isResumed: true })).rejects.toThrow(
      /no saved state can be used.*checkpoints/,
    );
  });

  it('of its log: half a line is left out, the next one is whole', async () => {
    const copy = copyOf(done);
    const log = join(copy, 'log.jsonl');
    truncateSync(log, readFileSync(log).length - 9);
    await train({ folder: copy, isResumed: true });
    expect(readLog(log).at(-1)).toMatchObject({ kind: 'ended', reason: 'done' });
  });

  it('by what a killed process left: it is thrown away', async () => {
    const copy = copyOf(done);
    mkdirSync(join(copy, 'state/step-000007.unfinished'));
    await train({ folder: copy, isResumed: true });
    expect(existsSync(join(copy, 'state/step-000007.unfinished'))).toBe(false);
  });
});

describe('what goes wrong in training', () => {
  it('numbers that are none end the run after a few; the last state is whole', async () => {
    const folder = join(testFolder(), 'run');
    const wild = tinyRecipe(join(home, 'model'), 'finetune', {
      stages: [{ ...STAGE, steps: 40, optimizer: { learningRate: 1e30, warmUp: 0, clip: 1e30 } }],
    });
    await expect(train({ folder, recipe: wild, data: TOY })).rejects.toThrow(/in a row were skipped/);
    const log = readLog(join(folder, 'log.jsonl'));
    const warnings = log.flatMap((event) => (event.kind === 'warning' ? [event.warning] : []));
    expect(warnings).toContain('overflow');
    expect(log.at(-1)).toMatchObject({ kind: 'ended', reason: 'failed' });
    expect(readdirSync(join(folder, 'state')).length).toBeGreaterThan(0);
  });

  it('a full disk ends it with a clear message; the last state is whole', async ({ skip }) => {
    const disk = testFolder();
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]);
    skip(mounted.status !== 0, 'a small disk cannot be mounted here');
    onTestFinished(() => void spawnSync('umount', [disk]));
    const folder = join(disk, 'run');
    const filled = { ...recipe, saving: { ...recipe.saving, everySteps: 3 } };
    const running = train({ folder, recipe: filled, data: TOY }, ({ kind }) => {
      if (kind === 'rehearsed') spawnSync('dd', ['if=/dev/zero', `of=${join(disk, 'ballast')}`, 'bs=1k']);
    });
    await expect(running).rejects.toThrow(/the disk is full/);
    rmSync(join(disk, 'ballast'));
    const { end } = await train({ folder, isResumed: true, maxSteps: 2 });
    expect(end.step).toBe(2);
  });

  it('a stop saves; what was trained goes on from there', async () => {
    const folder = join(testFolder(), 'run');
    const first = await train({ folder, recipe, data: TOY }, (event, requests) => {
      if (event.kind === 'step' && event.step === 3) requests.ask('stop');
    });
    expect(first.end).toEqual({ reason: 'stopped', step: 3 });
    expect(existsSync(join(folder, 'checkpoints/step-000003'))).toBe(true);
    await train({ folder, isResumed: true });
    const value = 'state/step-000006/value.safetensors';
    expect(readFileSync(join(folder, value)).equals(readFileSync(join(done, value)))).toBe(true);
  });
});

function lossesOf(events: Ran['events']): number[] {
  return events.flatMap((event) => (event.kind === 'step' ? [event.loss] : []));
}

/** In the middle of the numbers. */
function turnBit(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length - 100]! ^= 1;
  writeFileSync(path, bytes);
}
