import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { aliasesOf, readTags, type Tag } from '../../electron/host/prompts/tag-file.ts';
import { normalise, TagIndex } from '../../electron/host/prompts/tag-index.ts';
import { Tags } from '../../electron/host/prompts/tags.ts';
import { errorOf } from '../image/samples.ts';
import { testFolder } from '../helpers/folder.ts';

const BUILT_IN = fileURLToPath(new URL('../../resources/tags/tags.csv', import.meta.url));

describe('a list of tags', () => {
  it('is read in the format of the A1111 tag completion', async () => {
    const list = [
      '1girl,0,6008644,"1girls,sole_female"',
      'hatsune_miku,4,110200,"miku,初音ミク"',
      'saber_(fate),4,90000,',
      '^_^,0,50,',
      'someone,1,40',
      '"with, comma",3,30,""',
      'own category,mood,20,',
    ].join('\r\n');
    expect(await readTags(csv(list))).toEqual([
      { tag: '1girl', category: 'general', count: 6_008_644, aliases: '1girls,sole_female' },
      { tag: 'hatsune miku', category: 'character', count: 110_200, aliases: 'miku,初音ミク' },
      { tag: 'saber \\(fate\\)', category: 'character', count: 90_000, aliases: '' },
      { tag: '^_^', category: 'general', count: 50, aliases: '' },
      { tag: 'someone', category: 'artist', count: 40, aliases: '' },
      { tag: 'with, comma', category: 'copyright', count: 30, aliases: '' },
      { tag: 'own category', category: 'mood', count: 20, aliases: '' },
    ]);
  });

  it('may be names only, begin with a mark of its encoding and with names of columns', async () => {
    expect((await readTags(csv('\uFEFFcat\n\ndog\n'))).map(({ tag }) => tag)).toEqual(['cat', 'dog']);
    const named = await readTags(csv('name,category,count,alias\ncat,0,many,\ndog,0,-3,'));
    expect(named.map(({ tag, count }) => [tag, count])).toEqual([
      ['cat', 0],
      ['dog', 0],
    ]);
  });

  it.each([
    ['nothing', '', 'no tags'],
    ['empty lines', '\n\n,,,\n', 'no tags'],
    ['an open quote', 'cat,0,1,\n"dog,0,1,', 'Quote'],
    ['zero bytes', 'cat\0\0\x01', 'not text'],
    ['one endless line', 'x'.repeat(200_000), 'record'],
  ])('with %s is refused', async (_, content, problem) => {
    const path = csv(content);
    const error = await errorOf(() => readTags(path));
    expect(error.code).toBe('bad-file');
    expect(error.message).toContain(path);
    expect(error.message.toLowerCase()).toContain(problem.toLowerCase());
  });

  it('that is missing or a folder is refused', async () => {
    expect((await errorOf(() => readTags(join(testFolder(), 'none.csv')))).code).toBe('disk');
    expect((await errorOf(() => readTags(testFolder()))).code).toBe('bad-file');
  });
});

describe('completion', () => {
  it('finds the begin of any word, the most used first', async () => {
    const names = await completer(
      tag('hair ornament', 5),
      tag('long hair', 9),
      tag('chair', 8),
      tag('fair weather', 7),
      tag('short hair', 6),
    );
    expect(names('hair')).toEqual(['long hair', 'short hair', 'hair ornament']);
    expect(names('h')).toEqual(['long hair', 'short hair', 'hair ornament']);
    expect(names('hair or')).toEqual(['hair ornament']);
    expect(names('air')).toEqual([]);
    expect(names('')).toEqual([]);
    expect(names('hair', 2)).toEqual(['long hair', 'short hair']);
  });

  it('puts the tag that was typed in full before what is used more', async () => {
    const names = await completer(tag('cat ears', 9), tag('cat', 1), tag('cat tail', 5));
    expect(names('cat')).toEqual(['cat', 'cat ears', 'cat tail']);
    expect(names('ca')).toEqual(['cat ears', 'cat tail', 'cat']);
  });

  it('does not mind capitals, underscores, spaces and backslashes', async () => {
    const names = await completer(tag('Saber \\(fate\\)', 2), tag('long hair', 1), tag('été', 1));
    for (const text of ['saber_(fate)', 'SABER (FATE', 'saber \\(f', '  saber   ( ', 'fate']) {
      expect(names(text === '  saber   ( ' ? 'saber (' : text), text).toEqual(['Saber \\(fate\\)']);
    }
    expect(names('Long_H')).toEqual(['long hair']);
    expect(names(' long  hair ')).toEqual(['long hair']);
    expect(names('ÉT')).toEqual(['été']);
  });

  it('says by which alias a tag was found, and shows it once', async () => {
    const list = [tag('1girl', 9, 'woman, one girl'), tag('wombat', 5), tag('girl scout', 1, 'girl guide')];
    const index = await TagIndex.of(list);
    const found = (text: string) => index.complete(text, 10).map(({ tag, alias }) => [tag, alias]);
    expect(found('wom')).toEqual([
      ['1girl', 'woman'],
      ['wombat', undefined],
    ]);
    expect(found('girl')).toEqual([
      ['1girl', 'one girl'],
      ['girl scout', undefined],
    ]);
    expect(index.complete('wombat', 1)).toEqual([{ tag: 'wombat', category: 'general', count: 5 }]);
  });

  it('finds signs, single letters and other scripts', async () => {
    const names = await completer(tag(':d', 9), tag('v', 8), tag('猫耳', 7, 'ねこみみ,,'), tag('x', 1));
    expect(names(':')).toEqual([':d']);
    expect(names(':d')).toEqual([':d']);
    expect(names('v')).toEqual(['v']);
    expect(names('x')).toEqual(['x']);
    expect(names('猫')).toEqual(['猫耳']);
    expect(names('ねこ')).toEqual(['猫耳']);
  });

  it('finds its way in 100 000 tags', async () => {
    const list = Array.from({ length: 100_000 }, (_, number) =>
      tag(`tag ${number.toString(36)} of word${number % 977}`, number, `other ${number}`),
    );
    const index = await TagIndex.of(list);
    expect(index.complete('t', 1)[0]!.count).toBe(99_999);
    expect(index.complete('other 777', 3).map(({ count }) => count)).toEqual([777, 77_799, 77_798]);
    expect(index.complete('word976', 2).map(({ count }) => count)).toEqual([99_653, 98_676]);
    expect(index.complete('tag zzzzz', 5)).toEqual([]);
  });
});

describe('the tags of the studio', () => {
  it('are useful by themselves', async () => {
    const tags = new Tags({ builtIn: BUILT_IN, userFile: () => undefined });
    const first = async (text: string) => (await tags.complete(text, 1))[0];
    expect(await first('1g')).toMatchObject({ tag: '1girl', category: 'people' });
    expect(await first('woman')).toMatchObject({ tag: '1girl', alias: 'woman' });
    expect(await first('bunny')).toMatchObject({ tag: 'rabbit', alias: 'bunny' });
    expect(await first('master')).toMatchObject({ tag: 'masterpiece', category: 'quality' });
    for (const word of [
      'circle',
      'square',
      'triangle',
      'star',
      'heart',
      'diamond',
      'house',
      'tree',
      'flower',
    ]) {
      expect((await first(word))?.tag).toBe(word);
    }
    for (const word of ['fish', 'boat', 'sun', 'moon', 'cloud', 'mushroom', 'grass', 'sea', 'snow', 'sand']) {
      expect((await first(word))?.tag).toBe(word);
    }
    for (const word of ['day', 'sunset', 'night']) expect((await first(word))?.tag).toBe(word);
  });

  it('have no name twice, neither as a tag nor as an alias of their own', async () => {
    const tags = await readTags(BUILT_IN);
    const names = tags.map(({ tag }) => normalise(tag));
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    const taken = new Set(names);
    const aliases = tags.flatMap(({ aliases }) => aliasesOf(aliases).map(normalise));
    expect(aliases.filter((alias) => taken.has(alias))).toEqual([]);
    const text = readFileSync(BUILT_IN, 'utf8');
    expect(text.split('\n').filter((line) => line !== '' && !/^[^,]+,[a-z]+,\d+,/.test(line))).toEqual([]);
  });
});

describe("a person's own file", () => {
  it('comes beside the built-in tags, and its numbers count where both have one', async () => {
    const { tags, write } = own();
    write('cat_girl,4,7000,nekomusume\ncat,0,123456,', 1);
    expect((await tags.complete('cat', 2)).map(({ tag, count }) => [tag, count])).toEqual([
      ['cat', 123_456],
      ['cat girl', 7_000],
    ]);
    expect((await tags.complete('kitten', 1))[0]?.tag).toBe('kitten');
  });

  it('is read again when it changed', async () => {
    const { tags, write } = own();
    write('zebra_one,0,1,', 1);
    expect((await tags.complete('zebra', 5)).map(({ tag }) => tag)).toEqual(['zebra one']);
    write('zebra_two,0,1,', 2);
    expect((await tags.complete('zebra', 5)).map(({ tag }) => tag)).toEqual(['zebra two']);
  });

  it('that is broken is told once for each version of it, and the built-in tags go on', async () => {
    const { tags, write, path } = own();
    const missing = await errorOf(() => tags.complete('cat', 1));
    expect(missing).toMatchObject({ code: 'disk', message: expect.stringContaining(path) as string });
    expect((await tags.complete('cat', 1))[0]?.tag).toBe('cat');
    write('"open', 1);
    expect((await errorOf(() => tags.complete('cat', 1))).code).toBe('bad-file');
    expect((await tags.complete('cat', 1))[0]?.tag).toBe('cat');
    write('zebra,0,1,', 2);
    expect((await tags.complete('zebra', 1))[0]?.tag).toBe('zebra');
  });
});

function csv(content: string): string {
  const path = join(testFolder(), 'tags.csv');
  writeFileSync(path, content);
  return path;
}

function own() {
  const path = join(testFolder(), 'own.csv');
  const write = (content: string, second: number) => {
    writeFileSync(path, content);
    utimesSync(path, second, second);
  };
  return { path, write, tags: new Tags({ builtIn: BUILT_IN, userFile: () => path }) };
}

function tag(name: string, count: number, aliases = ''): Tag {
  return { tag: name, category: 'general', count, aliases };
}

async function completer(...tags: Tag[]) {
  const index = await TagIndex.of(tags);
  return (text: string, limit = 10) => index.complete(text, limit).map(({ tag }) => tag);
}
