/** @file Pixels and their settings into one file, whole or not at all. */
import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { HdmError, toHdmError } from '../errors.ts';
import { toParametersText } from './a1111.ts';
import { toComfyWorkflow } from './comfyui.ts';
import { insertJpegExif, insertWebpExif, writeExif } from './exif.ts';
import { fromPixels, type Pixels } from './pixels.ts';
import { insertPngText } from './png-text.ts';
import { asciiJson, checkSettings, type PictureSettings } from './settings.ts';

export interface SaveOptions {
  /** 1 to 100, of WebP and JPEG. */
  readonly quality?: number;
}

type Encoder = (pixels: Pixels, settings: PictureSettings, quality: number) => Promise<Uint8Array>;

const ENCODERS: Readonly<Record<string, Encoder>> = {
  '.png': encodePng,
  '.webp': encodeWebp,
  '.jpg': encodeJpeg,
  '.jpeg': encodeJpeg,
};

/** Endings of the picture files that are written here. */
export const PICTURE_ENDINGS: readonly string[] = Object.keys(ENCODERS);

const QUALITY = 90;

/** Keywords of the texts in a PNG. */
export const PNG_KEYWORDS = {
  a1111: 'parameters',
  comfyPrompt: 'prompt',
  comfyWorkflow: 'workflow',
  ours: 'hdm-studio',
} as const;

/**
 * Writes a picture with its settings inside; the ending of `path` chooses PNG, WebP or JPEG. The file appears
 * whole or not at all. Throws 'bad-usage' for another ending, wrong settings, or a size or a prompt that the
 * format cannot hold; 'disk' when the system refuses.
 */
export async function saveImage(
  path: string,
  pixels: Pixels,
  settings: PictureSettings,
  options: SaveOptions = {},
): Promise<void> {
  const encode = requireFormat(path);
  try {
    const known = checkSettings(settings, 'bad-usage');
    const bytes = await encode(pixels, known, options.quality ?? QUALITY);
    await writeWhole(path, bytes);
  } catch (error) {
    throw toHdmError(error, path, 'bad-usage');
  }
}

/** The encoder that the ending of `path` chooses. Throws 'bad-usage' for another ending. */
export function requireFormat(path: string): Encoder {
  const encode = ENCODERS[extname(path).toLowerCase()];
  if (encode) return encode;
  throw new HdmError('bad-usage', path, 'unknown picture format', 'Name it .png, .webp or .jpg');
}

async function encodePng(pixels: Pixels, settings: PictureSettings): Promise<Uint8Array> {
  const png = await fromPixels(pixels).png().toBuffer();
  const { prompt, workflow } = toComfyWorkflow(settings);
  return insertPngText(png, {
    [PNG_KEYWORDS.a1111]: toParametersText(settings),
    [PNG_KEYWORDS.comfyPrompt]: asciiJson(prompt),
    [PNG_KEYWORDS.comfyWorkflow]: asciiJson(workflow),
    [PNG_KEYWORDS.ours]: asciiJson(settings),
  });
}

async function encodeWebp(pixels: Pixels, settings: PictureSettings, quality: number): Promise<Uint8Array> {
  const webp = await fromPixels(pixels).webp({ quality }).toBuffer();
  return insertWebpExif(webp, pixels.width, pixels.height, exifOf(settings));
}

async function encodeJpeg(pixels: Pixels, settings: PictureSettings, quality: number): Promise<Uint8Array> {
  const jpeg = await fromPixels(pixels).jpeg({ quality, chromaSubsampling: '4:4:4' }).toBuffer();
  return insertJpegExif(jpeg, exifOf(settings));
}

function exifOf(settings: PictureSettings): Buffer {
  return writeExif(asciiJson(settings), toParametersText(settings));
}

/**
 * A temporary name in the same folder, then renamed: nobody ever sees half a file under the right name. Throws
 * 'disk' when the system refuses.
 */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.hdm-${randomUUID()}.tmp`);
  try {
    await writeAndSync(temporary, bytes);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {}); // the first error is the one to tell
    throw toHdmError(error, path, 'disk');
  }
}

async function writeAndSync(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
