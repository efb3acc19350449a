import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { openPlaces, type Places } from '../../electron/host/places.ts';
import { Uploads } from '../../electron/host/uploads.ts';
import { testFolder } from '../helpers/folder.ts';

let places: Places;
let uploads: Uploads;
beforeEach(() => {
  places = openPlaces(testFolder());
  uploads = new Uploads({ places });
});

it('a file that is sent is kept under an id', async () => {
  const { id } = await uploads.receive(sent('hello ', 'there'), { maxBytes: 11, name: 'My Picture.PNG' });
  expect(uploads.fileOf(id)).toBe(join(places.uploads, `${id}.png`));
  expect(readFileSync(uploads.fileOf(id), 'utf8')).toBe('hello there');
});

it.each(['../../evil', '..', 'x.a/b', 'x.p ng', undefined])('the name %j decides no path', async (name) => {
  const { id } = await uploads.receive(sent('x'), { maxBytes: 1, ...(name !== undefined && { name }) });
  expect(uploads.fileOf(id)).toBe(join(places.uploads, id));
});

describe('nothing is left of a file', () => {
  it('that is larger than allowed', async () => {
    await expectRefusal(sent('12345', '6'), 5, /more than the 5 bytes/);
  });

  it('that is cut off', async () => {
    async function* cut(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('begun');
      throw new Error('aborted');
    }
    await expectRefusal(cut(), 100, /connection ended before the whole file/);
  });

  async function expectRefusal(
    stream: AsyncIterable<Uint8Array>,
    maxBytes: number,
    words: RegExp,
  ): Promise<void> {
    const error = (await uploads.receive(stream, { maxBytes }).catch((reason: unknown) => reason)) as Error;
    expect(error).toMatchObject({ code: 'bad-usage', message: expect.stringMatching(words) as string });
    expect(readdirSync(places.uploads)).toEqual([]);
  }
});

it('what is not here is refused by its id, whatever it looks like', async () => {
  for (const id of ['nobody', '../studio.db', '']) {
    expect(() => uploads.fileOf(id)).toThrow(expect.objectContaining({ code: 'bad-usage' }));
  }
});

it('files of the last time are gone at the next start', () => {
  writeFileSync(join(places.uploads, 'old'), '');
  new Uploads({ places });
  expect(readdirSync(places.uploads)).toEqual([]);
});

async function* sent(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}
