/** @file One host for one data folder: two of them would draw the same queue. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { HdmError, toHdmError } from '../../engine/errors.ts';

/**
 * Holds the folder until the returned function is called, or this process ends in whatever way: SQLite's lock is the
 * system's, so none is ever left behind. Throws `bad-usage` when another process holds it.
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, 'lock.db');
  try {
    const database = new DatabaseSync(path, { timeout: 0 });
    database.exec('BEGIN EXCLUSIVE');
    return () => database.close();
  } catch (error) {
    if (!isBusy(error)) throw toHdmError(error, path, 'disk');
    const advice = 'Close it, or choose another data folder with --data';
    throw new HdmError('bad-usage', folder, 'another HDM Studio uses this folder', advice, error);
  }
}

const SQLITE_BUSY = 5;

function isBusy(error: unknown): boolean {
  return (error as { errcode?: number }).errcode === SQLITE_BUSY;
}
