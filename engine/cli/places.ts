/** @file Where the files of a command go. */
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, sep } from 'node:path';
import { HdmError, toHdmError } from '../errors.ts';
import { requireFormat } from '../image/save.ts';

/**
 * The path of the picture with a seed. One picture goes where `out` says; several, or a folder, get the seed in
 * their name. Throws, before any work is done, `bad-usage` for an unknown ending and `disk` when nothing can be
 * written there.
 */
export function placesFor(out: string, count: number): (seed: number) => string {
  const inFolder = isFolder(out);
  const ending = extname(out);
  const place = (seed: number): string => {
    if (inFolder) return join(out, `hdm-${seed}.png`);
    return count === 1 ? out : join(dirname(out), `${basename(out, ending)}-${seed}${ending}`);
  };
  if (!inFolder && [sep, '/'].includes(out.at(-1)!)) {
    throw new HdmError('disk', out, 'there is no such folder', 'Make it first, or choose another');
  }
  requireFormat(place(0));
  requireWritable(place(Number.MAX_SAFE_INTEGER));
  return place;
}

/** Makes a folder with all above it, unless it is there. Throws `disk`. */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw toHdmError(error, folder, 'disk');
  }
}

function requireWritable(path: string): void {
  if (!existsSync(dirname(path))) {
    throw new HdmError('disk', dirname(path), 'there is no such folder', 'Make it first, or choose another');
  }
  try {
    statSync(path, { throwIfNoEntry: false }); // complains of a name that is too long
    accessSync(dirname(path), constants.W_OK);
  } catch (error) {
    throw toHdmError(error, path, 'disk');
  }
  if (isFolder(dirname(path))) return;
  throw new HdmError('disk', dirname(path), 'this is a file, not a folder', 'Choose another place');
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}
