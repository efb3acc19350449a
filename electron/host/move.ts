/** @file Moving files and folders, also to another disk. */
import { cp, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Moves a file or folder; at `to` it appears whole or not at all. Throws what the file system says. */
export async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    await moveToOtherDisk(from, to);
  }
}

async function moveToOtherDisk(from: string, to: string): Promise<void> {
  const temporary = join(dirname(to), `.${basename(to)}.tmp`);
  try {
    await cp(from, temporary, { recursive: true });
    await rename(temporary, to);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
  await rm(from, { recursive: true, force: true });
}
