/**
 * @file The two EXIF texts we use (EXIF 3.0, CIPA DC-008): ImageDescription, and UserComment in UTF-16 as the
 * A1111 web UI writes it. The image library cannot write UserComment beyond ASCII, hence these few lines.
 */
import { HdmError } from '../errors.ts';

/** Tags and the number of the type that says how a value is stored. */
const TAGS = { imageDescription: 0x010e, exifDirectory: 0x8769, userComment: 0x9286 } as const;
const TYPES = { ascii: 2, long: 4, undefined: 7 } as const;
const MAX_JPEG_SEGMENT_BYTES = 0xffff;
const MAX_TEXT_BYTES = 16 << 20;
const EXIF_PREFIX = Buffer.from('Exif\0\0', 'latin1');
const UNICODE_PREFIX = Buffer.from('UNICODE\0', 'latin1');
/** ComfyUI puts its graph, so marked, into the tag of the camera's name. */
const COMFY_PREFIX = Buffer.from('prompt:', 'latin1');
const ASCII_PREFIX = Buffer.from('ASCII\0\0\0', 'latin1');

interface Entry {
  readonly tag: number;
  readonly type: number;
  readonly value: Buffer;
}

/** EXIF data (big-endian TIFF) that holds `description` (ASCII) and `comment` (any text). */
export function writeExif(description: string, comment: string): Buffer {
  const header = Buffer.from('4d4d002a00000008', 'hex');
  const comment16 = Buffer.from(comment, 'utf16le').swap16();
  const descriptionEntry = {
    tag: TAGS.imageDescription,
    type: TYPES.ascii,
    value: Buffer.from(`${description}\0`, 'latin1'),
  };
  const commentEntry = {
    tag: TAGS.userComment,
    type: TYPES.undefined,
    value: Buffer.concat([UNICODE_PREFIX, comment16]),
  };
  const pointer = { tag: TAGS.exifDirectory, type: TYPES.long, value: Buffer.alloc(4) };
  const innerAt = header.length + writeDirectory([descriptionEntry, pointer], header.length).length;
  pointer.value.writeUInt32BE(innerAt);
  const main = writeDirectory([descriptionEntry, pointer], header.length);
  return Buffer.concat([header, main, writeDirectory([commentEntry], innerAt)]);
}

/** The texts of EXIF data. What is malformed or over 16 MiB is left out. */
export function readExif(exif: Uint8Array): { description?: string; comment?: string; comfyPrompt?: string } {
  const bytes = Buffer.from(exif.buffer, exif.byteOffset, exif.length);
  const tiff = bytes.subarray(startsWith(bytes, EXIF_PREFIX) ? EXIF_PREFIX.length : 0);
  const order = tiff.toString('latin1', 0, 2);
  if (tiff.length < 8 || (order !== 'MM' && order !== 'II')) return {};
  const isBigEndian = order === 'MM';
  const main = readDirectory(tiff, isBigEndian, readUint(tiff, 4, 4, isBigEndian));
  const pointer = main.find(({ tag }) => tag === TAGS.exifDirectory)?.value;
  const innerAt = pointer?.length === 4 ? readUint(pointer, 0, 4, isBigEndian) : tiff.length;
  const inner = readDirectory(tiff, isBigEndian, innerAt);
  const description = main.find(({ tag }) => tag === TAGS.imageDescription);
  const comment = inner.find(({ tag }) => tag === TAGS.userComment);
  const graph = main.find(({ value }) => startsWith(value, COMFY_PREFIX));
  return {
    ...(description && { description: decodeAscii(description.value) }),
    ...(comment && { comment: decodeComment(comment.value, isBigEndian) }),
    ...(graph && { comfyPrompt: decodeAscii(graph.value.subarray(COMFY_PREFIX.length)) }),
  };
}

/** The JPEG with the EXIF data as its first segment. Throws 'bad-usage' over 64 KiB, the format's limit. */
export function insertJpegExif(jpeg: Uint8Array, exif: Buffer): Uint8Array {
  const size = 2 + EXIF_PREFIX.length + exif.length;
  if (size > MAX_JPEG_SEGMENT_BYTES) {
    const problem = `a JPEG holds ${MAX_JPEG_SEGMENT_BYTES} bytes of settings, these are ${size}`;
    throw new HdmError('bad-usage', 'JPEG settings', problem, 'Save as .png or shorten the prompt');
  }
  const head = Buffer.from([0xff, 0xe1, size >> 8, size & 0xff]);
  return Buffer.concat([jpeg.subarray(0, 2), head, EXIF_PREFIX, exif, jpeg.subarray(2)]);
}

/** A plain WebP (one picture chunk) in the extended layout with the EXIF data at its end (RFC 9649, 2.7). */
export function insertWebpExif(webp: Uint8Array, width: number, height: number, exif: Buffer): Uint8Array {
  const hasExif = 0x08;
  const extended = Buffer.alloc(10);
  extended.writeUInt32LE(hasExif, 0);
  extended.writeUIntLE(width - 1, 4, 3);
  extended.writeUIntLE(height - 1, 7, 3);
  const picture = Buffer.from(webp.buffer, webp.byteOffset + 12, webp.length - 12);
  if (picture.toString('latin1', 0, 3) !== 'VP8' || picture.toString('latin1', 3, 4) === 'X') {
    throw new HdmError('internal', 'WebP settings', 'expected a plain WebP');
  }
  const chunks = Buffer.concat([riffChunk('VP8X', extended), picture, riffChunk('EXIF', exif)]);
  return riffChunk('RIFF', Buffer.concat([Buffer.from('WEBP'), chunks]));
}

/** Count, entries of 12 bytes sorted by tag, offset of the next directory (none), values over 4 bytes. */
function writeDirectory(entries: readonly Entry[], start: number): Buffer {
  const table = Buffer.alloc(2 + 12 * entries.length + 4);
  table.writeUInt16BE(entries.length, 0);
  const values: Buffer[] = [];
  let free = start + table.length;
  entries.forEach(({ tag, type, value }, index) => {
    const at = 2 + 12 * index;
    table.writeUInt16BE(tag, at);
    table.writeUInt16BE(type, at + 2);
    table.writeUInt32BE(type === TYPES.long ? value.length / 4 : value.length, at + 4);
    if (value.length <= 4) return void value.copy(table, at + 8);
    table.writeUInt32BE(free, at + 8);
    const even = value.length % 2 ? Buffer.concat([value, Buffer.alloc(1)]) : value;
    values.push(even);
    free += even.length;
  });
  return Buffer.concat([table, ...values]);
}

function readDirectory(tiff: Buffer, isBigEndian: boolean, start: number): Entry[] {
  if (start + 2 > tiff.length) return [];
  const count = readUint(tiff, start, 2, isBigEndian);
  const entries: Entry[] = [];
  for (let at = start + 2; at < start + 2 + 12 * count && at + 12 <= tiff.length; at += 12) {
    const type = readUint(tiff, at + 2, 2, isBigEndian);
    if (!Object.values<number>(TYPES).includes(type)) continue;
    const length = readUint(tiff, at + 4, 4, isBigEndian) * (type === TYPES.long ? 4 : 1);
    const from = length <= 4 ? at + 8 : readUint(tiff, at + 8, 4, isBigEndian);
    if (length > MAX_TEXT_BYTES || from + length > tiff.length) continue;
    entries.push({
      tag: readUint(tiff, at, 2, isBigEndian),
      type,
      value: tiff.subarray(from, from + length),
    });
  }
  return entries;
}

function readUint(bytes: Buffer, at: number, size: number, isBigEndian: boolean): number {
  return isBigEndian ? bytes.readUIntBE(at, size) : bytes.readUIntLE(at, size);
}

function startsWith(bytes: Buffer, prefix: Buffer): boolean {
  return bytes.subarray(0, prefix.length).equals(prefix);
}

function decodeAscii(value: Buffer): string {
  const end = value.indexOf(0);
  return value.toString('utf8', 0, end < 0 ? value.length : end);
}

function decodeComment(value: Buffer, isBigEndian: boolean): string {
  const body = value.subarray(8);
  if (startsWith(value, ASCII_PREFIX)) return decodeAscii(body);
  if (!startsWith(value, UNICODE_PREFIX)) return decodeAscii(value);
  const little = body.toString('utf16le');
  const big = Buffer.from(body.subarray(0, body.length & ~1))
    .swap16()
    .toString('utf16le');
  // Programs disagree on the byte order of this text, whatever the file says; "Steps:" is in all of ours.
  const [expected, other] = isBigEndian ? [big, little] : [little, big];
  return !expected.includes('Steps:') && other.includes('Steps:') ? other : expected;
}

function riffChunk(name: string, data: Buffer): Buffer {
  const head = Buffer.from(`${name}\0\0\0\0`, 'latin1');
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
}
