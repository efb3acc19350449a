/**
 * @file Safetensors files: 8 bytes of header length (little-endian), a JSON header that gives every tensor's
 * number format, shape and place, then the numbers. Opening reads the header alone and trusts nothing in it;
 * numbers are read on request. Format: https://github.com/huggingface/safetensors#format
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { HdmError, toHdmError } from '../errors.ts';
import { DTYPES, type DType, type TensorData } from '../graph/dtype.ts';
import { count } from '../graph/shape.ts';
import type { WeightSource } from '../runtime/runtime.ts';

export interface TensorEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Byte offset of the tensor, counted from the first byte of the file. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/** What a file holds. The tensors come in the order of their places in the file. */
export interface SafetensorsFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}

/** Where in the file the numbers begin, and where it ends. */
interface Layout {
  readonly path: string;
  readonly dataStart: number;
  readonly sizeBytes: number;
}

export const LENGTH_BYTES = 8;
export const MAX_HEADER_BYTES = 32 * 2 ** 20;
/** Node refuses to read or write 2 GiB and more at once. */
export const CHUNK_BYTES = 2 ** 30;
export const METADATA = '__metadata__';

const DTYPE_NAMES = Object.keys(DTYPES) as DType[];
const DTYPE_OF = new Map<unknown, DType>(DTYPE_NAMES.map((dtype) => [DTYPES[dtype].safetensors, dtype]));

const DOWNLOAD_AGAIN = 'Download or copy the file again';

/** What people take for a safetensors file, known by its first characters. */
const LOOKALIKES = [
  {
    start: /^(PK|\x80)/,
    problem: 'this is a pickle checkpoint (.ckpt, .pt); pickles can run code when opened and are refused',
    advice:
      'Look for a .safetensors file, or convert it with safetensors.torch.save_file on a trusted machine',
  },
  {
    start: /^\s*</,
    problem: 'this is a web page, not a model',
    advice:
      'The site may want a login or a click on its terms: do that in a browser and download the file again',
  },
  {
    start: /^version https:\/\/git-lfs/,
    problem: 'this is a Git LFS pointer, which only stands in for the model',
    advice: 'Run "git lfs pull" in its folder, or download the file itself',
  },
] as const;

/**
 * Reads and checks the header; no numbers are read. A file passes only if every byte after the header
 * belongs to exactly one tensor.
 * @throws HdmError `bad-file` when the content is wrong, `disk` when the file cannot be read
 */
export function openSafetensors(path: string): SafetensorsFile {
  return withFile(path, (descriptor, sizeBytes) => {
    const header = readHeader(descriptor, path, sizeBytes);
    return parseHeader(header.text, { path, dataStart: header.end, sizeBytes });
  });
}

/**
 * One tensor's numbers, in memory of their own.
 * @throws HdmError `bad-model` when the file has no such tensor, `bad-file` or `disk` when it cannot be read
 */
export function readTensor(file: SafetensorsFile, name: string): TensorData {
  return readTensors(file, [name]).get(name)!;
}

/** As `readTensor`, for many tensors (all by default) with the file opened once. */
export function readTensors(
  file: SafetensorsFile,
  names: Iterable<string> = file.tensors.keys(),
): Map<string, TensorData> {
  const entries = Array.from(names, (name) => findEntry(file, name));
  return withFile(file.path, (descriptor) => {
    return new Map(entries.map((entry) => [entry.name, readNumbers(descriptor, file.path, entry)]));
  });
}

/** The numbers of a weight, wherever they lie. */
export function readWeight({ dtype, shape, place }: WeightSource): TensorData {
  if (place.kind === 'memory') return { dtype, shape, data: place.data };
  const entry = {
    name: basename(place.path),
    dtype,
    shape,
    offset: place.offset,
    sizeBytes: place.sizeBytes,
  };
  return withFile(place.path, (descriptor) => readNumbers(descriptor, place.path, entry));
}

/** Calls `use` with an open file and its size; every error leaves as an HdmError. */
function withFile<Result>(path: string, use: (descriptor: number, sizeBytes: number) => Result): Result {
  let descriptor: number | undefined;
  try {
    const stats = statSync(path);
    // Asked before opening, because opening a pipe would wait for ever.
    if (!stats.isFile()) throw badFile(path, 'this is a folder or a device, not a file', 'Name a file');
    descriptor = openSync(path, 'r');
    return use(descriptor, stats.size);
  } catch (error) {
    throw toHdmError(error, path, 'disk');
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function readHeader(descriptor: number, path: string, sizeBytes: number): { text: string; end: number } {
  if (sizeBytes === 0) throw badFile(path, 'the file is empty');
  const start = readBytes(descriptor, path, 0, Math.min(sizeBytes, 64));
  // "{" decides, because the length before it may happen to spell "PK".
  if (new Uint8Array(start)[LENGTH_BYTES] !== '{'.charCodeAt(0)) throw explainStart(path, start);

  const claimedBytes = new DataView(start).getBigUint64(0, true);
  if (claimedBytes > MAX_HEADER_BYTES) {
    throw badFile(path, `the header claims ${claimedBytes} bytes, expected at most ${MAX_HEADER_BYTES}`);
  }
  const end = LENGTH_BYTES + Number(claimedBytes);
  if (end > sizeBytes) {
    throw badFile(path, `the file is cut short: its header ends at byte ${end}, the file at ${sizeBytes}`);
  }
  return { text: decodeUtf8(path, readBytes(descriptor, path, LENGTH_BYTES, end - LENGTH_BYTES)), end };
}

function explainStart(path: string, start: ArrayBuffer): HdmError {
  const text = Buffer.from(start).toString('latin1');
  const lookalike = LOOKALIKES.find((kind) => kind.start.test(text));
  if (lookalike) return badFile(path, lookalike.problem, lookalike.advice);
  return badFile(path, 'this is not a safetensors file, or its start is damaged: it has no header');
}

function decodeUtf8(path: string, bytes: ArrayBuffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw badFile(path, 'the header is damaged: it is not UTF-8 text');
  }
}

function parseHeader(json: string, layout: Layout): SafetensorsFile {
  const { path, sizeBytes } = layout;
  const header = parseJson(path, json);
  const metadata = parseMetadata(path, header[METADATA] ?? {});
  // Only its own names are looked up: "constructor" finds nothing and "__proto__" may be a tensor. Not through
  // Object.entries, which takes gigabytes for a hostile header.
  const names = Object.keys(header);
  const entries = names
    .filter((name) => name !== METADATA)
    .map((name) => parseEntry(layout, name, header[name]))
    .sort((a, b) => a.offset - b.offset || a.sizeBytes - b.sizeBytes);
  if (countNames(json) !== names.length) throw badFile(path, 'the header gives a name twice');
  checkPlaces(layout, entries);
  return { path, sizeBytes, metadata, tensors: new Map(entries.map((entry) => [entry.name, entry])) };
}

function parseJson(path: string, json: string): Record<string, unknown> {
  try {
    return JSON.parse(json) as Record<string, unknown>; // The text starts with "{".
  } catch {
    throw badFile(path, 'the header is damaged: it is not valid JSON');
  }
}

/** On no prototype, so that a look-up of "constructor" finds nothing. */
function parseMetadata(path: string, value: unknown): Record<string, string> {
  if (!isRecord(value) || !Object.values(value).every((text) => typeof text === 'string')) {
    throw badFile(path, `${METADATA} in the header must map names to texts`);
  }
  return Object.assign(Object.create(null) as Record<string, string>, value);
}

function parseEntry({ path, dataStart }: Layout, name: string, value: unknown): TensorEntry {
  const tensor = `tensor ${quote(name)}`;
  if (!isRecord(value)) throw badFile(path, `${tensor} is not described by an object in the header`);
  const { dtype: format, shape, data_offsets: place } = value;
  const dtype = DTYPE_OF.get(format);
  if (!dtype) {
    const known = [...DTYPE_OF.keys()].join(', ');
    const problem = `${tensor} has the number format ${quote(format)}, expected one of ${known}`;
    throw badFile(path, problem, 'Save the file in one of these formats');
  }
  if (!isShape(shape)) throw badFile(path, `${tensor}: its shape is not a list of whole numbers from 0 up`);
  if (!isPlace(place)) throw badFile(path, `${tensor}: its data_offsets are not a start and an end`);
  const sizeBytes = count(shape) * DTYPES[dtype].bytes;
  const [start, end] = place;
  if (end - start !== sizeBytes) {
    throw badFile(
      path,
      `${tensor}: shape and format need ${sizeBytes} bytes, data_offsets hold ${end - start}`,
    );
  }
  return { name, dtype, shape, offset: dataStart + start, sizeBytes };
}

/** How many names the outermost object has; `JSON.parse` drops a name given twice without a word. */
function countNames(json: string): number {
  let depth = 0;
  let names = 0;
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '{' || character === '[') depth++;
    if (character === '}' || character === ']') depth--;
    if (character !== '"') continue;
    // All values at this depth are known to be objects, so a text is a name.
    if (depth === 1) names++;
    while (json[++i] !== '"') if (json[i] === '\\') i++;
  }
  return names;
}

/** Each of the sorted tensors must start where the one before ends, and the last end with the file. */
function checkPlaces({ path, dataStart, sizeBytes }: Layout, entries: readonly TensorEntry[]): void {
  let end = dataStart;
  for (const { name, offset, sizeBytes: length } of entries) {
    if (offset !== end) {
      const flaw = offset < end ? 'it overlaps the one before' : 'bytes before it belong to no tensor';
      throw badFile(path, `tensor ${quote(name)} starts at byte ${offset}, expected ${end}: ${flaw}`);
    }
    end += length;
  }
  if (end > sizeBytes) throw badFile(path, `the file is cut short: it has ${sizeBytes} of ${end} bytes`);
  if (end < sizeBytes) throw badFile(path, `the tensors end at byte ${end}, the file only at ${sizeBytes}`);
}

function findEntry({ path, tensors }: SafetensorsFile, name: string): TensorEntry {
  const entry = tensors.get(name);
  if (entry) return entry;
  const closest = closestNames([...tensors.keys()], name)
    .map(quote)
    .join(', ');
  const others = closest ? `the closest are ${closest}` : 'it has none at all';
  throw new HdmError('bad-model', path, `it has no tensor ${quote(name)}; ${others}`, 'Choose another file');
}

/** Three names whose start and end have most in common with `wanted`. */
function closestNames(names: readonly string[], wanted: string): string[] {
  return names
    .map((name) => ({ name, shared: sharedLength(name, wanted) }))
    .sort((a, b) => b.shared - a.shared)
    .slice(0, 3)
    .map(({ name }) => name);
}

function sharedLength(a: string, b: string): number {
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  return start + end;
}

function readNumbers(descriptor: number, path: string, entry: TensorEntry): TensorData {
  const { dtype, shape, offset, sizeBytes } = entry;
  const buffer = readBytes(descriptor, path, offset, sizeBytes);
  return { dtype, shape, data: new DTYPES[dtype].array(buffer, 0, sizeBytes / DTYPES[dtype].bytes) };
}

function readBytes(descriptor: number, path: string, offset: number, sizeBytes: number): ArrayBuffer {
  const bytes = new Uint8Array(new ArrayBuffer(sizeBytes));
  for (let done = 0; done < sizeBytes;) {
    const wanted = Math.min(sizeBytes - done, CHUNK_BYTES);
    const got = readSync(descriptor, bytes, done, wanted, offset + done);
    if (got === 0) throw badFile(path, `the file became shorter while it was read, at byte ${offset + done}`);
    done += got;
  }
  return bytes.buffer;
}

function badFile(path: string, problem: string, advice: string = DOWNLOAD_AGAIN): HdmError {
  return new HdmError('bad-file', path, problem, advice);
}

/** A name from outside as it may stand in a message: visible characters, of bounded length. */
export function quote(name: unknown): string {
  return typeof name === 'string' ? JSON.stringify(name.slice(0, 100)) : typeof name;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** Also without its zeros a shape must have a countable number of elements. */
export function isShape(value: unknown): value is number[] {
  return isSizes(value) && Number.isSafeInteger(count(value.filter((size) => size > 0)));
}

function isPlace(value: unknown): value is [start: number, end: number] {
  return isSizes(value) && value.length === 2;
}
