/** @file Pictures as plain numbers: whatever a file holds becomes upright, opaque, 8-bit sRGB. */
import sharp, { type Metadata, type Sharp } from 'sharp';
import { HdmError } from '../errors.ts';
import { emptyFile, fileSize, readBytes } from './bytes.ts';

/** RGB, 8 bits each, row-major: `data.length` = width * height * 3. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export interface DecodeOptions {
  /** Pictures of this many pixels or more are refused. */
  readonly maxPixels?: number;
}

/** A part of a picture that is scaled as a whole first. All in pixels; the part lies inside. */
export interface View {
  /** Of the whole picture, scaled. */
  readonly width: number;
  readonly height: number;
  /** Of the part. */
  readonly left: number;
  readonly top: number;
  readonly partWidth: number;
  readonly partHeight: number;
}

/** All of a picture of this size. */
export function wholeView({ width, height }: Pick<View, 'width' | 'height'>): View {
  return { width, height, left: 0, top: 0, partWidth: width, partHeight: height };
}

/** What the header of a picture file says, before anything is decoded. */
export interface PictureInfo {
  /** As the picture is seen: turned as its EXIF says. */
  readonly width: number;
  readonly height: number;
  readonly format: string;
  readonly isTurned: boolean;
  readonly isAnimated: boolean;
  readonly isCmyk: boolean;
  readonly isGrey: boolean;
  readonly hasAlpha: boolean;
  /** More than 8 bits per value. */
  readonly isDeep: boolean;
}

const MAX_PIXELS = 100_000_000;

/** Formats of pixels only: a vector format could name other files. AVIF is called heif here. */
const FORMATS: readonly string[] = ['png', 'jpeg', 'webp', 'gif', 'tiff', 'heif'];

/**
 * Reads a picture: turned as its EXIF says, transparency on white, colours converted to sRGB, the first frame
 * of an animation. Throws 'bad-file' when it is no picture, truncated, damaged or too large; 'disk' when it
 * cannot be read.
 */
export async function decodeImage(
  pathOrBytes: string | Uint8Array,
  options: DecodeOptions = {},
): Promise<Pixels> {
  const { name, bytes } = await readBytes(pathOrBytes);
  const image = await openImage(name, bytes, options.maxPixels ?? MAX_PIXELS);
  return toPixels(name, image.autoOrient().flatten({ background: '#ffffff' }).toColourspace('srgb'));
}

/** As `decodeImage`, but scales the picture (bicubic) and gives a part of it. Errors as `decodeImage`. */
export async function decodeView(
  pathOrBytes: string | Uint8Array,
  view: View,
  options: DecodeOptions = {},
): Promise<Pixels> {
  const { name, bytes } = await readBytes(pathOrBytes);
  const { width, height, left, top, partWidth, partHeight } = view;
  checkSize(name, width, height);
  const image = await openImage(name, bytes, options.maxPixels ?? MAX_PIXELS);
  const upright = image.autoOrient().flatten({ background: '#ffffff' });
  // A JPEG that is read at a fraction of its size would be blurred and moved a little.
  const scaled = upright.resize(width, height, { fit: 'fill', kernel: 'cubic', fastShrinkOnLoad: false });
  const part = scaled.extract({ left, top, width: partWidth, height: partHeight });
  return toPixels(name, part.toColourspace('srgb'));
}

/** What a file's header says; its pixels are not read. Throws 'bad-file' and 'disk' as `decodeImage`. */
export async function readPictureInfo(path: string): Promise<PictureInfo> {
  const bytes = await fileSize(path);
  if (bytes === 0) throw emptyFile(path);
  const metadata = await readHeader(path, sharp(path, { failOn: 'error', limitInputPixels: false }));
  checkHeader(path, metadata, MAX_PIXELS);
  const { format, orientation = 1, pages = 1, space, depth, channels, hasAlpha } = metadata;
  return {
    ...metadata.autoOrient,
    format,
    isTurned: orientation > 1,
    isAnimated: pages > 1,
    isCmyk: space === 'cmyk',
    isGrey: channels < 3,
    hasAlpha,
    isDeep: depth !== 'uchar',
  };
}

/** Scales to cover width x height (Lanczos) and crops what sticks out, evenly on both sides. */
export async function resizeCover(pixels: Pixels, width: number, height: number): Promise<Pixels> {
  checkSize('resize', width, height);
  if (pixels.width === width && pixels.height === height) return pixels;
  const resized = fromPixels(pixels).resize(width, height, { fit: 'cover', kernel: 'lanczos3' });
  return toPixels('resize', resized);
}

/**
 * Reads a mask: [height, width] bytes, brightness times opacity. Scaled and cropped as `resizeCover` does, so a
 * mask of a picture's shape stays over that picture. Errors as `decodeImage`.
 */
export async function decodeMask(
  pathOrBytes: string | Uint8Array,
  width: number,
  height: number,
): Promise<Uint8Array> {
  const { name, bytes } = await readBytes(pathOrBytes);
  checkSize(name, width, height);
  const image = await openImage(name, bytes, MAX_PIXELS);
  const onBlack = image.autoOrient().flatten({ background: '#000000' });
  // A straight-line filter: Lanczos would put rings of half-masked pixels around each edge.
  const fitted = onBlack.resize(width, height, { fit: 'cover', kernel: 'linear' }).toColourspace('b-w');
  return (await toRaw(name, fitted)).data;
}

/** The pixels as a sharp picture. Throws 'bad-shape' when sizes and data disagree. */
export function fromPixels({ width, height, data }: Pixels): Sharp {
  checkSize('pixels', width, height);
  if (data.length !== width * height * 3) {
    const problem = `expected ${width}x${height}x3 = ${width * height * 3} values, got ${data.length}`;
    throw new HdmError('bad-shape', 'pixels', problem);
  }
  return sharp(data, { raw: { width, height, channels: 3 } });
}

async function openImage(name: string, bytes: Uint8Array, maxPixels: number): Promise<Sharp> {
  // The limit is checked below, from the header and with its own words.
  const image = sharp(bytes, { failOn: 'error', limitInputPixels: false });
  checkHeader(name, await readHeader(name, image), maxPixels);
  return image;
}

function checkHeader(name: string, { format, width, height }: Metadata, maxPixels: number): void {
  if (!FORMATS.includes(format)) throw notAnImage(name);
  if (width * height < maxPixels) return;
  const problem = `the picture is too large: ${width}x${height}, expected fewer than ${maxPixels} pixels`;
  throw new HdmError('bad-file', name, problem, 'Make it smaller first');
}

async function readHeader(name: string, image: Sharp): Promise<Metadata> {
  try {
    return await image.metadata();
  } catch (error) {
    if (String(error).includes('unsupported image format')) throw notAnImage(name, error);
    throw damaged(name, error);
  }
}

async function toPixels(name: string, image: Sharp): Promise<Pixels> {
  const { data, width, height, channels } = await toRaw(name, image);
  if (channels !== 3) throw new HdmError('internal', name, `expected 3 channels, got ${channels}`);
  return { width, height, data };
}

async function toRaw(name: string, image: Sharp) {
  try {
    const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    return { ...info, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
  } catch (error) {
    throw damaged(name, error);
  }
}

function checkSize(where: string, width: number, height: number): void {
  const valid = [width, height].every((side) => Number.isSafeInteger(side) && side > 0);
  if (valid && width * height < MAX_PIXELS) return;
  const problem = `expected a size in whole pixels below ${MAX_PIXELS} in all, got ${width}x${height}`;
  throw new HdmError('bad-usage', where, problem);
}

function notAnImage(name: string, cause?: unknown): HdmError {
  const advice = 'Choose a PNG, JPEG, WebP, GIF, TIFF or AVIF file';
  return new HdmError('bad-file', name, 'this is not a picture we can read', advice, cause);
}

function damaged(name: string, cause: unknown): HdmError {
  return new HdmError(
    'bad-file',
    name,
    'the picture is truncated or damaged',
    'Get a whole copy of it',
    cause,
  );
}
