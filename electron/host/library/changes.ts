/** @file What a person changes at many pictures at once. The caller brings the transaction. */
import type { DatabaseSync } from 'node:sqlite';
import { HdmError } from '../../../engine/errors.ts';
import type { Input } from '../../contract.ts';

export type Changes = Omit<Input<'library.change'>, 'ids'>;

/** `?` is a JSON array of ids, so that one statement serves any number of them. */
const IS_CHOSEN = 'id IN (SELECT value FROM json_each(?))';

/** Files of pictures in the order of arrival. Throws `bad-usage` when a picture is not here any more. */
export function filesOf(database: DatabaseSync, ids: readonly string[]): string[] {
  const wanted = new Set(ids).size;
  const sql = `SELECT file FROM pictures WHERE ${IS_CHOSEN} ORDER BY number`;
  const files = database.prepare(sql).all(JSON.stringify(ids));
  if (files.length === wanted) return files.map(({ file }) => file as string);
  const problem = `${wanted - files.length} of ${wanted} pictures are not in the library any more`;
  throw new HdmError('bad-usage', 'library', problem, 'Nothing was done; choose again');
}

/** The folder of `changes` must be there. */
export function changePictures(
  database: DatabaseSync,
  ids: readonly string[],
  { isStarred, folder, addTags = [], removeTags = [] }: Changes,
): void {
  const chosen = JSON.stringify(ids);
  const run = (sql: string, value: string | number | null) => database.prepare(sql).run(value, chosen);
  if (isStarred !== undefined) {
    run(`UPDATE pictures SET is_starred = ? WHERE ${IS_CHOSEN}`, Number(isStarred));
  }
  if (folder !== undefined) run(`UPDATE pictures SET folder = ? WHERE ${IS_CHOSEN}`, folder);
  const numbers = `FROM pictures WHERE ${IS_CHOSEN}`;
  for (const tag of addTags) {
    run(`INSERT OR IGNORE INTO picture_tags (tag, picture) SELECT ?, number ${numbers}`, tag);
  }
  for (const tag of removeTags) {
    run(`DELETE FROM picture_tags WHERE tag = ? AND picture IN (SELECT number ${numbers})`, tag);
  }
}

/** Into the trash at a moment, or out of it (null). What lies there already keeps its time. */
export function setDeleted(database: DatabaseSync, ids: readonly string[], moment: number | null): void {
  const value = 'iif(:moment IS NULL, NULL, coalesce(deleted_at, :moment))';
  const sql = `UPDATE pictures SET deleted_at = ${value} WHERE id IN (SELECT value FROM json_each(:ids))`;
  database.prepare(sql).run({ moment, ids: JSON.stringify(ids) });
}
