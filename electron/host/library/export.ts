/** @file Copies of pictures for elsewhere: in a folder, or in one zip file. */
import { randomUUID } from 'node:crypto';
import { constants, createWriteStream } from 'node:fs';
import { copyFile, rename, rm, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { HdmError, toHdmError } from '../../../engine/errors.ts';

/**
 * Copies files into a folder and returns how many there were. Nothing is overwritten: a second `a.png` becomes
 * `a (2).png`. Files that are gone are left out; throws `disk` when all are, or when the folder cannot be written.
 */
export async function exportCopies(files: readonly string[], folder: string): Promise<number> {
  const present = await presentFiles(files);
  for (const file of present) await copyWithoutOverwriting(file, folder);
  return present.length;
}

/** The same as one zip file at `path`, which appears whole or not at all. */
export async function exportZip(files: readonly string[], path: string): Promise<number> {
  const present = await presentFiles(files);
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const zip = new ZipFile();
    const output = createWriteStream(temporary, { flags: 'wx' });
    // A file that cannot be read ends the zip; without this the output would wait for the rest for ever. Each one
    // says so, as when the trash is emptied meanwhile.
    zip.on('error', (error: Error) => output.destroy(error));
    const names = uniqueNames(present.map((file) => basename(file)));
    // Pictures are compressed already.
    present.forEach((file, index) => zip.addFile(file, names[index]!, { compress: false }));
    zip.end();
    await pipeline(zip.outputStream, output);
    await rename(temporary, path);
    return present.length;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {}); // the first error is the one to tell
    throw toHdmError(error, path, 'disk');
  }
}

async function presentFiles(files: readonly string[]): Promise<string[]> {
  const present: string[] = [];
  for (const file of files) {
    const found = await stat(file).catch(() => undefined);
    if (found?.isFile()) present.push(file);
  }
  if (present.length > 0) return present;
  throw new HdmError(
    'disk',
    files[0] ?? 'export',
    'none of the files is there any more',
    'Put them back first',
  );
}

async function copyWithoutOverwriting(file: string, folder: string): Promise<void> {
  for (let number = 1; ; number++) {
    try {
      await copyFile(file, join(folder, numbered(basename(file), number)), constants.COPYFILE_EXCL);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw toHdmError(error, folder, 'disk');
    }
  }
}

/** Names that differ in more than capital letters, which some systems do not tell apart. */
function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let number = 1;
    while (taken.has(numbered(name, number).toLowerCase())) number++;
    taken.add(numbered(name, number).toLowerCase());
    return numbered(name, number);
  });
}

function numbered(name: string, number: number): string {
  const ending = extname(name);
  return number === 1 ? name : `${basename(name, ending)} (${number})${ending}`;
}
