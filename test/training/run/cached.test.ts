/** @file Latents that are encoded once before a stage. */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readLog } from '../../../engine/training/run/log.ts';
import {
  cachedRows,
  LatentCacheWriter,
  readItems,
  readRows,
  type LatentCache,
} from '../../../engine/training/data/latent-cache.ts';
import { testFolder } from '../../helpers/folder.ts';
import { tinyModel, tinyRecipe, train, trainAndKill } from './tiny-run.ts';

const DATA = { kind: 'toy', seed: 0, count: 24 } as const;
const STAGE = { size: 64, steps: 20, batch: 2, context: 16, tread: 0.5, optimizer: { learningRate: 0.05 } };

it('rows come back as they were written, to half precision', () => {
  const cache: LatentCache = { path: join(testFolder(), 'x.bin'), latent: [1, 1, 3], tokens: 2 };
  const row = (n: number) => ({
    latents: Float32Array.of(n + 0.25, -n, 1 / 3),
    positions: Float32Array.of(n, 0.1, 0.2, 0.3),
    addon: Float32Array.of(n / 7),
    items: [100 - n],
  });
  const writer = new LatentCacheWriter(cache);
  for (let n = 0; n < 5; n++) writer.append(row(n));
  expect(cachedRows(cache)).toBe(0); // it is not finished
  writer.finish();
  expect(cachedRows(cache)).toBe(5);
  expect([...readItems(cache)]).toEqual([100, 99, 98, 97, 96]);
  const read = readRows(cache, [3, 1]);
  expect([...read.latents]).toEqual([3.25, -3, Math.f16round(1 / 3), 1.25, -1, Math.f16round(1 / 3)]);
  expect([...read.positions]).toEqual([...row(3).positions, ...row(1).positions]);
  expect([...read.addon]).toEqual([Math.fround(3 / 7), Math.fround(1 / 7)]);
});

it('a run reads them, keeps them when it goes on, and learns the same bit for bit', async () => {
  const folder = testFolder();
  const recipe = tinyRecipe(tinyModel(folder), 'finetune', { stages: [{ ...STAGE, cachedCrops: 2 }] });
  const [whole, broken] = [join(folder, 'whole'), join(folder, 'broken')];
  await trainAndKill(
    { folder: broken, recipe, data: DATA },
    (event) => event.kind === 'step' && event.step === 10,
  );
  const cache = join(broken, 'latents', 'stage-1-64.bin');
  const made = statSync(cache).mtimeMs;
  const { events } = await train({ folder: whole, recipe, data: DATA });
  const again = await train({ folder: broken, isResumed: true });

  const phases = (all: typeof events) => all.flatMap((each) => (each.kind === 'phase' ? [each.phase] : []));
  expect(phases(events)).toContain('encoding');
  expect(phases(again.events)).not.toContain('encoding');
  expect(statSync(cache).mtimeMs).toBe(made);
  const file = join('state', 'step-000020', 'value.safetensors');
  expect(readFileSync(join(broken, file)).equals(readFileSync(join(whole, file)))).toBe(true);

  // A cache that was lost is made again, and the same.
  const bytes = readFileSync(cache);
  rmSync(cache);
  await train({ folder: broken, isResumed: true });
  expect(readFileSync(cache).equals(bytes)).toBe(true);
});

it('the next stage uses latents of the same size again, which are made as before when they were lost', async () => {
  const folder = testFolder();
  const stages = [
    { ...STAGE, steps: 4, cachedCrops: 1 },
    { ...STAGE, steps: 6, batch: 3, tread: 0, cachedCrops: 1 },
  ];
  const recipe = tinyRecipe(tinyModel(folder), 'finetune', { stages });
  const [whole, broken] = [join(folder, 'whole'), join(folder, 'broken')];
  const { events } = await train({ folder: whole, recipe, data: DATA });
  expect(events.filter((each) => each.kind === 'phase' && each.phase === 'encoding')).toHaveLength(1);

  await trainAndKill(
    { folder: broken, recipe, data: DATA },
    (event) => event.kind === 'step' && event.step === 6,
  );
  rmSync(join(broken, 'latents'), { recursive: true });
  await train({ folder: broken, isResumed: true });
  const file = join('state', 'step-000010', 'value.safetensors');
  expect(readFileSync(join(broken, file)).equals(readFileSync(join(whole, file)))).toBe(true);
});

it('can be stopped while pictures are encoded, and goes on', async () => {
  const folder = testFolder();
  const recipe = tinyRecipe(tinyModel(folder), 'finetune', {
    stages: [{ ...STAGE, steps: 2, cachedCrops: 1 }],
  });
  const run = join(folder, 'run');
  const stopped = await train({ folder: run, recipe, data: DATA }, (event, requests) => {
    if (event.kind === 'phase' && event.phase === 'encoding') requests.ask('stop');
  });
  expect(stopped.end).toEqual({ reason: 'stopped', step: 0 });
  expect(readdirSync(join(run, 'latents'))).toEqual([]);
  const { end } = await train({ folder: run, isResumed: true });
  expect(end).toEqual({ reason: 'done', step: 2 });
});

it('learns from them as from pictures', async () => {
  const folder = testFolder();
  const model = tinyModel(folder);
  const last = async (cachedCrops: number): Promise<number> => {
    const stages = [{ ...STAGE, cachedCrops }];
    const recipe = tinyRecipe(model, 'finetune', { stages, validation: { pictures: 2, everySteps: 10 } });
    const run = join(folder, `run-${cachedCrops}`);
    await train({ folder: run, recipe, data: DATA });
    const losses = readLog(join(run, 'log.jsonl')).flatMap((event) =>
      event.kind === 'validation' ? [event.loss] : [],
    );
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
    return losses.at(-1)!;
  };
  const [fresh, cached] = [await last(0), await last(1)];
  expect(Math.abs(cached / fresh - 1)).toBeLessThan(0.1);
});
