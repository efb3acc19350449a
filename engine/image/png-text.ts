/**
 * @file Text in PNG files: tEXt, zTXt and iTXt chunks (PNG specification, third edition, section 11.3.3).
 * A chunk is: length (4), type (4), data, CRC-32 of type and data (4).
 */
import { crc32, inflateSync } from 'node:zlib';
import { HdmError } from '../errors.ts';

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const MAX_TEXT_BYTES = 16 << 20;
const MAX_KEYWORD_LENGTH = 79;
const IHDR_END = SIGNATURE.length + 12 + 13;

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
  readonly hasValidCrc: boolean;
}

/** Whether the bytes begin as every PNG does. */
export function isPng(bytes: Uint8Array): boolean {
  return Buffer.compare(bytes.subarray(0, SIGNATURE.length), SIGNATURE) === 0;
}

/**
 * All texts of a PNG by keyword; of texts with the same keyword, the first. Throws 'bad-file' when it is no PNG,
 * a chunk is malformed or cut off, or all texts together exceed 16 MiB.
 */
export function readPngText(bytes: Uint8Array): Map<string, string> {
  const texts = new Map<string, string>();
  let freeBytes = MAX_TEXT_BYTES;
  for (const { type, data, hasValidCrc } of readChunks(bytes)) {
    const decode = DECODERS[type];
    if (!decode) continue;
    if (!hasValidCrc) throw malformed(`${type}: the checksum does not match`);
    const [keyword, rest] = splitAtNul(type, data);
    if (keyword === '' || keyword.length > MAX_KEYWORD_LENGTH)
      throw malformed(`${type}: expected a name of 1 to ${MAX_KEYWORD_LENGTH} characters`);
    if (rest.length > freeBytes) throw tooMuchText();
    const text = decode(rest, freeBytes);
    freeBytes -= Buffer.byteLength(text);
    if (freeBytes < 0) throw tooMuchText();
    if (!texts.has(keyword)) texts.set(keyword, text);
  }
  return texts;
}

/**
 * The PNG with texts added right after its header, as tEXt where latin-1 can write them, else as iTXt.
 * Characters NUL are left out: PNG has no place for them. Throws 'bad-file' when it is no PNG.
 */
export function insertPngText(png: Uint8Array, entries: Readonly<Record<string, string>>): Uint8Array {
  if (!isPng(png) || png.length < IHDR_END) throw malformed('expected a PNG file');
  const chunks = Object.entries(entries).map(([keyword, text]) =>
    textChunk(keyword, text.replaceAll('\0', '')),
  );
  return Buffer.concat([png.subarray(0, IHDR_END), ...chunks, png.subarray(IHDR_END)]);
}

function* readChunks(bytes: Uint8Array): Generator<Chunk> {
  if (!isPng(bytes)) throw malformed('expected a PNG file');
  const png = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = SIGNATURE.length; at < png.length;) {
    if (at + 12 > png.length) throw malformed('the file is cut off');
    const dataEnd = at + 8 + png.readUInt32BE(at);
    if (dataEnd + 4 > png.length) throw malformed('the file is cut off');
    const type = png.toString('latin1', at + 4, at + 8);
    if (type === 'IEND') return;
    const hasValidCrc =
      !(type in DECODERS) || crc32(png.subarray(at + 4, dataEnd)) === png.readUInt32BE(dataEnd);
    yield { type, data: png.subarray(at + 8, dataEnd), hasValidCrc };
    at = dataEnd + 4;
  }
}

/** What follows the keyword, by chunk type. */
const DECODERS: Readonly<Record<string, (rest: Buffer, maxBytes: number) => string>> = {
  tEXt: (rest) => rest.toString('latin1'),
  zTXt: (rest, maxBytes) => inflate(rest[0], rest.subarray(1), maxBytes).toString('latin1'),
  iTXt: decodeInternational,
};

/** Compression flag, compression method, language NUL, translated keyword NUL, UTF-8 text. */
function decodeInternational(rest: Buffer, maxBytes: number): string {
  const [, afterLanguage] = splitAtNul('iTXt', rest.subarray(2));
  const [, text] = splitAtNul('iTXt', afterLanguage);
  if (rest[0] === 0) return decodeUtf8(text);
  return decodeUtf8(inflate(rest[1], text, maxBytes));
}

function inflate(method: number | undefined, data: Buffer, maxBytes: number): Buffer {
  if (method !== 0) throw malformed(`unknown compression ${method}`);
  try {
    return inflateSync(data, { maxOutputLength: Math.max(1, maxBytes) });
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') throw tooMuchText();
    throw malformed('a compressed text cannot be unpacked', error);
  }
}

function decodeUtf8(data: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
  } catch (error) {
    throw malformed('a text is not UTF-8', error);
  }
}

function splitAtNul(type: string, data: Buffer): [before: string, after: Buffer] {
  const end = data.indexOf(0);
  if (end < 0) throw malformed(`${type}: the end of a name is missing`);
  return [data.toString('latin1', 0, end), data.subarray(end + 1)];
}

function textChunk(keyword: string, text: string): Buffer {
  if (!/^[!-~](?:[ -~]{0,77}[!-~])?$/.test(keyword)) {
    throw new HdmError('internal', 'PNG text', `expected a keyword of 1 to 79 characters, got "${keyword}"`);
  }
  const name = Buffer.from(`${keyword}\0`, 'latin1');
  if (isLatin1(text)) return chunk('tEXt', Buffer.concat([name, Buffer.from(text, 'latin1')]));
  // Not compressed, no language, no translated keyword.
  return chunk('iTXt', Buffer.concat([name, Buffer.alloc(4), Buffer.from(text, 'utf8')]));
}

function isLatin1(text: string): boolean {
  return !/[^\0-\xff]/.test(text);
}

function chunk(type: string, data: Buffer): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, 'latin1');
  data.copy(bytes, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

function tooMuchText(): HdmError {
  return malformed(`expected at most ${MAX_TEXT_BYTES} bytes of text in all, found more`);
}

function malformed(problem: string, cause?: unknown): HdmError {
  return new HdmError('bad-file', 'PNG text', problem, 'Get a whole copy of the picture', cause);
}
