import { readFile, stat } from 'node:fs/promises';
import { HdmError, toHdmError } from '../errors.ts';

/** Larger files are no pictures; reading one whole would only fill the memory. */
const MAX_FILE_BYTES = 512 << 20;

/**
 * The bytes of a picture file, and what to call it in messages. Bytes pass through.
 * Throws 'disk' when the system refuses and 'bad-file' for folders, devices, no bytes and over 512 MiB.
 */
export async function readBytes(
  pathOrBytes: string | Uint8Array,
): Promise<{ name: string; bytes: Uint8Array }> {
  const isPath = typeof pathOrBytes === 'string';
  const name = isPath ? pathOrBytes : 'picture';
  const bytes = isPath ? await readWhole(pathOrBytes) : pathOrBytes;
  if (bytes.length === 0) throw emptyFile(name);
  return { name, bytes };
}

/**
 * Bytes of a picture file. To be asked before opening: to open a pipe would wait for its other end. Throws 'disk'
 * when the system refuses and 'bad-file' for folders, devices and over 512 MiB.
 */
export async function fileSize(path: string): Promise<number> {
  try {
    return await checkedSize(path);
  } catch (error) {
    throw toHdmError(error, path, 'disk');
  }
}

export function emptyFile(name: string): HdmError {
  return new HdmError('bad-file', name, 'the file is empty', 'Choose another file');
}

async function readWhole(path: string): Promise<Uint8Array> {
  try {
    await checkedSize(path);
    return await readFile(path);
  } catch (error) {
    throw toHdmError(error, path, 'disk');
  }
}

async function checkedSize(path: string): Promise<number> {
  const found = await stat(path);
  if (!found.isFile()) throw new HdmError('bad-file', path, 'this is not a file', 'Name a picture file');
  if (found.size <= MAX_FILE_BYTES) return found.size;
  const problem = `expected at most ${MAX_FILE_BYTES} bytes, found ${found.size}`;
  throw new HdmError('bad-file', path, problem, 'Choose a picture');
}
