import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { datasetSource, openDataset } from '../../../engine/training/data/dataset.ts';
import { nearDuplicates, pictureHash, type PictureHash } from '../../../engine/training/data/duplicates.ts';
import { datasetReport } from '../../../engine/training/data/report.ts';
import { testFolder } from '../../helpers/folder.ts';
import { png, slope, writeFiles } from './made-up.ts';

const range = (length: number) => Array.from({ length }, (_, i) => i);

describe('a report', () => {
  it('says what is in a folder', async () => {
    const folder = testFolder();
    writeFiles(folder, {
      'a.png': await png(300, 200, 50),
      'a.txt': 'cat, red ||| sky',
      'b.png': await png(200, 300, 250),
      'b.txt': 'cat, red, sky',
      '2_c/c.jpg': await slope(120, 120).toColourspace('cmyk').jpeg().toBuffer(),
      'd.png': await png(60, 60),
      'e.png': '',
      'f.jpg': await slope(400, 128, 128)
        .withMetadata({ orientation: 8 })
        .toColourspace('b-w')
        .jpeg()
        .toBuffer(),
    });
    const progress: number[] = [];
    const report = await datasetReport(await openDataset(datasetSource(folder)), {
      size: 128,
      onProgress: (done) => progress.push(done),
      tokens: { count: (text) => text.split(' ').length, limit: 2 },
    });
    expect(progress).toEqual([1, 2, 3, 4, 5, 6]);
    expect(report).toMatchObject({
      source: { kind: 'folder', path: folder },
      pictures: 6,
      samplesPerEpoch: 5,
      sizes: {
        smallest: { name: join('2_c', 'c.jpg'), width: 120, height: 120 },
        median: 200,
        largest: { width: 200 },
      },
      enlarged: [join('2_c', 'c.jpg')],
      traits: { isTurned: ['f.jpg'], isCmyk: [join('2_c', 'c.jpg')], isAnimated: [] },
      captions: {
        missing: ['d.png', 'e.png', 'f.jpg'],
        fromFolderName: 1,
        duplicates: [{ name: 'cat, red, sky', count: 2 }],
        tokens: { limit: 2, largest: 3, cut: ['a.png', 'b.png'] },
      },
      duplicates: [],
    });
    expect(report.captions.tags[0]).toEqual({ name: 'cat', count: 2 });
    expect(report.folders).toContainEqual({ name: '2_c', pictures: 1, repeats: 2 });
    expect(report.ratios.filter(({ count }) => count > 0)).toEqual([
      { name: '9:21', count: 1 },
      { name: '2:3', count: 1 },
      { name: '1:1', count: 1 },
      { name: '3:2', count: 1 },
    ]);
    expect(report.refused.map(({ name }) => name)).toEqual(['d.png', 'e.png']);
    expect(report.refused[0]!.reason).toMatch(/^d\.png: expected at least 64 pixels on the short side/);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it('names truncated pictures, whose header is right', async () => {
    const folder = testFolder();
    const whole = await slope(300, 200).jpeg().toBuffer();
    writeFiles(folder, { 'a.jpg': whole.subarray(0, whole.length * 0.7) });
    const report = await datasetReport(await openDataset(datasetSource(folder)), { size: 64 });
    expect(report).toMatchObject({ samplesPerEpoch: 0, sizes: null });
    expect(report.refused[0]!.reason).toMatch(/truncated or damaged/);
  });

  it('finds pictures that look the same', async () => {
    const folder = testFolder();
    const photo = { raw: { width: 96, height: 64, channels: 3 } } as const;
    const original = await sharp(waves(96, 64), photo).png().toBuffer();
    writeFileSync(join(folder, '1.png'), original);
    writeFileSync(join(folder, '2.png'), await png(96, 64, 99));
    writeFileSync(
      join(folder, '3.jpg'),
      await sharp(original).resize(150, 100).jpeg({ quality: 70 }).toBuffer(),
    );
    writeFileSync(join(folder, '4.png'), await sharp(original).flop().png().toBuffer());
    const report = await datasetReport(await openDataset(datasetSource(folder)), { size: 64 });
    expect(report.duplicates).toEqual([['1.png', '3.jpg']]);
  });

  it('of toy scenes is quick and finds nothing to mend', async () => {
    const report = await datasetReport(await openDataset({ kind: 'toy', seed: 0, count: 200 }), {
      size: 512,
    });
    expect(report).toMatchObject({
      pictures: 200,
      samplesPerEpoch: 200,
      refused: [],
      enlarged: [],
      duplicates: [],
    });
    expect(report.ratios.filter(({ count }) => count > 0).length).toBe(7);
  });

  it('stops when it is told', async () => {
    const dataset = await openDataset({ kind: 'toy', seed: 0, count: 50 });
    await expect(datasetReport(dataset, { size: 64, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'cancelled',
    });
  });
});

describe('nearDuplicates', () => {
  const colors = new Uint8Array(216);
  const hash = (high: number, low: number): PictureHash => ({ bits: [high | 0, low | 0], colors });

  it('joins hashes of at most three different bits, over others between them', () => {
    const hashes = [hash(0, 0), hash(0, 7), hash(0, 0x1f), hash(-1, 0), hash(0, 0xff)];
    expect(nearDuplicates(hashes)).toEqual([[0, 1, 2, 4]]);
    expect(nearDuplicates([hash(1, 0), hash(0xe, 0)])).toEqual([]);
    expect(nearDuplicates([hash(1 << 31, 1), undefined, hash(1, 0)])).toEqual([[0, 2]]);
  });

  it('asks the colours where hashes say nothing', () => {
    const plain = (value: number) =>
      pictureHash({ width: 9, height: 8, data: new Uint8Array(216).fill(value) });
    expect(nearDuplicates([plain(10), plain(200), plain(12), plain(203)])).toEqual([
      [0, 2],
      [1, 3],
    ]);
  });

  it('stays quick where thousands have the same hash', () => {
    const plain = (value: number) => ({ bits: [0, 0] as const, colors: new Uint8Array(216).fill(value) });
    const hashes = range(5000).map((i) => plain(i % 2 === 0 ? 0 : 255));
    expect(nearDuplicates(hashes).map(({ length }) => length)).toEqual([2500, 2500]);
  });
});

/** Hills and valleys, everywhere steeper than what compression changes. */
function waves(width: number, height: number): Uint8Array {
  return Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return 128 + 100 * Math.sin((pixel % width) / 21 + 2) * Math.cos(Math.floor(pixel / width) / 15 + 1);
  });
}
