/** @file Pictures of every unusual kind: taken care of, or refused by name. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { readPictureInfo, wholeView } from '../../../engine/image/pixels.ts';
import { pictureSize, readPicture, requireLargeEnough } from '../../../engine/training/data/pictures.ts';
import { makeSamples } from '../../../engine/training/data/sample.ts';
import { testFolder } from '../../helpers/folder.ts';
import { png, slope } from './made-up.ts';

const [WIDTH, HEIGHT] = [96, 64];

const whole = await png(WIDTH, HEIGHT);
const jpeg = await slope(WIDTH, HEIGHT).jpeg().toBuffer();

function written(name: string, bytes: Uint8Array | string): { kind: 'file'; path: string } {
  const path = join(testFolder(), name);
  writeFileSync(path, bytes);
  return { kind: 'file', path };
}

function pixelAt({ data, width }: { data: Uint8Array; width: number }, x: number, y: number): number[] {
  return [...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)];
}

describe('an unusual picture', () => {
  it('that is turned by EXIF is seen upright', async () => {
    const ref = written(
      'a.jpg',
      await slope(WIDTH, HEIGHT).withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    );
    expect(await pictureSize(ref)).toEqual({ width: HEIGHT, height: WIDTH });
    expect(await readPictureInfo(ref.path)).toMatchObject({ isTurned: true });
    const picture = await readPicture(ref);
    expect(picture).toMatchObject({ width: HEIGHT, height: WIDTH });
    const view = { width: 32, height: 48, left: 0, top: 32, partWidth: 32, partHeight: 16 };
    const part = await readPicture(ref, view);
    expect(pixelAt(part, 16, 15)[0]).toBeGreaterThan(240); // right became bottom
  });

  it('with transparency lies on white', async () => {
    const clear = sharp({
      create: { width: 8, height: 8, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0.5 } },
    });
    const ref = written('a.png', await clear.png().toBuffer());
    expect(await readPictureInfo(ref.path)).toMatchObject({ hasAlpha: true });
    expect(pixelAt(await readPicture(ref), 4, 4)).toEqual([255, 127, 127]);
    expect(pixelAt(await readPicture(ref, wholeView({ width: 4, height: 4 })), 2, 2)).toEqual([
      255, 127, 127,
    ]);
  });

  it('with 16 bits, grey, or CMYK becomes 8-bit RGB', async () => {
    const deep = written('deep.png', await slope(WIDTH, HEIGHT).toColourspace('rgb16').png().toBuffer());
    const grey = written('grey.png', await slope(WIDTH, HEIGHT).toColourspace('b-w').png().toBuffer());
    const cmyk = written('cmyk.jpg', await slope(WIDTH, HEIGHT).toColourspace('cmyk').jpeg().toBuffer());
    expect(await readPictureInfo(deep.path)).toMatchObject({ isDeep: true, isGrey: false });
    expect(await readPictureInfo(grey.path)).toMatchObject({ isDeep: false, isGrey: true });
    expect(await readPictureInfo(cmyk.path)).toMatchObject({ isCmyk: true });
    for (const ref of [deep, grey, cmyk]) {
      const { data } = await readPicture(ref, wholeView({ width: 48, height: 32 }));
      expect(data.length).toBe(48 * 32 * 3);
    }
    expect(pixelAt(await readPicture(deep), 95, 0)).toEqual([255, 0, 0]);
    const [red, green, blue] = pixelAt(await readPicture(grey, wholeView({ width: 48, height: 32 })), 20, 20);
    expect([red, blue]).toEqual([green, green]);
  });

  it('that moves shows its first frame', async () => {
    const frames = [await png(16, 16, 0), await png(16, 16, 255)];
    const ref = written(
      'a.gif',
      await sharp(frames, { join: { animated: true } })
        .gif()
        .toBuffer(),
    );
    expect(await readPictureInfo(ref.path)).toMatchObject({ isAnimated: true, width: 16, height: 16 });
    const picture = await readPicture(ref);
    expect([picture.width, picture.height]).toEqual([16, 16]);
    expect(pixelAt(picture, 8, 8)[2]).toBeLessThan(60);
  });
});

describe('a bad picture', () => {
  const corrupt = Uint8Array.from(whole, (byte, i) => (i > 60 && i < 200 ? byte ^ 0x5a : byte));
  const cases: [what: string, bytes: Uint8Array | string, says: RegExp][] = [
    ['empty', '', /a\.png: the file is empty/],
    ['text', 'no picture at all', /a\.png: this is not a picture we can read/],
    ['SVG', '<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"/>', /not a picture we can read/],
    ['corrupt', corrupt, /a\.png: the picture is truncated or damaged/],
    ['truncated', whole.subarray(0, whole.length / 2), /a\.png: the picture is truncated or damaged/],
    ['truncated as JPEG', jpeg.subarray(0, jpeg.length / 2), /truncated or damaged/],
    [
      'of a huge header',
      withSize(whole, 60_000, 60_000),
      /too large: 60000x60000, expected fewer than 100000000/,
    ],
  ];

  it.each(cases)('%s is refused', async (_, bytes, says) => {
    const picture = written('a.png', bytes);
    const { failed } = await makeSamples({
      slots: [{ name: 'a.png', picture, sample: 0 }],
      crop: { kind: 'shifted-square', size: 64 },
      grid: { positions: 'bounding_box', latentScale: 8 },
      ...{ size: 64, seed: 0 },
    });
    expect(failed).toEqual([{ at: 0, code: 'bad-file', message: expect.stringMatching(says) as string }]);
    await expect(readPicture(picture)).rejects.toThrow(says);
  });

  it('that is not there, or a folder, is refused', async () => {
    const folder = testFolder();
    await expect(pictureSize({ kind: 'file', path: join(folder, 'none.png') })).rejects.toThrow(
      /no such file/,
    );
    await expect(pictureSize({ kind: 'file', path: folder })).rejects.toThrow(/this is not a file/);
  });

  it.skipIf(process.getuid?.() === 0 || process.platform === 'win32')(
    'that may not be read is refused (skipped for root, who may)',
    async () => {
      const ref = written('a.png', whole);
      chmodSync(ref.path, 0o000);
      await expect(readPicture(ref)).rejects.toThrow(/no permission/);
    },
  );

  it.each([
    [63, 500, 64, 64],
    [127, 128, 256, 128],
    [300, 255, 512, 256],
  ])('of %d x %d is too small to train at %d', (width, height, size, least) => {
    expect(() => requireLargeEnough('a.png', { width, height }, size)).toThrow(
      `a.png: expected at least ${least} pixels on the short side to train at ${size}, got ${width}x${height}.`,
    );
    requireLargeEnough('a.png', { width: least, height: least }, size);
  });
});

it('a part of a scaled picture is that part', async () => {
  const ref = written('a.png', await png(200, 100));
  const view = { width: 128, height: 64, left: 50, top: 0, partWidth: 64, partHeight: 64 };
  const [part, scaled] = [
    await readPicture(ref, view),
    await readPicture(ref, wholeView({ width: 128, height: 64 })),
  ];
  expect(part).toMatchObject({ width: 64, height: 64 });
  for (const [x, y] of [
    [0, 0],
    [63, 63],
    [20, 40],
  ] as const) {
    expect(pixelAt(part, x, y)).toEqual(pixelAt(scaled, x + 50, y));
  }
});

/** A PNG whose header claims another size; its checksum is right, for a decoder may look at it. */
function withSize(bytes: Uint8Array, width: number, height: number): Uint8Array {
  const changed = Buffer.from(bytes);
  changed.writeUInt32BE(width, 16);
  changed.writeUInt32BE(height, 20);
  changed.writeUInt32BE(crc32(changed.subarray(12, 29)), 29);
  return changed;
}
