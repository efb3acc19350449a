import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { toParametersText } from '../../engine/image/a1111.ts';
import { decodeImage } from '../../engine/image/pixels.ts';
import { readPngText } from '../../engine/image/png-text.ts';
import { readSettings } from '../../engine/image/restore.ts';
import { saveImage } from '../../engine/image/save.ts';
import { errorOf, filesIn, gradient, inFolder, SETTINGS } from './samples.ts';

const PIXELS = gradient(48, 32);

describe('saveImage', () => {
  it('keeps every pixel in a PNG', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'a.png');
      await saveImage(path, PIXELS, SETTINGS);
      expect(await decodeImage(path)).toEqual(PIXELS);
      expect(filesIn(folder)).toEqual(['a.png']);
    });
  });

  it.each(['png', 'webp', 'jpg', 'jpeg', 'PNG'])('keeps settings exactly in .%s', async (ending) => {
    await inFolder(async (folder) => {
      const path = join(folder, `a.${ending}`);
      await saveImage(path, PIXELS, SETTINGS);
      expect(await readSettings(path)).toEqual({ source: 'hdm-studio', settings: SETTINGS });
    });
  });

  it.each(['webp', 'jpg'])('writes a .%s that looks like the picture', async (ending) => {
    await inFolder(async (folder) => {
      const path = join(folder, `a.${ending}`);
      await saveImage(path, PIXELS, SETTINGS, { quality: 95 });
      const { width, height, data } = await decodeImage(path);
      expect([width, height]).toEqual([48, 32]);
      const furthest = Math.max(...data.map((value, i) => Math.abs(value - PIXELS.data[i]!)));
      expect(furthest).toBeLessThan(25);
    });
  });

  it('has the texts of three programs in a PNG', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'a.png');
      await saveImage(path, PIXELS, SETTINGS);
      const texts = readPngText(readFileSync(path));
      expect([...texts.keys()]).toEqual(['parameters', 'prompt', 'workflow', 'hdm-studio']);
      expect(texts.get('parameters')).toBe(toParametersText(SETTINGS));
      expect(JSON.parse(texts.get('workflow')!)).toHaveProperty('nodes');
    });
  });

  it.each(['webp', 'jpg'])('has the A1111 text of a .%s where A1111 looks', async (ending) => {
    await inFolder(async (folder) => {
      const path = join(folder, `a.${ending}`);
      await saveImage(path, PIXELS, SETTINGS);
      const exif = (await sharp(path).metadata()).exif!;
      const start = exif.indexOf('UNICODE\0') + 'UNICODE\0'.length;
      expect(start).toBeGreaterThan(8);
      const text = Buffer.from(exif.subarray(start, start + 2 * toParametersText(SETTINGS).length));
      expect(text.swap16().toString('utf16le')).toBe(toParametersText(SETTINGS));
    });
  });

  it('lets quality change the size', async () => {
    await inFolder(async (folder) => {
      await saveImage(join(folder, 'low.jpg'), PIXELS, SETTINGS, { quality: 10 });
      await saveImage(join(folder, 'high.jpg'), PIXELS, SETTINGS, { quality: 100 });
      const [high, low] = ['high', 'low'].map((name) => readFileSync(join(folder, `${name}.jpg`)).length);
      expect(high).toBeGreaterThan(low!);
    });
  });

  it('replaces an older file', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'a.png');
      writeFileSync(path, 'old');
      await saveImage(path, PIXELS, SETTINGS);
      expect((await decodeImage(path)).width).toBe(48);
      expect(filesIn(folder)).toEqual(['a.png']);
    });
  });

  it.each(['a.gif', 'a', '.png', 'a.png.txt'])(
    'refuses the name %s, naming the three formats',
    async (name) => {
      await inFolder(async (folder) => {
        const error = await errorOf(() => saveImage(join(folder, name), PIXELS, SETTINGS));
        expect(error.code).toBe('bad-usage');
        expect(error.message).toMatch(/\.png.*\.webp.*\.jpg/);
        expect(filesIn(folder)).toEqual([]);
      });
    },
  );

  it('leaves nothing behind when the name is taken by a folder or too long', async () => {
    await inFolder(async (folder) => {
      mkdirSync(join(folder, 'taken.png'));
      for (const name of ['taken.png', `${'n'.repeat(300)}.png`]) {
        expect((await errorOf(() => saveImage(join(folder, name), PIXELS, SETTINGS))).code).toBe('disk');
      }
      expect(filesIn(folder)).toEqual(['taken.png']);
    });
  });

  it('says when the folder is a file or is not there', async () => {
    await inFolder(async (folder) => {
      writeFileSync(join(folder, 'file'), 'words');
      for (const name of ['file/a.png', 'absent/a.png']) {
        expect((await errorOf(() => saveImage(join(folder, name), PIXELS, SETTINGS))).code).toBe('disk');
      }
      expect(filesIn(folder)).toEqual(['file']);
      expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('words');
    });
  });

  it('refuses wrong settings, pixels and quality before it writes', async () => {
    await inFolder(async (folder) => {
      const save = (pixels: typeof PIXELS, settings: typeof SETTINGS, quality: number) =>
        errorOf(() => saveImage(join(folder, 'a.webp'), pixels, settings, { quality }));
      expect((await save(PIXELS, { ...SETTINGS, zoom: NaN }, 90)).message).toContain('zoom');
      expect((await save({ ...PIXELS, width: 47 }, SETTINGS, 90)).code).toBe('bad-shape');
      expect((await save(PIXELS, SETTINGS, 101)).code).toBe('bad-usage');
      expect(filesIn(folder)).toEqual([]);
    });
  });

  it('says that a JPEG has no room for a very long prompt, which a WebP and a PNG hold', async () => {
    await inFolder(async (folder) => {
      const settings = { ...SETTINGS, prompt: '長い'.repeat(8000) };
      const error = await errorOf(() => saveImage(join(folder, 'a.jpg'), PIXELS, settings));
      expect(error.code).toBe('bad-usage');
      expect(error.message).toContain('Save as .png');
      for (const name of ['a.png', 'a.webp']) {
        await saveImage(join(folder, name), PIXELS, settings);
        expect((await readSettings(join(folder, name))).settings).toEqual(settings);
      }
    });
  });
});
