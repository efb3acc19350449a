import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hdmStudio, refusal, type Outcome } from '../helpers/command-line.ts';
import { testFolder } from '../helpers/folder.ts';
import { writeTinyModel } from '../helpers/tiny-model.ts';

let model = '';
let folder = '';

beforeAll(() => {
  model = writeTinyModel(mkdtempSync(join(tmpdir(), 'hdm-places-'))).folder;
});
afterAll(() => rmSync(model, { recursive: true }));
beforeEach(() => {
  folder = testFolder();
});

function drawTo(out: string, ...args: string[]): Promise<Outcome> {
  const usual = ['--model', model, '--prompt', 'a cat', '--steps', '1', '--seed', '7', '--device', 'cpu'];
  return hdmStudio('sample', ...usual, '--out', out, ...args);
}

describe('pictures go', () => {
  it.each(['a.png', 'a.webp', 'a.jpg', 'a.b.JPEG'])('to the file that --out names: %s', async (name) => {
    const { code, stdout } = await drawTo(join(folder, name));
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${join(folder, name)} (seed 7)\n` });
    expect(readdirSync(folder)).toEqual([name]);
  });

  it('into a folder that --out names, with the seed as name', async () => {
    await drawTo(folder, '--count', '2');
    expect(readdirSync(folder).sort()).toEqual(['hdm-7.png', 'hdm-8.png']);
  });

  it('into a folder although its name has the ending of a picture', async () => {
    mkdirSync(join(folder, 'odd.png'));
    await drawTo(join(folder, 'odd.png'));
    expect(readdirSync(join(folder, 'odd.png'))).toEqual(['hdm-7.png']);
  });

  it('beside each other when there are several, with the seeds in their names', async () => {
    const { stdout } = await drawTo(join(folder, 'cat.webp'), '--count', '3', '--json');
    const names = ['cat-7.webp', 'cat-8.webp', 'cat-9.webp'];
    expect(readdirSync(folder).sort()).toEqual(names);
    const { pictures } = JSON.parse(stdout) as { pictures: { path: string; seed: number }[] };
    expect(pictures.map(({ path }) => path)).toEqual(names.map((name) => join(folder, name)));
    expect(pictures.map(({ seed }) => seed)).toEqual([7, 8, 9]);
  });

  it('in place of an older picture', async () => {
    const path = join(folder, 'a.png');
    writeFileSync(path, 'old');
    await drawTo(path);
    expect(readFileSync(path).subarray(1, 4).toString()).toBe('PNG');
    expect(readdirSync(folder)).toEqual(['a.png']);
  });
});

describe('before anything is drawn', () => {
  it.each<[string, () => string, string]>([
    ['a missing folder', () => join(folder, 'nowhere/a.png'), 'there is no such folder'],
    ['a missing folder with a slash', () => join(folder, 'nowhere/'), 'there is no such folder'],
    ['a missing folder named as a picture', () => join(folder, 'nowhere.png/'), 'there is no such folder'],
    ['a file in place of a folder', () => join(fileIn(folder), 'a.png'), 'this is a file, not a folder'],
    ['a name that is too long', () => join(folder, `${'a'.repeat(300)}.png`), 'the name is too long'],
  ])('%s is refused', async (_name, out, says) => {
    const path = out();
    const before = readdirSync(folder);
    const line = refusal(await drawTo(path), 1);
    expect(line).toContain(folder);
    expect(line).toContain(says);
    expect(readdirSync(folder)).toEqual(before);
  });

  function fileIn(parent: string): string {
    writeFileSync(join(parent, 'file'), '');
    return join(parent, 'file');
  }
});

/** A file system of 64 KiB, or why there is none. */
const small = mountSmall();

describe.skipIf(small.reason)(`a small disk${small.reason ? ` (skipped: ${small.reason})` : ''}`, () => {
  const disk = small.folder;
  const files = () => readdirSync(disk).filter((name) => name !== 'filler');

  beforeEach(() => readdirSync(disk).forEach((name) => rmSync(join(disk, name))));
  afterAll(() => {
    spawnSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  });

  it('that is full gets one message and no half-written file', async () => {
    writeFileSync(join(disk, 'filler'), Buffer.alloc(60 << 10));
    const { code, stdout, stderr } = await drawTo(join(disk, 'a.png'));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/a\.png: the disk is full\. Free some space/);
    expect(files()).toEqual([]);
  });

  it('that fills up keeps the pictures that are whole, and the old one of the name', async () => {
    writeFileSync(join(disk, 'a-8.png'), 'old');
    writeFileSync(join(disk, 'filler'), Buffer.alloc(60 << 10));
    const pictureBytes = await sizeOfPicture();
    rmSync(join(disk, 'filler'));
    writeFileSync(join(disk, 'filler'), Buffer.alloc((60 << 10) - 4096 * Math.ceil(pictureBytes / 4096)));
    const { code, stdout } = await drawTo(join(disk, 'a.png'), '--count', '2');
    expect({ code, stdout }).toEqual({ code: 1, stdout: `${join(disk, 'a-7.png')} (seed 7)\n` });
    expect(files()).toEqual(['a-7.png', 'a-8.png']);
    expect(readFileSync(join(disk, 'a-8.png'), 'utf8')).toBe('old');
  });

  it('that is read-only is refused before anything is drawn', async () => {
    expect(spawnSync('mount', ['-o', 'remount,ro', disk]).status).toBe(0);
    try {
      expect(refusal(await drawTo(join(disk, 'a.png')), 1)).toContain('the disk is read-only');
    } finally {
      spawnSync('mount', ['-o', 'remount,rw', disk]);
    }
  });

  async function sizeOfPicture(): Promise<number> {
    await drawTo(join(folder, 'a.png'));
    return statSync(join(folder, 'a.png')).size;
  }
});

function mountSmall(): { folder: string; reason: string } {
  const place = mkdtempSync(join(tmpdir(), 'hdm-small-disk-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', place]);
  if (status === 0) return { folder: place, reason: '' };
  if (existsSync(place)) rmSync(place, { recursive: true });
  return { folder: '', reason: 'mounting one takes root on Linux' };
}
