import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { fromPixels } from '../../engine/image/pixels.ts';
import { insertPngText, readPngText } from '../../engine/image/png-text.ts';
import { errorOf, gradient } from './samples.ts';

const PNG = await fromPixels(gradient(5, 4)).png().toBuffer();

/** The PNG with one more chunk after its header. */
function withChunk(type: string, ...parts: (string | Uint8Array)[]): Buffer {
  const data = Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)),
  );
  const body = Buffer.concat([Buffer.from(type), data]);
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32BE(data.length, 0);
  numbers.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([
    PNG.subarray(0, 33),
    numbers.subarray(0, 4),
    body,
    numbers.subarray(4),
    PNG.subarray(33),
  ]);
}

const chunkTypes = (png: Uint8Array): string[] =>
  Buffer.from(png)
    .toString('latin1')
    .match(/IHDR|tEXt|iTXt|zTXt|IDAT|IEND/g) ?? [];

describe('insertPngText', () => {
  it('writes latin-1 as tEXt and other text as iTXt, right after the header', () => {
    const png = insertPngText(PNG, { plain: 'café\nline', other: '東京 🎨' });
    expect(chunkTypes(png)).toEqual(['IHDR', 'tEXt', 'iTXt', 'IDAT', 'IEND']);
    expect([...readPngText(png)]).toEqual([
      ['plain', 'café\nline'],
      ['other', '東京 🎨'],
    ]);
  });

  it('leaves a picture that others can read, text included', async () => {
    const png = insertPngText(PNG, { plain: 'words', other: '東京' });
    expect((await sharp(png).metadata()).comments).toEqual([
      { keyword: 'plain', text: 'words' },
      { keyword: 'other', text: '東京' },
    ]);
    expect(await sharp(png).raw().toBuffer()).toEqual(Buffer.from(gradient(5, 4).data));
  });

  it('keeps a byte order mark and drops NUL', () => {
    expect(readPngText(insertPngText(PNG, { a: '\ufeffx\0y' })).get('a')).toBe('\ufeffxy');
  });

  it('refuses what is no PNG and what is no keyword', async () => {
    expect((await errorOf(() => insertPngText(Buffer.from('words'), { a: 'b' }))).code).toBe('bad-file');
    for (const keyword of ['', ' a', 'a'.repeat(80), 'é\0']) {
      expect((await errorOf(() => insertPngText(PNG, { [keyword]: 'b' }))).code).toBe('internal');
    }
  });
});

describe('readPngText', () => {
  it('unpacks zTXt and compressed iTXt', () => {
    expect(readPngText(withChunk('zTXt', 'k\0\0', deflateSync(Buffer.from('é', 'latin1')))).get('k')).toBe(
      'é',
    );
    const itxt = withChunk('iTXt', 'k\0\x01\0en\0word\0', deflateSync(Buffer.from('東')));
    expect(readPngText(itxt).get('k')).toBe('東');
  });

  it('takes the first of two texts with one keyword', () => {
    expect(readPngText(insertPngText(insertPngText(PNG, { k: 'old' }), { k: 'new' })).get('k')).toBe('new');
  });

  it('allows 16 MiB of text and not one byte more', async () => {
    const most = 'x'.repeat(16 << 20);
    expect(readPngText(insertPngText(PNG, { k: most })).get('k')?.length).toBe(16 << 20);
    expect((await errorOf(() => readPngText(insertPngText(PNG, { k: most, l: 'x' })))).message).toContain(
      'at most',
    );
  });

  it('stops unpacking a bomb', async () => {
    const bomb = deflateSync(Buffer.alloc(17 << 20));
    expect((await errorOf(() => readPngText(withChunk('zTXt', 'k\0\0', bomb)))).message).toContain('at most');
  });

  it.each([
    ['without the end of its keyword', withChunk('tEXt', 'keyword')],
    ['with an endless keyword', withChunk('tEXt', `${'k'.repeat(80)}\0text`)],
    ['without a keyword', withChunk('tEXt', '\0text')],
    ['with an unknown compression', withChunk('zTXt', 'k\0\x05', deflateSync(Buffer.from('x')))],
    ['that cannot be unpacked', withChunk('zTXt', 'k\0\0', 'not zlib')],
    ['without its language', withChunk('iTXt', 'k\0\0\0en')],
    ['that is not UTF-8', withChunk('iTXt', 'k\0\0\0\0\0', Uint8Array.of(0xff))],
    [
      'with a wrong checksum',
      Buffer.from(withChunk('tEXt', 'k\0text').toString('latin1').replace('text', 'test'), 'latin1'),
    ],
    ['cut off in its data', withChunk('tEXt', 'k\0text').subarray(0, 44)],
    ['cut off in its head', withChunk('tEXt', 'k\0text').subarray(0, 40)],
  ])('refuses a text %s', async (_, png) => {
    expect((await errorOf(() => readPngText(png))).code).toBe('bad-file');
  });
});
