import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import {
  picture as pictureSchema,
  type EventValue,
  type Input,
  type Output,
  type Picture,
  type PictureFilter,
} from '../../electron/contract.ts';
import { openDatabase, transaction } from '../../electron/host/database.ts';
import { Events } from '../../electron/host/events.ts';
import { filterCondition } from '../../electron/host/library/filter.ts';
import { PictureLibrary, type LibraryOptions } from '../../electron/host/library/library.ts';
import { numbersOf, PAGE } from '../../electron/host/library/listing.ts';
import { openPlaces, type Places } from '../../electron/host/places.ts';
import { errorOf } from '../image/samples.ts';
import { testFolder } from '../helpers/folder.ts';
import { addManyPictures, MANY_MODELS } from './many-pictures.ts';

const RED_PNG = await sharp({ create: { width: 800, height: 400, channels: 3, background: 'red' } })
  .png()
  .toBuffer();

describe('a picture of the library', () => {
  it('is what was added, with addresses for its bytes', () => {
    const { library, add, places } = studio();
    const added = add('job-1', { prompt: 'a red house', fileName: '7 a red house?.png' });
    expect(pictureSchema.parse(added)).toEqual({
      id: 'job-1',
      createdAt: 1,
      fileName: '7 a red house?.png',
      width: 64,
      height: 48,
      prompt: 'a red house',
      negativePrompt: 'blurry',
      seed: Number.MAX_SAFE_INTEGER,
      modelName: 'tiny',
      isStarred: false,
      tags: [],
      url: '/files/pictures/job-1/7%20a%20red%20house%3F.png',
      thumbnail: '/files/thumbnails/job-1.webp',
    });
    expect(library.get('job-1')).toEqual(added);
    expect(library.find('job-1')).toEqual(added);
    expect(library.fileOf('job-1')).toBe(join(places.pictures, '7 a red house?.png'));
    expect(library.count).toBe(1);
  });

  it('is not there when the transaction it was added in fails', () => {
    const { library, database, add } = studio();
    add('job-1');
    expect(library.count).toBe(1);
    const work = () => {
      add('job-2');
      throw new Error('the job could not be kept');
    };
    expect(() => transaction(database, work)).toThrow('could not be kept');
    expect(library.count).toBe(1);
    expect(library.find('job-2')).toBeUndefined();
  });

  it('is refused under an id that is not known', async () => {
    const { library, call } = studio();
    for (const ask of [
      () => library.get('job-1'),
      () => library.fileOf('job-1'),
      () => library.ensureThumbnail('job-1'),
      () => call('library.settings', { id: 'job-1' }),
      () => call('library.change', { ids: ['job-1'], isStarred: true }),
      () => call('library.delete', { ids: ['job-1'] }),
      () => call('library.restore', { ids: ['job-1'] }),
      () => call('library.export', { ids: ['job-1'] }),
      () => call('library.reveal', { id: 'job-1' }),
    ]) {
      expect((await errorOf(ask)).code).toBe('bad-usage');
    }
  });

  it('can be shown in the file manager in the desktop app, and nowhere else', async () => {
    const shown: string[] = [];
    const desktop = studio({ reveal: (file) => shown.push(file) });
    desktop.add('job-1');
    await desktop.call('library.reveal', { id: 'job-1' });
    expect(shown).toEqual([desktop.library.fileOf('job-1')]);

    const browser = studio();
    browser.add('job-1');
    const error = await errorOf(() => browser.call('library.reveal', { id: 'job-1' }));
    expect(error.message).toContain('desktop app only');
  });

  it('gives its settings to be drawn again', async () => {
    const found = {
      source: 'a1111',
      drawing: { seed: 7 },
      missingAdapters: [],
      missingStart: false,
    } as const;
    const asked: string[] = [];
    const { call, add, library } = studio({
      readDrawing: async (file) => {
        asked.push(file);
        return { ...found, missingAdapters: [] };
      },
    });
    add('job-1');
    expect(await call('library.settings', { id: 'job-1' })).toEqual(found);
    expect(asked).toEqual([library.fileOf('job-1')]);
  });
});

describe('the list', () => {
  it('comes in pages from either end', async () => {
    const { add, list } = studio();
    ['a', 'b', 'c', 'd', 'e'].forEach((id) => add(id));
    expect(await list({}, { limit: 2 })).toEqual(['e', 'd']);
    expect(await list({}, { limit: 2, offset: 2 })).toEqual(['c', 'b']);
    expect(await list({}, { limit: 2, offset: 4 })).toEqual(['a']);
    expect(await list({}, { limit: 2, offset: 5 })).toEqual([]);
    expect(await list({}, { limit: 2, order: 'oldest' })).toEqual(['a', 'b']);
    expect(await list({}, { limit: 2, offset: 3, order: 'oldest' })).toEqual(['d', 'e']);
    expect(await list({}, { limit: 2, offset: 99, order: 'oldest' })).toEqual([]);
  });

  it('tells how many there are in all, and of which revision', async () => {
    const { add, call, library } = studio();
    ['a', 'b', 'c'].forEach((id) => add(id));
    const page = await call('library.list', { filter: {}, order: 'newest', offset: 0, limit: 1 });
    expect(page).toMatchObject({ total: 3, revision: library.revision });
    expect(page.pictures).toHaveLength(1);
  });

  it('shows what was added after it was first asked for', async () => {
    const { add, list } = studio();
    add('a');
    expect(await list()).toEqual(['a']);
    add('b');
    expect(await list()).toEqual(['b', 'a']);
  });

  it('finds by star, tag, folder and model, and all of them together', async () => {
    const { add, call, list } = studio();
    ['a', 'b', 'c'].forEach((id) => add(id));
    add('d', { modelName: 'other' });
    await call('library.change', { ids: ['a', 'b'], isStarred: true });
    await call('library.change', { ids: ['b', 'c'], folder: 'Cats', addTags: ['good', 'print'] });
    expect(await list({ isStarred: true })).toEqual(['b', 'a']);
    expect(await list({ isStarred: false })).toEqual(['d', 'c']);
    expect(await list({ tag: 'good' })).toEqual(['c', 'b']);
    expect(await list({ folder: 'Cats' })).toEqual(['c', 'b']);
    expect(await list({ modelName: 'other' })).toEqual(['d']);
    expect(
      await list({ isStarred: true, tag: 'print', folder: 'Cats', modelName: 'tiny', search: 'cat' }),
    ).toEqual(['b']);
    expect(await list({ tag: 'goo' })).toEqual([]);
  });
});

describe('the search', () => {
  it.each([
    ['red', ['red', 'reddish']],
    ['RED', ['red', 'reddish']],
    ['ouse', ['red']],
    ['house red', ['red']],
    ['red blurry', ['red', 'reddish']],
    ['blur sea', ['reddish']],
    ['red nothing', []],
    ['', ['red', 'reddish', 'cat', 'odd']],
    ['  \t\n ', ['red', 'reddish', 'cat', 'odd']],
    ['rE', ['red', 'reddish']],
    ['a', ['red', 'reddish', 'odd']],
    ['猫', ['cat']],
    ['黒い猫', ['cat']],
    ['ÉTÉ', ['cat']],
    ['100%', ['odd']],
    ['0%', ['odd']],
    ['%', ['odd']],
    ['_', ['odd']],
    ['x_y', ['odd']],
    ['\\', ['odd']],
    ['"', ['odd']],
    ['"quoted"', ['odd']],
    ['quoted" OR "red', []],
    ['red*', []],
    ['red OR sea', []],
    ['NEAR(red', []],
    ['prompt:red', []],
    ["red'; DROP TABLE pictures; --", []],
    ['red\0', ['red', 'reddish']],
    ['🎨', ['cat']],
  ])('for %j finds %j', async (search, expected) => {
    const { add, list } = studio();
    add('red', { prompt: 'a red house on grass' });
    add('reddish', { prompt: 'a reddish boat in the sea' });
    add('cat', { prompt: '黒い猫 in été 🎨', negativePrompt: '' });
    add('odd', { prompt: '100% "quoted" x_y \\ back', negativePrompt: '' });
    expect(await list({ search }, { order: 'oldest' })).toEqual(expected);
  });

  it('that is too long is refused', async () => {
    const { list } = studio();
    const words = Array.from({ length: 51 }, (_, index) => `word${index}`).join(' ');
    for (const search of [words, 'x'.repeat(2_001)]) {
      expect((await errorOf(() => list({ search }))).code).toBe('bad-usage');
    }
  });

  it('forgets the words of a picture that is gone for good', async () => {
    const { add, call, list } = studio();
    add('a', { prompt: 'a zeppelin' });
    await call('library.delete', { ids: ['a'] });
    await call('library.emptyTrash', {});
    add('b', { prompt: 'a balloon' });
    expect(await list({ search: 'zeppelin' })).toEqual([]);
    expect(await list({ search: 'balloon' })).toEqual(['b']);
  });
});

describe('changes', () => {
  it('put tags, stars and folders on, and take them off', async () => {
    const { add, call, library } = studio();
    add('a');
    await call('library.change', { ids: ['a'], isStarred: true, folder: 'Cats', addTags: ['z', 'b', 'b'] });
    expect(library.get('a')).toMatchObject({ isStarred: true, folder: 'Cats', tags: ['b', 'z'] });
    await call('library.change', { ids: ['a'], addTags: ['b'] });
    await call('library.change', { ids: ['a'], isStarred: false, folder: null, removeTags: ['z', 'none'] });
    expect(library.get('a')).toMatchObject({ isStarred: false, tags: ['b'] });
    expect(library.get('a').folder).toBeUndefined();
  });

  it('happen to all pictures that are named or to none', async () => {
    const { add, call, library } = studio();
    add('a');
    const error = await errorOf(() => call('library.change', { ids: ['a', 'gone'], isStarred: true }));
    expect(error.message).toContain('1 of 2 pictures');
    expect(library.get('a').isStarred).toBe(false);
  });

  it('are told to every window, with a new revision', async () => {
    const { add, call, told, library } = studio();
    const added = add('a');
    expect(told).toEqual([]);
    library.announce(added);
    expect(told).toEqual([{ count: 1, revision: library.revision, added }]);
    const { revision } = library;
    await call('library.change', { ids: ['a'], isStarred: true });
    await call('library.delete', { ids: ['a'] });
    await call('library.restore', { ids: ['a'] });
    await call('library.addFolder', { name: 'Cats' });
    const later = [1, 2, 3, 4].map((step) => ({ count: step === 2 ? 0 : 1, revision: revision + step }));
    expect(told.slice(1)).toEqual(later);
  });

  it('begin with a revision that an earlier run of the host did not have', () => {
    const first = studio();
    first.add('a');
    first.library.announce();
    expect(first.library.revision).toBeGreaterThan(Date.UTC(2026, 0));
  });
});

describe('folders and other groups', () => {
  it('are listed with how many pictures they have outside the trash', async () => {
    const { add, call } = studio();
    ['a', 'b', 'c'].forEach((id) => add(id));
    add('d', { modelName: 'other' });
    await call('library.addFolder', { name: 'empty' });
    await call('library.change', { ids: ['a', 'b', 'c'], folder: 'Cats', addTags: ['good'] });
    await call('library.change', { ids: ['c'], addTags: ['trashed'] });
    await call('library.delete', { ids: ['c'] });
    expect(await call('library.groups', {})).toEqual({
      folders: [
        { name: 'Cats', count: 2 },
        { name: 'empty', count: 0 },
      ],
      tags: [{ name: 'good', count: 2 }],
      models: [
        { name: 'other', count: 1 },
        { name: 'tiny', count: 2 },
      ],
    });
  });

  it('are renamed with their pictures, and removed without them', async () => {
    const { add, call, library } = studio();
    ['a', 'b'].forEach((id) => add(id));
    await call('library.change', { ids: ['a', 'b'], folder: 'Cats' });
    await call('library.delete', { ids: ['b'] });
    await call('library.renameFolder', { name: 'Cats', to: 'Dogs' });
    expect([library.get('a').folder, library.get('b').folder]).toEqual(['Dogs', 'Dogs']);
    await call('library.removeFolder', { name: 'Dogs' });
    expect([library.get('a').folder, library.get('b').folder]).toEqual([undefined, undefined]);
    expect((await call('library.groups', {})).folders).toEqual([]);
    expect(library.count).toBe(1);
  });

  it('refuse a name that is taken or not there', async () => {
    const { call } = studio();
    await call('library.addFolder', { name: 'Cats' });
    await call('library.addFolder', { name: 'Dogs' });
    for (const ask of [
      () => call('library.addFolder', { name: 'Cats' }),
      () => call('library.renameFolder', { name: 'Cats', to: 'Dogs' }),
      () => call('library.renameFolder', { name: 'Mice', to: 'Rats' }),
      () => call('library.removeFolder', { name: 'Mice' }),
    ]) {
      expect((await errorOf(ask)).code).toBe('bad-usage');
    }
    await call('library.renameFolder', { name: 'Cats', to: 'Cats' });
    expect((await call('library.groups', {})).folders.map(({ name }) => name)).toEqual(['Cats', 'Dogs']);
  });
});

describe('the trash', () => {
  it('holds what was deleted until it is taken back', async () => {
    const { add, call, list, library } = studio();
    ['a', 'b'].forEach((id) => add(id));
    await call('library.delete', { ids: ['a'] });
    expect(await list()).toEqual(['b']);
    expect(await list({ isDeleted: true })).toEqual(['a']);
    expect(library.count).toBe(1);
    await call('library.delete', { ids: ['a', 'b'] });
    await call('library.restore', { ids: ['a', 'b'] });
    expect(await list()).toEqual(['b', 'a']);
  });

  it('is emptied with the files of pictures and thumbnails, and nothing else', async () => {
    const { add, call, library, places } = studio();
    const files = ['a', 'b', 'gone'].map((id) => {
      add(id);
      writeFileSync(library.fileOf(id), RED_PNG);
      return library.fileOf(id);
    });
    const thumbnails = await Promise.all(['a', 'b', 'gone'].map((id) => library.ensureThumbnail(id)));
    rmSync(files[2]!);
    rmSync(thumbnails[2]!);
    await call('library.change', { ids: ['a', 'b'], addTags: ['good'] });
    await call('library.delete', { ids: ['a', 'gone'] });
    expect(await call('library.emptyTrash', {})).toEqual({ count: 2 });
    expect(files.map((file) => existsSync(file))).toEqual([false, true, false]);
    expect(thumbnails.map((file) => existsSync(file))).toEqual([false, true, false]);
    expect(library.find('a')).toBeUndefined();
    expect(library.get('b').tags).toEqual(['good']);
    expect(readdirSync(places.pictures)).toEqual(['b.png']);
    expect(await call('library.emptyTrash', {})).toEqual({ count: 0 });
  });

  it('keeps what cannot be deleted and says so, after the rest is gone', async () => {
    const { add, call, list, library, told } = studio();
    ['a', 'b'].forEach((id) => add(id));
    // A folder where the file was: it cannot be deleted as a file.
    mkdirSync(library.fileOf('a'));
    await call('library.delete', { ids: ['a', 'b'] });
    const error = await errorOf(() => call('library.emptyTrash', {}));
    expect(error.code).toBe('disk');
    expect(error.message).toContain('1 of 2 pictures could not be deleted');
    expect(await list({ isDeleted: true })).toEqual(['a']);
    expect(told.at(-1)).toMatchObject({ revision: library.revision });
  });
});

describe('thumbnails', () => {
  it('are made when they are missing, once for all who ask', async () => {
    const { add, library } = studio();
    add('job-1');
    writeFileSync(library.fileOf('job-1'), RED_PNG);
    const paths = await Promise.all([library.ensureThumbnail('job-1'), library.ensureThumbnail('job-1')]);
    expect(new Set(paths)).toEqual(new Set([library.thumbnailOf('job-1')]));
    const { format, width, height } = await sharp(paths[0]).metadata();
    expect({ format, width, height }).toEqual({ format: 'webp', width: 384, height: 192 });
    expect(readdirSync(join(paths[0], '..'))).toEqual(['job-1.webp']);
  });

  it('that are there are left as they are', async () => {
    const { add, library } = studio();
    add('job-1');
    writeFileSync(library.thumbnailOf('job-1'), 'made before');
    expect(readFileSync(await library.ensureThumbnail('job-1'), 'utf8')).toBe('made before');
  });

  it('stay inside their folder', async () => {
    const { library, places } = studio();
    expect(library.thumbnailOf('job-1').startsWith(places.thumbnails)).toBe(true);
    for (const id of ['../outside', 'a/b', '', '..', 'x'.repeat(65)]) {
      expect((await errorOf(() => library.thumbnailOf(id))).code).toBe('bad-usage');
    }
  });

  it('of a picture whose file is gone or damaged are refused with the reason', async () => {
    const { add, library } = studio();
    add('gone');
    add('damaged');
    writeFileSync(library.fileOf('damaged'), RED_PNG.subarray(0, 60));
    expect((await errorOf(() => library.ensureThumbnail('gone'))).code).toBe('disk');
    expect((await errorOf(() => library.ensureThumbnail('damaged'))).code).toBe('bad-file');
    expect(existsSync(library.thumbnailOf('damaged'))).toBe(false);
  });
});

describe('an export', () => {
  it('copies into a folder without overwriting anything', async () => {
    const { call, library, addFile } = studio();
    const folder = testFolder();
    addFile('a', 'one/cat.png', 'first');
    addFile('b', 'two/cat.png', 'second');
    addFile('gone', 'three/cat.png', 'third');
    rmSync(library.fileOf('gone'));
    writeFileSync(join(folder, 'cat (2).png'), 'of the person');
    expect(await call('library.export', { ids: ['b', 'a', 'gone'], folder })).toEqual({ count: 2 });
    expect(contents(folder)).toEqual({
      'cat.png': 'first',
      'cat (2).png': 'of the person',
      'cat (3).png': 'second',
    });
  });

  it('makes a zip file that is not compressed again', async () => {
    const { call, places, addFile } = studio();
    addFile('a', 'one/cat.png', 'first');
    addFile('b', 'two/CAT.png', 'second');
    const { count, url } = await call('library.export', { ids: ['a', 'b', 'a'] });
    expect(count).toBe(2);
    expect(url).toMatch(/^\/files\/made\/[\w-]+\.zip$/);
    const [name, ...others] = readdirSync(places.made);
    expect(others).toEqual([]);
    expect(url!.endsWith(`/${name}`)).toBe(true);
    const zip = readFileSync(join(places.made, name!)).toString('latin1');
    expect(zip).toContain('cat.pngfirst');
    expect(zip).toContain('CAT (2).pngsecond');
  });

  it('is refused when no file is left, and leaves nothing behind', async () => {
    const { call, places, add } = studio();
    add('a');
    expect((await errorOf(() => call('library.export', { ids: ['a'] }))).code).toBe('disk');
    const folder = join(testFolder(), 'missing');
    expect((await errorOf(() => call('library.export', { ids: ['a'], folder }))).code).toBe('disk');
    expect(readdirSync(places.made)).toEqual([]);
  });

  it('says when the folder cannot be written to', async () => {
    const { call, addFile } = studio();
    addFile('a', 'cat.png', 'first');
    const folder = join(testFolder(), 'missing');
    const error = await errorOf(() => call('library.export', { ids: ['a'], folder }));
    expect(error).toMatchObject({ code: 'disk', message: expect.stringContaining(folder) as string });
  });
});

describe('a library of 50 000 pictures', () => {
  it('is listed from the index alone, searched without reading every prompt, and right far down', async () => {
    const { database, places, list, library } = studio();
    await addManyPictures({ database, places, count: 50_000 });
    const filters: PictureFilter[] = [{}, { isDeleted: true }, { isStarred: true }, { modelName: 'tiny' }];
    for (const filter of filters) {
      expect(planOf(database, filter), JSON.stringify(filter)).toEqual([
        expect.stringMatching(/^SEARCH pictures USING COVERING INDEX pictures_kept \(deleted_at/),
      ]);
    }
    for (const filter of [{ search: 'red house' }, { tag: 'good' }, { folder: 'Boats' }]) {
      const plan = planOf(database, filter).join('\n');
      expect(plan, JSON.stringify(filter)).not.toMatch(/SCAN (pictures|picture_tags)\b/);
    }
    const page = explain(database, PAGE, ['[1, 2]']).join('\n');
    expect(page).toContain('SEARCH pictures USING INTEGER PRIMARY KEY (rowid=?)');
    expect(page).toContain('SEARCH picture_tags USING COVERING INDEX picture_tags_of (picture=?)');
    expect(page).not.toMatch(/SCAN pictures\b/);

    expect(library.count).toBe(49_500);
    expect(await list({}, { order: 'oldest', offset: 49_498, limit: 9 })).toEqual([
      'many-49997',
      'many-49998',
    ]);
    expect(await list({}, { offset: 49_498, limit: 9 })).toEqual(['many-00001', 'many-00000']);
    expect(await list({ search: 'number 4999' }, { limit: 2 })).toEqual(['many-49998', 'many-49997']);
  });

  it('can be made with real files for a window to show', async () => {
    const { database, places, library, call } = studio();
    await addManyPictures({ database, places, count: 8, withFiles: true });
    const { width, height } = library.get('many-00005');
    expect(await sharp(library.fileOf('many-00005')).metadata()).toMatchObject({ width, height });
    expect(existsSync(library.thumbnailOf('many-00005'))).toBe(true);
    const { models } = await call('library.groups', {});
    expect(models.map(({ name }) => name)).toEqual(MANY_MODELS);
  });
});

function studio(options: Partial<LibraryOptions> = {}) {
  const places: Places = openPlaces(testFolder());
  const database = openDatabase(places.database);
  const events = new Events();
  const told: EventValue<'library'>[] = [];
  events.listen((name, value) => {
    if (name === 'library') told.push(value as EventValue<'library'>);
  });
  const readDrawing = () => Promise.reject(new Error('not asked for here'));
  const library = new PictureLibrary({ database, events, places, readDrawing, ...options });
  const call = caller(library);
  const add = (id: string, change: AddOptions = {}) => addPicture(library, places, { id, ...change });
  const addFile = (id: string, fileName: string, content: string) => {
    add(id, { fileName });
    mkdirSync(join(library.fileOf(id), '..'), { recursive: true });
    writeFileSync(library.fileOf(id), content);
  };
  const list = async (filter: PictureFilter = {}, page: Partial<Input<'library.list'>> = {}) => {
    const input = { filter, order: 'newest', offset: 0, limit: 100, ...page } as const;
    return (await call('library.list', input)).pictures.map(({ id }) => id);
  };
  return { places, database, library, told, call, add, addFile, list };
}

type LibraryCall = keyof PictureLibrary['handlers'];

/** Calls a handler by its name, and turns what it throws into a rejection, as the wire does. */
function caller(library: PictureLibrary) {
  return async <N extends LibraryCall>(name: N, input: Input<N>): Promise<Output<N>> =>
    library.handlers[name](input);
}

interface AddOptions {
  readonly prompt?: string;
  readonly negativePrompt?: string;
  readonly modelName?: string;
  /** Below the pictures folder. */
  readonly fileName?: string;
}

function addPicture(library: PictureLibrary, places: Places, options: AddOptions & { id: string }): Picture {
  const { id, prompt = 'a cat', negativePrompt = 'blurry', modelName = 'tiny' } = options;
  const { fileName = `${id}.png` } = options;
  const settings = { prompt, negativePrompt, width: 64, height: 48, seed: Number.MAX_SAFE_INTEGER };
  return library.add({ id, file: join(places.pictures, fileName), settings, modelName, createdAt: 1 });
}

function contents(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  );
}

function planOf(database: DatabaseSync, filter: PictureFilter): string[] {
  const condition = filterCondition(filter);
  return explain(database, numbersOf(condition), condition.values);
}

function explain(database: DatabaseSync, sql: string, values: readonly (string | number)[]): string[] {
  const rows = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values);
  return rows.map(({ detail }) => detail as string);
}
