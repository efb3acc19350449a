import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import type * as Os from 'node:os';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, vi } from 'vitest';
import type { Output, Settings } from '../../electron/contract.ts';
import { filesHandlers } from '../../electron/host/files.ts';
import { openPlaces } from '../../electron/host/places.ts';
import { testFolder } from '../helpers/folder.ts';

vi.mock('node:os', async (original) => {
  const os = await original<typeof Os>();
  return { ...os, homedir: vi.fn(os.homedir) };
});

it('folders come first, then files that can be chosen, as a person would sort them', async () => {
  const folder = testFolder();
  for (const name of ['zoo', 'art', '.hidden']) mkdirSync(join(folder, name));
  for (const name of ['10.png', '9.png', 'B.safetensors', 'a.CSV', 'notes.txt', '.x.json', 'setup.exe']) {
    writeFileSync(join(folder, name), 'four');
  }
  const { entries, parent, folder: shown } = await list(folder);
  expect(entries.map(({ name }) => name)).toEqual([
    'art',
    'zoo',
    '9.png',
    '10.png',
    'a.CSV',
    'B.safetensors',
  ]);
  expect(entries[0]).toEqual({ name: 'art', path: join(folder, 'art'), kind: 'folder' });
  expect(entries[2]).toEqual({ name: '9.png', path: join(folder, '9.png'), kind: 'file', sizeBytes: 4 });
  expect([shown, parent]).toEqual([folder, dirname(folder)]);
});

it('links are followed; those that lead nowhere or in circles are left out', async () => {
  const folder = testFolder();
  const other = testFolder();
  writeFileSync(join(other, 'model.safetensors'), '');
  symlinkSync(other, join(folder, 'elsewhere'));
  symlinkSync(join(other, 'model.safetensors'), join(folder, 'link.safetensors'));
  symlinkSync(join(folder, 'nothing'), join(folder, 'broken.png'));
  symlinkSync(join(folder, 'circle'), join(folder, 'circle'));
  expect((await list(folder)).entries.map(({ name, kind }) => [name, kind])).toEqual([
    ['elsewhere', 'folder'],
    ['link.safetensors', 'file'],
  ]);
});

it('without a folder it is that of the person, or of the models where they have none', async () => {
  expect((await list()).folder).toBe(homedir());
  vi.mocked(homedir).mockReturnValue('/nowhere/at/all');
  const models = testFolder();
  expect((await list(undefined, models)).folder).toBe(models);
});

it('the root has nothing above it', async () => {
  expect((await list('/')).parent).toBeUndefined();
});

it('of a very full folder the first are shown', async () => {
  const folder = testFolder();
  for (let number = 0; number < 2_010; number++) writeFileSync(join(folder, `${number}.png`), '');
  const { entries } = await list(folder);
  expect([entries.length, entries.at(-1)!.name]).toEqual([2_000, '1999.png']);
});

it.each([
  ['is not there', () => join(testFolder(), 'none'), /no such file or folder/],
  ['is a file', () => writtenFile(), /a file, not a folder/],
])('a folder that %s is refused in words', async (_what, folder, words) => {
  await expect(list(folder())).rejects.toThrow(words);
});

it.skipIf(process.getuid?.() === 0)(
  'a folder that may not be read is refused in words (not as root)',
  async () => {
    const folder = testFolder();
    chmodSync(folder, 0);
    await expect(list(folder)).rejects.toThrow(/no permission/);
  },
);

function writtenFile(): string {
  const path = join(testFolder(), 'file');
  writeFileSync(path, '');
  return path;
}

async function list(folder?: string, modelsFolder = testFolder()): Promise<Output<'files.list'>> {
  const settings = {
    get: () => ({ modelsFolder }) as Settings,
    change: () => ({ modelsFolder }) as Settings,
  };
  const handlers = filesHandlers({ places: openPlaces(testFolder()), settings });
  return handlers['files.list'](folder === undefined ? {} : { folder });
}
