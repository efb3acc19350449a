/** @file Folders and lists: what is found in them, and ten ways in which they can be bad. */
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HdmError } from '../../../engine/errors.ts';
import {
  datasetSource,
  openDataset,
  type Dataset,
  type DatasetSource,
} from '../../../engine/training/data/dataset.ts';
import { COLORS, type ColorName } from '../../../engine/training/data/toy-scenes/colors.ts';
import { testFolder } from '../../helpers/folder.ts';
import { png, writeFiles } from './made-up.ts';

const PICTURE = await png(80, 70);
const isRoot = process.getuid?.() === 0;
const range = (length: number) => Array.from({ length }, (_, i) => i);

function items(dataset: Dataset) {
  return range(dataset.length).map((i) => {
    const { name, repeats, captionFrom } = dataset.item(i);
    return [name.replaceAll('\\', '/'), repeats, captionFrom, ...dataset.captions(i)];
  });
}

function folderWith(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = testFolder();
  writeFiles(folder, files);
  return folder;
}

async function refusalOf(source: DatasetSource | string): Promise<string> {
  try {
    await openDataset(typeof source === 'string' ? datasetSource(source) : source);
  } catch (error) {
    expect(error).toBeInstanceOf(HdmError);
    expect((error as Error).message).toMatch(/^[^\n]+: [^\n]+\. [^\n]+\.$/);
    return (error as Error).message;
  }
  throw new Error('it was opened');
}

describe('a folder', () => {
  it('is searched with its subfolders, repeats and captions', async () => {
    const folder = folderWith({
      'b.png': PICTURE,
      'b.txt': ' two\nlines \r\n',
      'a.JPG': PICTURE,
      'a.TXT': '\ufeffa caption',
      '5_red cat/one.webp': PICTURE,
      '5_red cat/two.png': PICTURE,
      '5_red cat/two.caption': 'its own',
      '5_red cat/two.txt': 'its text',
      '5_red cat/deep/three.png': PICTURE,
      'plain/empty.png': PICTURE,
      'plain/empty.txt': '  ',
      'plain/notes.md': 'no caption',
      '0_none/x.png': PICTURE,
      '.hidden/y.png': PICTURE,
      '._b.png': 'of a Mac',
    });
    const dataset = await openDataset(datasetSource(folder));
    expect(items(dataset)).toEqual([
      ['0_none/x.png', 1, 'none'],
      ['5_red cat/deep/three.png', 5, 'folder-name', 'red cat'],
      ['5_red cat/one.webp', 5, 'folder-name', 'red cat'],
      ['5_red cat/two.png', 5, 'file', 'its text'],
      ['a.JPG', 1, 'file', 'a caption'],
      ['b.png', 1, 'file', 'two lines'],
      ['plain/empty.png', 1, 'none'],
    ]);
    expect(dataset.isRepeating).toBe(true);
    expect(await dataset.size(5)).toEqual({ width: 80, height: 70 });
    expect(await dataset.picture(5)).toMatchObject({ width: 80, height: 70 });
  });

  it('may hold captions of old editors', async () => {
    const text = '\ufeffgrün, 猫';
    const folder = folderWith({ 'a.png': PICTURE, 'a.txt': Buffer.from(text, 'utf16le') });
    expect((await openDataset(datasetSource(folder))).captions(0)).toEqual(['grün, 猫']);
  });

  it.skipIf(process.platform === 'win32')('may hold links, also one that leads back to itself', async () => {
    const [folder, elsewhere] = [folderWith({ 'a.png': PICTURE }), folderWith({ 'b.png': PICTURE })];
    symlinkSync(elsewhere, join(folder, '3_linked'));
    symlinkSync(folder, join(folder, 'again'));
    expect(items(await openDataset(datasetSource(folder)))).toEqual([
      ['3_linked/b.png', 3, 'folder-name', 'linked'],
      ['a.png', 1, 'none'],
    ]);
  });
});

describe('a bad folder', () => {
  it('is not there', async () => {
    expect(await refusalOf(join(testFolder(), 'absent'))).toMatch(/absent: no such file or folder/);
  });

  it('is empty', async () => {
    expect(await refusalOf(testFolder())).toMatch(
      /expected pictures \(\.png .*\) here or in subfolders, found none/,
    );
  });

  it('has no pictures, only captions', async () => {
    expect(await refusalOf(folderWith({ 'a.txt': 'a cat', 'sub/b.txt': 'b' }))).toMatch(/found none/);
  });

  it('is nested without end', async () => {
    const folder = folderWith({ [`${'d/'.repeat(20)}a.png`]: PICTURE });
    expect(await refusalOf(folder)).toMatch(/nested more than 16 deep/);
  });

  it('has a caption that is no text', async () => {
    const folder = folderWith({ 'a.png': PICTURE, 'a.txt': PICTURE });
    expect(await refusalOf(folder)).toMatch(/a\.txt: expected UTF-8 text, got other bytes/);
  });

  it('has a caption without end', async () => {
    const folder = folderWith({ 'a.png': PICTURE, 'a.txt': 'x'.repeat(70_000) });
    expect(await refusalOf(folder)).toMatch(/a\.txt: expected a text of at most 65536 bytes, got 70000/);
  });

  it('has a folder instead of a caption', async () => {
    const folder = folderWith({ 'a.png': PICTURE });
    mkdirSync(join(folder, 'a.txt'));
    expect(items(await openDataset(datasetSource(folder)))).toEqual([['a.png', 1, 'none']]);
  });

  it.skipIf(isRoot || process.platform === 'win32')(
    'may not be read (skipped for root, who may)',
    async () => {
      const folder = folderWith({ 'a.png': PICTURE });
      chmodSync(folder, 0o000);
      expect(await refusalOf(folder)).toMatch(/no permission/);
      chmodSync(folder, 0o700);
    },
  );

  it('is a file of another kind', async () => {
    const path = join(folderWith({ 'a.png': PICTURE }), 'a.png');
    expect(await refusalOf(path)).toMatch(
      /expected a folder or a list of pictures, got a file that ends in "\.png"/,
    );
  });
});

describe('a list', () => {
  const listed = (name: string, text: string) =>
    join(folderWith({ 'a.png': PICTURE, 'sub/b c.png': PICTURE, [name]: text }), name);

  it('may be JSON Lines with any common names', async () => {
    const rows = [
      { image: 'a.png', caption: 'a cat', other: 1 },
      { file_name: 'sub/b c.png', text: ['one', 'two'], tags: ['x', 'y'], repeats: 3 },
      { path: 'a.png', tags: 'x, y', caption: null },
      { file: 'a.png' },
    ];
    const path = listed('list.jsonl', `\ufeff${rows.map((row) => JSON.stringify(row)).join('\r\n')}\n\n`);
    expect(items(await openDataset(datasetSource(path)))).toEqual([
      ['a.png', 1, 'file', 'a cat'],
      ['sub/b c.png', 3, 'file', 'one', 'two', 'x, y'],
      ['a.png', 1, 'file', 'x, y'],
      ['a.png', 1, 'none'],
    ]);
  });

  it('may be CSV', async () => {
    const path = listed(
      'list.csv',
      'file_name,text,repeats\na.png,"a cat, asleep",2\n"sub/b c.png","say ""hi""",\n',
    );
    expect(items(await openDataset(datasetSource(path)))).toEqual([
      ['a.png', 2, 'file', 'a cat, asleep'],
      ['sub/b c.png', 1, 'file', 'say "hi"'],
    ]);
  });

  it('may have absolute paths', async () => {
    const elsewhere = join(folderWith({ 'z.png': PICTURE }), 'z.png');
    const dataset = await openDataset(
      datasetSource(listed('list.jsonl', JSON.stringify({ image: elsewhere }))),
    );
    expect(await dataset.size(0)).toEqual({ width: 80, height: 70 });
  });

  it.each<[name: string, text: string, says: RegExp]>([
    ['list.jsonl', '', /expected a row for each picture, found none/],
    ['list.csv', 'image,caption\n', /found none/],
    [
      'list.jsonl',
      '{"image":"a.png"}\n{"image": "a',
      /list\.jsonl, line 2: expected one JSON object, got \{"image": "a/,
    ],
    ['list.jsonl', '[1, 2]', /line 1: expected image or file_name or .*, got none of them/],
    ['list.jsonl', '{"caption":"a"}', /line 1: expected image or/],
    ['list.jsonl', '{"image":5}', /line 1: expected image or .*, got 5/],
    ['list.jsonl', '{"image":"a.png","caption":{}}', /line 1: expected caption or text or prompt, got \{\}/],
    ['list.jsonl', '{"image":"a.png","repeats":0}', /line 1: expected repeats or num_repeats, got 0/],
    ['list.csv', 'image,caption\na.png,"open', /this is no CSV table/],
    ['list.csv', 'image,caption\na.png,b,c\n', /this is no CSV table/],
    ['list.csv', 'picture,caption\na.png,b\n', /list\.csv, line 2: expected image or/],
    [
      'list.jsonl',
      ['x.png', 'a.png', 'y.png', 'z.png', 'w.png'].map((image) => JSON.stringify({ image })).join('\n'),
      /list\.jsonl: 4 of 5 pictures are not there: x\.png, y\.png, z\.png and others\. Paths count from the folder/,
    ],
  ])('%s with %j is refused', async (name, text, says) => {
    expect(await refusalOf(listed(name, text))).toMatch(says);
  });
});

describe('toy scenes', () => {
  it('are any number', async () => {
    const dataset = await openDataset({ kind: 'toy', seed: 1, count: 10_000_000_000 });
    expect(dataset.item(9_999_999_999).name).toBe('toy scene 9999999999');
    expect(dataset.captions(9_999_999_999).length).toBe(4);
    expect(datasetSource('toy')).toMatchObject({ kind: 'toy' });
  });

  it('are simple ones when asked for: one shape in the middle, told in four words', async () => {
    const source = datasetSource('toy-simple');
    expect(source).toMatchObject({ kind: 'toy', isSimple: true });
    const dataset = await openDataset(source);
    const [caption] = dataset.captions(3);
    expect(caption).toMatch(/^[a-z]+ (circle|square) on [a-z]+ \|\|\|$/);
    const { data, width, height } = await dataset.picture(3);
    const [object, , , background] = caption!.split(' ') as [ColorName, string, string, ColorName];
    const middle = 3 * ((height / 2) * width + width / 2);
    expect([...data.subarray(0, 3)]).toEqual(COLORS[background]);
    expect([...data.subarray(middle, middle + 3)]).toEqual(COLORS[object]);
  });

  it.each([
    { seed: -1, count: 1 },
    { seed: 0, count: 0 },
    { seed: 0.5, count: 1 },
  ])('are not %j', async (numbers) => {
    await expect(openDataset({ kind: 'toy', ...numbers })).rejects.toThrow(
      /seed and count must be whole numbers/,
    );
  });
});
