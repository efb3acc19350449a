import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { positionMap, toTokenGrid } from '../../../engine/models/positions.ts';
import { datasetSource, openDataset, type Dataset } from '../../../engine/training/data/dataset.ts';
import {
  openLoader,
  type Batch,
  type Loader,
  type LoaderOptions,
} from '../../../engine/training/data/loader.ts';
import { testFolder } from '../../helpers/folder.ts';
import { png, writeFiles } from './made-up.ts';

const TOYS = await openDataset({ kind: 'toy', seed: 5, count: 100 });
const range = (length: number) => Array.from({ length }, (_, i) => i);

async function open(dataset: Dataset, options: Partial<LoaderOptions> = {}): Promise<Loader> {
  const loader = await openLoader(dataset, { seed: 1, batch: 4, size: 64, workers: 0, ...options });
  onTestFinished(() => loader.close());
  return loader;
}

/** Pictures of different blues, so that a pixel tells which one it is. */
async function folderOf(
  count: number,
  size: (i: number) => [number, number] = () => [80, 64],
): Promise<string> {
  const folder = testFolder();
  const files = range(count).map(async (i) => [`${i}.png`, await png(...size(i), i)] as const);
  writeFiles(folder, Object.fromEntries(await Promise.all(files)));
  range(count).forEach((i) => writeFileSync(join(folder, `${i}.txt`), `caption ${i}`));
  return folder;
}

/** Of each picture in a batch, from its blue. */
function numbers({ pixels, width, height, names }: Batch): number[] {
  const plane = width * height;
  return names.map((_, i) => Math.round((pixels[(3 * i + 2) * plane]! + 1) * 127.5));
}

describe('a batch', () => {
  it('has the shapes it says', async () => {
    const batch = await (await open(TOYS)).batch(0);
    expect(batch).toMatchObject({ step: 0, width: 64, height: 64, skipped: [] });
    expect([batch.pixels.length, batch.positions.length, batch.addon.length]).toEqual([
      4 * 3 * 64 ** 2,
      4 * 16 * 2,
      4,
    ]);
    expect([batch.captions.length, batch.names.length]).toEqual([4, 4]);
    expect(Math.min(...batch.pixels)).toBeGreaterThanOrEqual(-1);
    expect(Math.max(...batch.pixels)).toBeLessThanOrEqual(1);
  });

  it('is planes of red, green and blue, with positions and ratio of the whole', async () => {
    const loader = await open(await openDataset(datasetSource(await folderOf(1, () => [64, 64]))), {
      batch: 1,
    });
    const { pixels, positions, addon, captions } = await loader.batch(0);
    const at = (channel: number, row: number, column: number) => pixels[(channel * 64 + row) * 64 + column];
    expect([at(0, 0, 0), at(0, 0, 63), at(0, 63, 0)]).toEqual([-1, 1, -1]);
    expect([at(1, 0, 0), at(1, 0, 63), at(1, 63, 0)]).toEqual([-1, -1, 1]);
    expect(positions).toEqual(toTokenGrid(positionMap('bounding_box', 8, 8), 8, 8));
    expect([[...addon], captions]).toEqual([[0], ['caption 0']]);
  });

  const captions = {
    shuffleGroups: true,
    shuffleTags: true,
    dropGroups: 0.1,
    dropTags: 0.1,
    dropCaption: 0.1,
  };

  it.each(['shifted-square', 'buckets'] as const)('is a function of the step alone (%s)', async (crop) => {
    const options = { crop, captions, size: 128 };
    const straight = await open(TOYS, { ...options, ahead: 0 });
    // Who made which part of it is no part of what it is.
    const whole = ({ parts: _parts, ...rest }: Batch): Omit<Batch, 'parts'> => rest;
    const expected: Omit<Batch, 'parts'>[] = [];
    for (const step of range(6)) expected.push(whole(await straight.batch(step)));
    expect(new Set(expected.map(({ names }) => names.join())).size).toBe(6);
    const others = [
      await open(TOYS, { ...options, workers: 2, ahead: 3 }),
      await open(TOYS, { ...options, workers: 1 }),
    ];
    for (const loader of others) {
      for (const step of [4, 0, 5, 1, 1, 2, 3, 0])
        expect(whole(await loader.batch(step))).toEqual(expected[step]);
      const together = await Promise.all([3, 2, 5].map((step) => loader.batch(step)));
      expect(together.map(whole)).toEqual([3, 2, 5].map((i) => expected[i]));
    }
  });

  it('is another one for another seed', async () => {
    const [one, two] = [await (await open(TOYS)).batch(0), await (await open(TOYS, { seed: 2 })).batch(0)];
    expect(one.names).not.toEqual(two.names);
  });

  it('is shared out among ranks', async () => {
    const whole = await (await open(TOYS, { batch: 6, captions })).batch(3);
    const ranks = range(2).map((rank) => open(TOYS, { batch: 3, rank, worldSize: 2, captions }));
    const parts = await Promise.all(ranks.map(async (loader) => (await loader).batch(3)));
    expect(range(6).map((n) => parts[n % 2]!.captions[Math.floor(n / 2)])).toEqual(whole.captions);
    expect(parts[1]!.pixels.subarray(0, 3 * 64 ** 2)).toEqual(
      whole.pixels.subarray(3 * 64 ** 2, 6 * 64 ** 2),
    );
  });
});

describe('an epoch', () => {
  it('shows every picture, those of repeated folders more often', async () => {
    const folder = testFolder();
    writeFiles(folder, { 'a.png': await png(64, 64, 10), '3_b/b.png': await png(64, 64, 20) });
    const loader = await open(await openDataset(datasetSource(folder)));
    expect(loader.samplesPerEpoch).toBe(4);
    for (const step of range(5)) {
      expect(numbers(await loader.batch(step)).toSorted((a, b) => a - b)).toEqual([10, 20, 20, 20]);
    }
  });

  it('in buckets shows every picture in its own shape', async () => {
    const shapes = [
      [256, 256],
      [320, 192],
      [192, 320],
    ] as const;
    const dataset = await openDataset(datasetSource(await folderOf(9, (i) => [...shapes[i % 3]!])));
    const loader = await open(dataset, { crop: 'buckets', size: 256, batch: 2 });
    expect(loader.samplesPerEpoch).toBe(3 * 2 * 2);
    const seen = new Set<string>();
    for (const step of range(6)) {
      const { names, width, height, addon } = await loader.batch(step);
      names.forEach((name) => seen.add(name));
      expect(names.map((name) => shapes[parseInt(name) % 3])).toEqual(names.map(() => [width, height]));
      expect(addon[0]).toBeCloseTo(Math.log(width / height), 6);
    }
    expect(seen.size).toBe(9);
  });
});

describe('a bad picture', () => {
  it('is replaced by the next one, the same each time, and named', async () => {
    const folder = await folderOf(6);
    writeFileSync(join(folder, '2.png'), '');
    writeFiles(folder, { '3.png': await png(40, 20, 3) });
    const dataset = await openDataset(datasetSource(folder));
    for (const workers of [0, 1]) {
      const batch = await (await open(dataset, { batch: 6, workers })).batch(0);
      expect(numbers(batch).toSorted((a, b) => a - b)).toEqual([0, 1, 4, 4, 4, 5]);
      expect(batch.captions).toEqual(numbers(batch).map((i) => `caption ${i}`));
      expect(batch.skipped.map(({ name }) => name).toSorted()).toEqual(['2.png', '3.png', '3.png']);
      const reasons = batch.skipped.map(({ reason }) => reason).join('\n');
      expect(reasons).toMatch(/2\.png: the file is empty\. Choose another file\./);
      expect(reasons).toMatch(
        /3\.png: expected at least 64 pixels on the short side to train at 64, got 40x20/,
      );
    }
  });

  it('in the middle of training ends nothing', async () => {
    const folder = await folderOf(4);
    const loader = await open(await openDataset(datasetSource(folder)), { ahead: 0 });
    const first = await loader.batch(0);
    rmSync(join(folder, '1.png'));
    const second = await loader.batch(1);
    expect([first.skipped.length, second.skipped.length]).toEqual([0, 1]);
    expect(second.skipped[0]).toMatchObject({
      name: '1.png',
      reason: expect.stringMatching(/no such file/) as string,
    });
  });

  it('of a whole folder of them is an error that says so', async () => {
    const folder = await folderOf(3);
    range(3).forEach((i) => writeFileSync(join(folder, `${i}.png`), 'broken'));
    const dataset = await openDataset(datasetSource(folder));
    const loader = await open(dataset);
    await expect(loader.batch(0)).rejects.toThrow(
      /^dataset: 3 pictures in a row cannot be used, the last: .*not a picture we can read.*dataset report/,
    );
    await expect(open(dataset, { crop: 'buckets' })).rejects.toThrow(/none of 3 pictures fits into buckets/);
  });
});

describe('a loader', () => {
  it('makes no more than it was told ahead', async () => {
    const asked = new Set<number>();
    const counting: Dataset = { ...TOYS, item: (index) => (asked.add(index), TOYS.item(index)) };
    const loader = await open(counting, { ahead: 2 });
    await loader.batch(0);
    expect(asked.size).toBe(3 * 4);
    await loader.batch(1);
    expect(asked.size).toBe(4 * 4);
  });

  it('counts the time it keeps waiting', async () => {
    const loader = await open(TOYS);
    expect(loader.waitedMs).toBe(0);
    await loader.batch(0);
    expect(loader.waitedMs).toBeGreaterThan(0);
  });

  it('answers nothing after it was closed, and lets nobody wait', async () => {
    const loader = await open(TOYS, { workers: 1, batch: 32 });
    const waiting = expect(loader.batch(0)).rejects.toMatchObject({ code: 'cancelled' });
    await loader.close();
    await waiting;
    await expect(loader.batch(1)).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('stops measuring for buckets when it is told', async () => {
    const options = { seed: 1, batch: 1, size: 64, crop: 'buckets' } as const;
    await expect(openLoader(TOYS, options, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'cancelled',
    });
  });

  it.each<[Partial<LoaderOptions>, RegExp]>([
    [{ batch: 0 }, /batch must be a whole number from 1 up, got 0/],
    [{ seed: -1 }, /seed must be/],
    [{ rank: 1 }, /rank must be below worldSize 1, got 1/],
    [{ size: 100 }, /multiple of 16/],
    [{ crop: 'buckets', buckets: { step: 24 } }, /multiple of 16/],
    [{ workers: 1.5 }, /workers must be/],
  ])('refuses %j', async (options, says) => {
    await expect(open(TOYS, options)).rejects.toThrow(says);
  });

  it.each([-1, 0.5, NaN])('has no step %d', async (step) => {
    await expect((await open(TOYS)).batch(step)).rejects.toThrow(/the step must be a whole number/);
  });
});
