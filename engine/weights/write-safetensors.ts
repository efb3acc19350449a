/** @file Writes safetensors files: whole or not at all, in the order of the reference implementation. */
import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { HdmError, toHdmError } from '../errors.ts';
import { DTYPES, type TensorData } from '../graph/dtype.ts';
import { count } from '../graph/shape.ts';
import { CHUNK_BYTES, isShape, LENGTH_BYTES, MAX_HEADER_BYTES, METADATA, quote } from './safetensors.ts';

const ALIGNMENT_BYTES = 8;

/**
 * Writes the tensors one after the other, in the order of the reference implementation. The file gets its name
 * only when it is complete; after an error, a file of that name is what it was before.
 * @throws HdmError `bad-shape` or `bad-usage` before anything is written, `disk` when writing fails
 */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorData>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  for (const [name, tensor] of tensors) checkTensor(path, name, tensor);
  const ordered = [...tensors].sort(byAlignmentThenName);
  const header = formatHeader(path, ordered, metadata);
  const temporaryPath = `${path}.${randomUUID()}.tmp`;
  try {
    writeAll(temporaryPath, header, ordered);
    renameSync(temporaryPath, path);
  } catch (error) {
    discard(temporaryPath);
    throw toHdmError(error, path, 'disk');
  }
}

function checkTensor(path: string, name: string, { dtype, shape, data }: TensorData): void {
  if (name === METADATA) throw new HdmError('bad-usage', path, `a tensor cannot be called ${METADATA}`);
  if (isShape(shape) && data.length === count(shape) && data instanceof DTYPES[dtype].array) return;
  const expected = `${count(shape)} numbers of ${dtype} for its shape [${shape.join(', ')}]`;
  const problem = `tensor ${quote(name)} needs ${expected}, it has ${data.length} in a ${data.constructor.name}`;
  throw new HdmError('bad-shape', path, problem);
}

type NamedTensor = readonly [name: string, tensor: TensorData];

/** Wide numbers first, so that every tensor starts at a multiple of its number's size. */
function byAlignmentThenName([a, { dtype }]: NamedTensor, [b, { dtype: other }]: NamedTensor): number {
  return DTYPES[other].bytes - DTYPES[dtype].bytes || (a < b ? -1 : 1);
}

/** Length and JSON header, filled up with spaces so that the numbers start aligned. */
function formatHeader(
  path: string,
  tensors: readonly NamedTensor[],
  metadata: Record<string, string>,
): Buffer {
  let end = 0;
  const entries = tensors.map(([name, { dtype, shape, data }]) => {
    const start = end;
    end += data.byteLength;
    return [name, { dtype: DTYPES[dtype].safetensors, shape, data_offsets: [start, end] }] as const;
  });
  const first = Object.keys(metadata).length > 0 ? [[METADATA, metadata] as const] : [];
  const json = Buffer.from(JSON.stringify(Object.fromEntries<object>([...first, ...entries])));
  const sizeBytes = Math.ceil(json.length / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  if (sizeBytes > MAX_HEADER_BYTES) {
    const problem = `names and metadata take ${sizeBytes} bytes, at most ${MAX_HEADER_BYTES} are allowed`;
    throw new HdmError('bad-usage', path, problem, 'Shorten the metadata');
  }
  const header = Buffer.alloc(LENGTH_BYTES + sizeBytes, ' ');
  header.writeBigUInt64LE(BigInt(sizeBytes));
  json.copy(header, LENGTH_BYTES);
  return header;
}

function writeAll(path: string, header: Uint8Array, tensors: readonly NamedTensor[]): void {
  const descriptor = openSync(path, 'wx');
  try {
    writeBytes(descriptor, header);
    for (const [, { data }] of tensors) {
      writeBytes(descriptor, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function writeBytes(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(descriptor, bytes, done, Math.min(bytes.length - done, CHUNK_BYTES));
  }
}

/** Silent: the error that led here tells more than one about cleaning up. */
function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // `force` forgives a missing file, not a missing folder.
  }
}
