import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { EventName } from '../../electron/contract.ts';
import { CALLS } from '../../electron/contract.ts';
import { Events } from '../../electron/host/events.ts';
import { Datasets } from '../../electron/host/training/datasets.ts';
import { testFolder } from '../helpers/folder.ts';

async function makePictures(folder: string, names: readonly string[]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const [index, name] of names.entries()) {
    const background = { r: index * 40, g: 90, b: 200 - index * 30 };
    const picture = sharp({ create: { width: 96, height: 64, channels: 3, background } });
    await picture.png().toFile(join(folder, name));
  }
}

async function open() {
  const folder = testFolder();
  await makePictures(folder, ['a.png', 'b.png', 'c.png']);
  writeFileSync(join(folder, 'a.txt'), 'a red house');
  writeFileSync(join(folder, 'b.caption'), 'a boat');
  const events = new Events();
  const told: EventName[] = [];
  events.listen((name) => told.push(name));
  const datasets = new Datasets(events);
  return {
    folder,
    datasets,
    told,
    call: datasets.handlers,
    source: { kind: 'folder', path: folder } as const,
  };
}

describe('a dataset that is looked through', () => {
  it('has pages of pictures with captions, found by words or by what is missing', async () => {
    const { call, source } = await open();
    expect(await call['datasets.open']({ source })).toEqual({ source, length: 3, isEditable: true });
    const names = async (wish: object) => {
      const { total, items } = await call['datasets.items']({ source, offset: 0, limit: 2, ...wish });
      return [total, ...items.map(({ name }) => name)];
    };
    expect(await names({})).toEqual([3, 'a.png', 'b.png']);
    expect(await names({ offset: 2 })).toEqual([3, 'c.png']);
    expect(await names({ search: 'HOUSE red' })).toEqual([1, 'a.png']);
    expect(await names({ withoutCaption: true })).toEqual([1, 'c.png']);
  });

  it('has small pictures at an address', async () => {
    const { call, source, datasets } = await open();
    const { items } = await call['datasets.items']({ source, offset: 1, limit: 1 });
    const name = items[0]!.thumbnail.split('/').at(-1)!.replace('.webp', '');
    expect(await sharp(await datasets.thumbnail(name)).metadata()).toMatchObject({
      format: 'webp',
      width: 96,
    });
    await expect(datasets.thumbnail('0123-0')).rejects.toThrow('not open any more');
    const toy = { kind: 'toy', seed: 1, count: 5 } as const;
    const scenes = await call['datasets.items']({ source: toy, offset: 0, limit: 9 });
    expect(scenes.items).toHaveLength(5);
    expect(scenes.items[0]!.caption).not.toBe('');
  });

  it('gets its captions changed in the file that is there, else in a new one', async () => {
    const { call, source, folder } = await open();
    const change = (name: string, caption: string) => call['datasets.setCaption']({ source, name, caption });
    expect(await change('b.png', 'a blue boat\nat sea')).toMatchObject({
      caption: 'a blue boat at sea',
      index: 1,
    });
    expect(await change('c.png', 'a tree')).toMatchObject({ captionFrom: 'file' });
    expect(readFileSync(join(folder, 'b.caption'), 'utf8')).toBe('a blue boat at sea\n');
    expect(readFileSync(join(folder, 'c.txt'), 'utf8')).toBe('a tree\n');
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    const { items } = await call['datasets.items']({ source, search: 'sea', offset: 0, limit: 9 });
    expect(items.map(({ name }) => name)).toEqual(['b.png']);
    await expect(change('../other.png', 'x')).rejects.toThrow('no text file');
    await expect(
      call['datasets.setCaption']({
        source: { kind: 'toy', seed: 0, count: 3 },
        name: 'toy scene 0',
        caption: '',
      }),
    ).rejects.toThrow('no text file');
  });

  it('has a report, made once for all who ask', async () => {
    const { call, source, folder, told } = await open();
    writeFileSync(join(folder, 'broken.png'), 'no picture');
    const wish = { source, size: 64 };
    const [report, same] = await Promise.all([call['datasets.report'](wish), call['datasets.report'](wish)]);
    expect(same).toBe(report);
    expect(report).toMatchObject({ pictures: 4, refused: [{ name: 'broken.png' }] });
    expect(report.captions.missing).toEqual(['broken.png', 'c.png']);
    expect(CALLS['datasets.report'].output.safeParse(report).error).toBeUndefined();
    expect(told).toContain('report');
  });

  it('says what is wrong with it, and stops looking when asked', async () => {
    const { call } = await open();
    const missing = { kind: 'folder', path: join(testFolder(), 'none') } as const;
    await expect(call['datasets.open']({ source: missing })).rejects.toMatchObject({ code: 'disk' });
    await expect(call['datasets.report']({ source: missing, size: 64 })).rejects.toMatchObject({
      code: 'disk',
    });
    const toy = { kind: 'toy', seed: 0, count: 5_000_000 } as const;
    const report = call['datasets.report']({ source: toy, size: 64 });
    await call['datasets.cancelReport']({ source: toy });
    await expect(report).rejects.toMatchObject({ code: 'cancelled' });
  });
});
