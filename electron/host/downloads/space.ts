/** @file Whether there is room for what is to come. */
import { existsSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HdmError } from '../../../engine/errors.ts';

/** Bytes that may be written to all of these folders; a folder that is not there yet counts as the one above it. */
export async function freeBytes(folders: readonly string[]): Promise<number> {
  const free = await Promise.all(
    folders.map(async (folder) => {
      const { bavail, bsize } = await statfs(nearest(folder));
      return bavail * bsize;
    }),
  );
  return Math.min(...free);
}

/**
 * Throws `disk` when `missing` bytes have no room in `folder`, or when all `total` bytes have none in `target`, where
 * they go in the end, on another disk.
 */
export async function requireSpace(
  { folder, target }: { readonly folder: string; readonly target: string },
  { missing, total }: { readonly missing: number; readonly total: number },
): Promise<void> {
  await requireRoom(folder, missing);
  const isOtherDisk = statSync(nearest(target)).dev !== statSync(nearest(folder)).dev;
  if (isOtherDisk) await requireRoom(target, total);
}

async function requireRoom(folder: string, bytes: number): Promise<void> {
  const free = await freeBytes([folder]);
  if (free > bytes) return;
  const problem = `${inGigabytes(bytes)} are needed, ${inGigabytes(free)} are free`;
  throw new HdmError(
    'disk',
    folder,
    problem,
    'Free some space, or choose another models folder in the settings',
  );
}

function nearest(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearest(dirname(folder));
}

function inGigabytes(bytes: number): string {
  return `${Number((bytes / 1e9).toPrecision(3))} GB`;
}
