import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage, decodeMask, fromPixels, resizeCover } from '../../engine/image/pixels.ts';
import { errorOf, gradient, inFolder } from './samples.ts';

const raw = (width: number, height: number, channels: 1 | 2 | 3 | 4) => ({
  raw: { width, height, channels },
});
const RED_BLUE = Uint8Array.of(255, 0, 0, 0, 0, 255);

describe('decodeImage', () => {
  it('reads pixels as they were written', async () => {
    const pixels = gradient(31, 17);
    expect(await decodeImage(await fromPixels(pixels).png().toBuffer())).toEqual(pixels);
  });

  it.each([
    [1, 2, 1, [255, 0, 0, 0, 0, 255]],
    [3, 2, 1, [0, 0, 255, 255, 0, 0]],
    [6, 1, 2, [255, 0, 0, 0, 0, 255]],
    [8, 1, 2, [0, 0, 255, 255, 0, 0]],
  ])('turns a picture upright whose EXIF orientation is %i', async (orientation, width, height, data) => {
    const turned = await sharp(RED_BLUE, raw(2, 1, 3))
      .withMetadata({ orientation })
      .png()
      .toBuffer();
    expect(await decodeImage(turned)).toEqual({ width, height, data: Uint8Array.from(data) });
  });

  it('puts grey with transparency on white', async () => {
    const grey = await sharp(Uint8Array.of(100, 255, 100, 0, 0, 127), raw(3, 1, 2))
      .png()
      .toBuffer();
    const { data } = await decodeImage(grey);
    expect([...data.subarray(0, 6)]).toEqual([100, 100, 100, 255, 255, 255]);
    expect(data[6]).toBeCloseTo(128, -0.5);
  });

  it('gives plain grey three channels', async () => {
    const grey = await sharp(Uint8Array.of(7, 200), raw(2, 1, 1))
      .toColourspace('b-w')
      .png()
      .toBuffer();
    expect([...(await decodeImage(grey)).data]).toEqual([7, 7, 7, 200, 200, 200]);
  });

  it('reduces 16 bits to 8', async () => {
    const wide = Uint16Array.of(65535, 0, 100 * 257);
    const png = await sharp(wide, raw(1, 1, 3))
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    expect((await sharp(png).metadata()).depth).toBe('ushort');
    expect([...(await decodeImage(png)).data]).toEqual([255, 0, 100]);
  });

  it('converts CMYK to sRGB', async () => {
    const background = { r: 200, g: 30, b: 40 };
    const image = sharp({ create: { width: 8, height: 8, channels: 3, background } });
    const cmyk = await image.toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
    expect((await sharp(cmyk).metadata()).space).toBe('cmyk');
    const { data } = await decodeImage(cmyk);
    expect(data.length).toBe(8 * 8 * 3);
    expect(Math.abs(data[0]! - 200) + Math.abs(data[1]! - 30) + Math.abs(data[2]! - 40)).toBeLessThan(80);
  });

  it('converts other RGB to sRGB', async () => {
    const p3 = await fromPixels({ width: 1, height: 1, data: Uint8Array.of(200, 30, 40) })
      .withIccProfile('p3')
      .png()
      .toBuffer();
    const stored = await sharp(p3, { ignoreIcc: true }).raw().toBuffer();
    expect(stored[0]).toBeLessThan(195);
    const { data } = await decodeImage(p3);
    expect(Math.abs(data[0]! - 200)).toBeLessThan(4);
  });

  it.each(['gif', 'webp'] as const)('takes the first frame of an animated %s', async (format) => {
    const frames = [RED_BLUE, Uint8Array.of(0, 255, 0, 0, 255, 0)].map((data) => ({
      input: Buffer.from(data),
      ...raw(2, 1, 3),
    }));
    const animated = sharp(
      await Promise.all(frames.map(({ input, raw }) => sharp(input, { raw }).png().toBuffer())),
      { join: { animated: true } },
    );
    const bytes = await (format === 'gif' ? animated.gif() : animated.webp({ lossless: true })).toBuffer();
    expect((await sharp(bytes).metadata()).pages).toBe(2);
    expect(await decodeImage(bytes)).toEqual({ width: 2, height: 1, data: RED_BLUE });
  });

  it('says that text, an empty file and a drawing are no pictures', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>';
    for (const text of ['just some words, long enough to look at', '', svg]) {
      const error = await errorOf(() => decodeImage(Buffer.from(text)));
      expect(error.code).toBe('bad-file');
      expect(error.message).toMatch(/not a picture|empty/);
    }
  });

  it.each(['png', 'jpeg', 'webp', 'gif'] as const)('says that half a %s is truncated', async (format) => {
    const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const;
    const image = sharp({ create: { width: 64, height: 64, channels: 3, background: 'black', noise } });
    const whole = await image.toFormat(format).toBuffer();
    const error = await errorOf(() => decodeImage(whole.subarray(0, whole.length / 2)));
    expect(error.code).toBe('bad-file');
    expect(error.message).toContain('truncated');
  });

  it('refuses a picture of the limit or more, naming its size', async () => {
    const png = await fromPixels(gradient(20, 10)).png().toBuffer();
    const error = await errorOf(() => decodeImage(png, { maxPixels: 200 }));
    expect(error.message).toContain('too large: 20x10');
    expect((await decodeImage(png, { maxPixels: 201 })).width).toBe(20);
  });

  it('refuses 100 megapixels before it unpacks them', async () => {
    const png = Buffer.from(await fromPixels(gradient(2, 2)).png().toBuffer());
    png.writeUInt32BE(10_000, 16); // width, height and checksum of the header
    png.writeUInt32BE(10_000, 20);
    png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
    expect((await errorOf(() => decodeImage(png))).message).toContain('too large: 10000x10000');
  });

  it('tells a missing file and a folder apart from bad ones', async () => {
    await inFolder(async (folder) => {
      mkdirSync(join(folder, 'folder.png'));
      writeFileSync(join(folder, 'words.png'), 'words');
      expect((await errorOf(() => decodeImage(join(folder, 'absent.png')))).code).toBe('disk');
      expect((await errorOf(() => decodeImage(join(folder, 'folder.png')))).message).toContain('not a file');
      expect((await errorOf(() => decodeImage(join(folder, 'words.png')))).message).toContain('words.png');
    });
  });
});

describe('resizeCover', () => {
  it('crops what sticks out evenly', async () => {
    const data = Uint8Array.from({ length: 12 * 4 * 3 }, (_, i) => {
      const x = Math.floor(i / 3) % 12;
      return x >= 4 && x < 8 ? 250 : 5;
    });
    const { width, height, data: cropped } = await resizeCover({ width: 12, height: 4, data }, 4, 4);
    expect([width, height]).toEqual([4, 4]);
    expect([...cropped]).toEqual(Array(48).fill(250));
  });

  it('returns a picture of the right size as it is', async () => {
    const pixels = gradient(8, 8);
    expect(await resizeCover(pixels, 8, 8)).toEqual(pixels);
  });

  it.each([0, -1, 1.5, NaN, 1e6])('refuses the size %d', async (side) => {
    expect((await errorOf(() => resizeCover(gradient(8, 8), side, 1000))).code).toBe('bad-usage');
  });

  it('refuses data that do not fit the size', async () => {
    const pixels = { width: 2, height: 2, data: new Uint8Array(11) };
    expect((await errorOf(() => resizeCover(pixels, 4, 4))).code).toBe('bad-shape');
  });
});

describe('decodeMask', () => {
  it('is brightness times opacity', async () => {
    const data = Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 128, 0, 0, 0, 255, 255, 255, 255, 0);
    const mask = await decodeMask(
      await sharp(data, raw(4, 1, 4))
        .png()
        .toBuffer(),
      4,
      1,
    );
    expect([...mask]).toEqual([255, 128, 0, 0]);
  });

  it('keeps values of a grey mask', async () => {
    const grey = await sharp(Uint8Array.of(0, 7, 128, 255), raw(4, 1, 1))
      .toColourspace('b-w')
      .png()
      .toBuffer();
    expect([...(await decodeMask(grey, 4, 1))]).toEqual([0, 7, 128, 255]);
  });

  it('is cropped as the picture under it', async () => {
    const picture = gradient(30, 10);
    const grey = Uint8Array.from({ length: 300 }, (_, i) => picture.data[i * 3]!);
    const png = await sharp(grey, raw(30, 10, 1))
      .toColourspace('b-w')
      .png()
      .toBuffer();
    const mask = await decodeMask(png, 20, 20);
    const { data } = await resizeCover(picture, 20, 20);
    expect(mask.length).toBe(400);
    const furthest = Math.max(...mask.map((value, i) => Math.abs(value - data[i * 3]!)));
    expect(furthest).toBeLessThan(6);
  });
});
