import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toParametersText } from '../../engine/image/a1111.ts';
import { toComfyWorkflow } from '../../engine/image/comfyui.ts';
import { insertJpegExif, writeExif } from '../../engine/image/exif.ts';
import { fromPixels } from '../../engine/image/pixels.ts';
import { insertPngText } from '../../engine/image/png-text.ts';
import { type RestoredSettings, readSettings } from '../../engine/image/restore.ts';
import { saveImage } from '../../engine/image/save.ts';
import { PictureSettingsSchema } from '../../engine/image/settings.ts';
import { HdmError } from '../../engine/errors.ts';
import { errorOf, gradient, inFolder, randomNumbers, SETTINGS } from './samples.ts';

const PIXELS = gradient(24, 16);
const PNG = await fromPixels(PIXELS).png().toBuffer();
const JPEG = await fromPixels(PIXELS).jpeg().toBuffer();
const PARAMETERS = toParametersText(SETTINGS);
const GRAPH = JSON.stringify(toComfyWorkflow(SETTINGS).prompt);

const restore = (bytes: Uint8Array): Promise<RestoredSettings> =>
  inFolder((folder) => {
    writeFileSync(join(folder, 'picture'), bytes);
    return readSettings(join(folder, 'picture'));
  });

const saved = (name: string): Promise<Buffer> =>
  inFolder(async (folder) => {
    await saveImage(join(folder, name), PIXELS, SETTINGS);
    return readFileSync(join(folder, name));
  });

describe('readSettings', () => {
  it('prefers ours, then A1111, then ComfyUI', async () => {
    const texts = { prompt: GRAPH, parameters: PARAMETERS, 'hdm-studio': JSON.stringify(SETTINGS) };
    expect((await restore(insertPngText(PNG, texts))).source).toBe('hdm-studio');
    const { 'hdm-studio': _, ...others } = texts;
    expect((await restore(insertPngText(PNG, others))).source).toBe('a1111');
    const comfyui = await restore(insertPngText(PNG, { prompt: GRAPH }));
    expect(comfyui).toMatchObject({
      source: 'comfyui',
      settings: { seed: SETTINGS.seed, zoom: SETTINGS.zoom },
    });
  });

  it('takes the next source when one is damaged, and says so when it was the last', async () => {
    const both = insertPngText(PNG, { 'hdm-studio': '{"version":9}', parameters: PARAMETERS });
    expect(await restore(both)).toMatchObject({ source: 'a1111', settings: { steps: 32 } });
    const error = await errorOf(() => restore(insertPngText(PNG, { 'hdm-studio': '{"version":9}' })));
    expect(error.message).toContain('version');
  });

  it('says that no settings were found', async () => {
    const webp = await fromPixels(PIXELS).webp().toBuffer();
    const camera = await fromPixels(PIXELS)
      .withExif({ IFD0: { ImageDescription: 'a holiday' }, IFD2: { UserComment: 'nice' } })
      .jpeg()
      .toBuffer();
    for (const bytes of [PNG, JPEG, webp, camera, insertPngText(PNG, { parameters: 'words' })]) {
      const error = await errorOf(() => restore(bytes));
      expect(error.code).toBe('bad-file');
      expect(error.message).toContain('found no settings');
    }
  });

  it('reads the EXIF of another program in either byte order', async () => {
    const comment = Buffer.concat([
      Buffer.from('UNICODE\0'),
      Buffer.from('a 猫\nSteps: 7, Seed: 3', 'utf16le'),
    ]);
    const expected = { source: 'a1111', settings: { prompt: 'a 猫', negativePrompt: '', steps: 7, seed: 3 } };
    const little = littleEndianExif([0x9286, 7, comment]);
    expect(await restore(insertJpegExif(JPEG, little))).toEqual(expected);
    const wrongOrder = Buffer.from(comment);
    wrongOrder.subarray(8).swap16();
    expect(await restore(insertJpegExif(JPEG, littleEndianExif([0x9286, 7, wrongOrder])))).toEqual(expected);
    const ascii = Buffer.from('ASCII\0\0\0a cat\nSteps: 7, Seed: 3\0');
    const plain = await restore(insertJpegExif(JPEG, littleEndianExif([0x9286, 7, ascii])));
    expect(plain.settings.prompt).toBe('a cat');
  });

  it('reads the graph that ComfyUI puts into EXIF', async () => {
    const exif = writeExif(`prompt:${GRAPH.replace(/[^ -~]/g, '?')}`, '');
    expect((await restore(insertJpegExif(JPEG, exif))).source).toBe('comfyui');
  });

  it('refuses what is no picture', async () => {
    expect((await errorOf(() => restore(Buffer.from('words, no picture')))).code).toBe('bad-file');
    expect((await errorOf(() => restore(Buffer.alloc(0)))).message).toContain('empty');
    expect((await errorOf(() => readSettings('absent.png'))).code).toBe('disk');
  });

  it.each([
    ['a.png', 600],
    ['a.jpg', 150],
    ['a.webp', 150],
  ])('gives a valid result or an HdmError for a mutated %s', async (name, count) => {
    const original = await saved(name);
    const outcomes = { restored: 0, refused: 0 };
    await inFolder(async (folder) => {
      for (let seed = 0; seed < count; seed++) {
        const path = join(folder, name);
        writeFileSync(path, mutate(original, randomNumbers(seed)));
        const result = await readSettings(path).catch((error: unknown) => error);
        if (result instanceof HdmError) {
          outcomes.refused++;
          continue;
        }
        const { settings } = result as RestoredSettings;
        expect(PictureSettingsSchema.partial().safeParse(settings).success, `seed ${seed}`).toBe(true);
        outcomes.restored++;
      }
    });
    expect(outcomes.restored).toBeGreaterThan(0);
    expect(outcomes.refused).toBeGreaterThan(0);
  });

  it('gives a valid result or an HdmError for mutated texts under a right checksum', async () => {
    const texts = { 'hdm-studio': JSON.stringify(SETTINGS), parameters: PARAMETERS, prompt: GRAPH };
    for (const [keyword, text] of Object.entries(texts)) {
      for (let seed = 0; seed < 150; seed++) {
        const mutated = mutate(Buffer.from(text), randomNumbers(seed)).toString('utf8');
        const result = await restore(insertPngText(PNG, { [keyword]: mutated })).catch(
          (error: unknown) => error,
        );
        if (result instanceof HdmError) continue;
        const { settings } = result as RestoredSettings;
        expect(PictureSettingsSchema.partial().safeParse(settings).success, `seed ${seed}`).toBe(true);
      }
    }
  });
});

/** Changes, cuts, repeats or removes a few places, most of them in the front, where the settings are. */
function mutate(original: Buffer, random: () => number): Buffer {
  let bytes = Buffer.from(original);
  const place = () => Math.floor(random() ** 2 * bytes.length);
  for (let change = 0; change < 1 + random() * 4; change++) {
    const [from, to] = [place(), place()].sort((a, b) => a - b) as [number, number];
    const kind = random();
    if (kind < 0.5) bytes[from] = Math.floor(random() * 256);
    else if (kind < 0.6) bytes[from] = 0;
    else if (kind < 0.7) bytes.fill(0xff, from, Math.min(from + 4, bytes.length));
    else if (kind < 0.8) bytes = Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
    else if (kind < 0.9) bytes = Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
    else bytes = bytes.subarray(0, to);
  }
  return bytes;
}

/** EXIF data with one value in its inner directory. */
function littleEndianExif([tag, type, value]: [tag: number, type: number, value: Buffer]): Buffer {
  const bytes = Buffer.alloc(44);
  bytes.write('II*\0', 'latin1');
  bytes.writeUInt32LE(8, 4);
  bytes.writeUInt16LE(1, 8);
  bytes.writeUInt16LE(0x8769, 10);
  bytes.writeUInt16LE(4, 12);
  bytes.writeUInt32LE(1, 14);
  bytes.writeUInt32LE(26, 18);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(tag, 28);
  bytes.writeUInt16LE(type, 30);
  bytes.writeUInt32LE(value.length, 32);
  bytes.writeUInt32LE(44, 36);
  return Buffer.concat([bytes, value]);
}
