/** @file Text files of users: captions and lists, in the encodings that editors write. */
import { readFile, stat } from 'node:fs/promises';
import { HdmError, toHdmError } from '../../errors.ts';

/**
 * The text of a file: UTF-8, or UTF-16 with its mark; marks are taken away.
 * @throws HdmError `disk`; `bad-file` when it is longer than `mostBytes` or in another encoding
 */
export async function readText(path: string, mostBytes: number): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > mostBytes) throw tooLong(path, size, mostBytes);
    return decode(await readFile(path), path);
  } catch (error) {
    throw toHdmError(error, path, 'disk');
  }
}

function decode(bytes: Uint8Array, path: string): string {
  const encoding = { '255,254': 'utf-16le', '254,255': 'utf-16be' }[bytes.slice(0, 2).join()] ?? 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (error) {
    const advice = 'Save it again as UTF-8';
    throw new HdmError('bad-file', path, `expected UTF-8 text, got other bytes`, advice, error);
  }
}

function tooLong(path: string, size: number, mostBytes: number): HdmError {
  const problem = `expected a text of at most ${mostBytes} bytes, got ${size}`;
  return new HdmError('bad-file', path, problem, 'Look whether it is the right file');
}
