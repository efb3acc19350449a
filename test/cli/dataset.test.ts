import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { hdmStudio, refusal } from '../helpers/command-line.ts';
import { testFolder } from '../helpers/folder.ts';
import { png, writeFiles } from '../training/data/made-up.ts';

async function dataFolder(): Promise<string> {
  const folder = testFolder();
  writeFiles(folder, {
    'a.png': await png(300, 200, 10),
    'a.txt': 'a cat, asleep',
    '3_dog/b.png': await png(200, 300, 200),
    'broken.png': 'no picture',
  });
  return folder;
}

describe('dataset report', () => {
  it('says in words what is there and what is wrong', async () => {
    const { code, stdout, stderr } = await hdmStudio('dataset', 'report', await dataFolder());
    expect(code).toBe(0);
    expect(stderr).toContain('looking at pictures 3/3');
    expect(stdout).toMatch(/^3 pictures, 4 samples in an epoch\n {2}3_dog: 1 x 3\n/);
    expect(stdout).toContain('sizes: 200x300 to 300x200');
    expect(stdout).toContain('without a caption: 1 (broken.png)');
    expect(stdout).toContain('captioned by the name of their folder: 1');
    expect(stdout).toMatch(/refused: .*broken\.png: this is not a picture we can read/);
  });

  it('is one JSON document', async () => {
    const { code, stdout } = await hdmStudio('dataset', 'report', 'toy', '--count', '20', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      source: { kind: 'toy', count: 20 },
      pictures: 20,
      refused: [],
    });
  });

  it('fails when no picture can be used', async () => {
    const folder = testFolder();
    writeFiles(folder, { 'a.png': '' });
    expect(await hdmStudio('dataset', 'report', folder)).toMatchObject({ code: 1 });
  });
});

describe('dataset preview', () => {
  it.each(['sheet.png', 'sheet.webp', 'sheet.jpg'])('draws %s', async (name) => {
    const out = join(testFolder(), name);
    const { code, stdout } = await hdmStudio(
      'dataset',
      'preview',
      'toy',
      '--out',
      out,
      '--count',
      '7',
      '--size',
      '64',
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^(toy scene \d+: .+\n){7}.*sheet\.\w+\n$/);
    const { width, height } = await sharp(out).metadata();
    expect(width).toBe(10 + 6 * 234);
    expect(height).toBeGreaterThan(2 * 224);
  });

  it('shows what was skipped and what buckets cut', async () => {
    const out = join(testFolder(), 'sheet.png');
    const args = ['--out', out, '--crop', 'buckets', '--size', '256', '--json'];
    const { code, stdout } = await hdmStudio('dataset', 'preview', await dataFolder(), ...args);
    expect(code).toBe(0);
    const { pictures, skipped } = JSON.parse(stdout) as {
      pictures: { width: number; height: number }[];
      skipped: [];
    };
    expect(new Set(pictures.map(({ width, height }) => `${width}x${height}`))).toEqual(
      new Set(['320x192', '192x320']),
    );
    expect(skipped).toEqual([]); // it is in no bucket
    expect(existsSync(out)).toBe(true);
  });
});

describe('a command that cannot be', () => {
  it.each<[args: string, code: 1 | 2, says: string]>([
    ['report', 2, "missing required argument 'source'"],
    ['report absent', 1, 'no such file or folder'],
    ['report toy --size x', 2, 'expected a number'],
    ['report toy --size 1.5', 2, 'expected a whole number'],
    ['report toy --count 0', 2, 'the count at least 1'],
    ['report package.json', 2, 'expected a folder or a list of pictures'],
    ['preview toy', 2, "required option '--out <file>'"],
    ['preview toy --out a.bmp', 2, 'unknown picture format'],
    ['preview toy --out a.png --size 100', 2, 'multiple of 16'],
    ['preview toy --out a.png --count 0', 2, 'from 1 to 400'],
    ['preview toy --out no-such-folder/a.png', 1, 'there is no such folder'],
    ['preview toy --out a.png --crop round', 2, 'Allowed choices are'],
  ])('%s', async (args, code, says) => {
    expect(refusal(await hdmStudio('dataset', ...args.split(' ')), code)).toContain(says);
  });

  it('finds no pictures', async () => {
    const folder = join(testFolder(), 'empty');
    mkdirSync(folder);
    expect(refusal(await hdmStudio('dataset', 'report', folder), 1)).toContain('found none');
  });
});
