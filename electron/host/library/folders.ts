/** @file Folders of the library: names for groups of pictures, not folders on the disk. */
import type { DatabaseSync } from 'node:sqlite';
import { HdmError } from '../../../engine/errors.ts';
import type { Output } from '../../contract.ts';

type Group = { readonly name: string; readonly count: number };

const FOLDERS = `
  SELECT name, count(number) AS count FROM folders
  LEFT JOIN pictures ON folder = name AND deleted_at IS NULL
  GROUP BY name ORDER BY name COLLATE NOCASE`;

// The few that are in the trash are looked up first, instead of every picture that has a tag.
const TAGS = `
  SELECT tag AS name, count(*) AS count FROM picture_tags
  WHERE picture NOT IN (SELECT number FROM pictures WHERE deleted_at IS NOT NULL)
  GROUP BY tag ORDER BY tag COLLATE NOCASE`;

const MODELS = `
  SELECT model_name AS name, count(*) AS count FROM pictures WHERE deleted_at IS NULL
  GROUP BY model_name ORDER BY model_name COLLATE NOCASE`;

/** Changes are not yet told to anybody, and happen inside the caller's transaction. */
export class Folders {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Folders (also empty ones), tags and models with how many pictures they have outside the trash. */
  groups(): Output<'library.groups'> {
    const read = (sql: string): Group[] => this.#database.prepare(sql).all() as unknown as Group[];
    return { folders: read(FOLDERS), tags: read(TAGS), models: read(MODELS) };
  }

  /** Throws `bad-usage` when the name is taken. */
  add(name: string): void {
    if (this.#exists(name)) {
      throw new HdmError('bad-usage', `folder "${name}"`, 'there is one of this name', 'Choose another name');
    }
    this.ensure(name);
  }

  /** Makes the folder if it is missing. */
  ensure(name: string): void {
    this.#database.prepare('INSERT OR IGNORE INTO folders (name) VALUES (?)').run(name);
  }

  /** Throws `bad-usage` for an unknown folder or a name that is taken. */
  rename(name: string, to: string): void {
    this.#require(name);
    if (name === to) return;
    this.add(to);
    this.#move(name, to);
  }

  /** Its pictures are in no folder afterwards. Throws `bad-usage` for an unknown one. */
  remove(name: string): void {
    this.#require(name);
    this.#move(name, null);
  }

  #move(name: string, to: string | null): void {
    this.#database.prepare('UPDATE pictures SET folder = ? WHERE folder = ?').run(to, name);
    this.#database.prepare('DELETE FROM folders WHERE name = ?').run(name);
  }

  #exists(name: string): boolean {
    return this.#database.prepare('SELECT 1 FROM folders WHERE name = ?').get(name) !== undefined;
  }

  #require(name: string): void {
    if (this.#exists(name)) return;
    throw new HdmError(
      'bad-usage',
      `folder "${name}"`,
      'there is no such folder',
      'Another window changed it',
    );
  }
}
