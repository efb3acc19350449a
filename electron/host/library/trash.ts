/** @file The end of what is in the trash: its files first, then its rows, so that a crash leaves nothing behind. */
import { rm } from 'node:fs/promises';
import type { DatabaseSync } from 'node:sqlite';
import { HdmError, toHdmError } from '../../../engine/errors.ts';

/** Files deleted at once. */
const CHUNK = 32;

type Trashed = { readonly id: string; readonly file: string };

/**
 * Deletes what lies in the trash now and returns how many pictures that were. Files that are gone already are no
 * error. What cannot be deleted stays in the trash; throws `disk` with the first of those after the others are gone.
 */
export async function emptyTrash(
  database: DatabaseSync,
  thumbnailOf: (id: string) => string,
): Promise<number> {
  const list = database.prepare('SELECT id FROM pictures WHERE deleted_at IS NOT NULL').all();
  const ids = list.map(({ id }) => id as string);
  const errors: HdmError[] = [];
  let count = 0;
  for (let start = 0; start < ids.length; start += CHUNK) {
    // Read again: a picture may have been taken back meanwhile.
    const chunk = stillTrashed(database, ids.slice(start, start + CHUNK));
    const outcomes = await Promise.all(chunk.map((picture) => deleteFiles(picture, thumbnailOf(picture.id))));
    const gone = chunk.filter((_, index) => outcomes[index] === undefined);
    remove(database, gone);
    count += gone.length;
    errors.push(...outcomes.filter((outcome) => outcome !== undefined));
  }
  if (errors.length === 0) return count;
  const problem = `${errors.length} of ${ids.length} pictures could not be deleted`;
  const advice = `They stay there. The first: ${errors[0]!.message.replace(/\.$/, '')}`;
  throw new HdmError('disk', 'trash', problem, advice, errors[0]);
}

function stillTrashed(database: DatabaseSync, ids: readonly string[]): Trashed[] {
  const sql = `SELECT id, file FROM pictures
    WHERE deleted_at IS NOT NULL AND id IN (SELECT value FROM json_each(?))`;
  return database.prepare(sql).all(JSON.stringify(ids)) as unknown as Trashed[];
}

async function deleteFiles({ file }: Trashed, thumbnail: string): Promise<HdmError | undefined> {
  try {
    await rm(file, { force: true });
    await rm(thumbnail, { force: true });
    return undefined;
  } catch (error) {
    return toHdmError(error, file, 'disk');
  }
}

function remove(database: DatabaseSync, pictures: readonly Trashed[]): void {
  const ids = JSON.stringify(pictures.map(({ id }) => id));
  database.prepare('DELETE FROM pictures WHERE id IN (SELECT value FROM json_each(?))').run(ids);
}
