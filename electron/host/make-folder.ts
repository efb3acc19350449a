/** @file Folders that a person or the studio names, made where they are missing. */
import { lstatSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { HdmError, toHdmError } from '../../engine/errors.ts';

/**
 * Makes a folder and those above it, as far as they are missing. Node's own way never ends where the system says that
 * nothing is there of a parent that is (such as /proc). Throws `disk`.
 */
export function makeFolder(folder: string, mode?: number): void {
  try {
    if (isFolder(folder)) return;
    if (dirname(folder) !== folder) makeFolder(dirname(folder), mode);
    mkdirSync(folder, mode);
  } catch (error) {
    throw toFolderError(error, folder);
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function toFolderError(error: unknown, folder: string): HdmError {
  // The system says this of a file where the folder should be.
  if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return toHdmError(error, folder, 'disk');
  if (lstatSync(folder).isSymbolicLink()) {
    const advice = 'Connect its disk, or choose another folder';
    return new HdmError('disk', folder, 'this link leads to a folder that is not there', advice, error);
  }
  return new HdmError('disk', folder, 'this is a file, not a folder', 'Choose a folder', error);
}
