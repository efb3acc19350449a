/** @file The models in the database: every SQL statement about them. */
import type { DatabaseSync } from 'node:sqlite';
import type { Elsewhere } from '../../../engine/checkpoints/checkpoint.ts';
import type { Model } from '../../contract.ts';

export interface ModelRow {
  readonly id: string;
  /** `forgotten`: taken off the list while its files stay in a folder that is looked through at each start. */
  readonly kind: Model['kind'] | 'forgotten';
  readonly name: string;
  readonly path: string;
  readonly elsewhere: Elsewhere;
  readonly licence?: string;
}

export class ModelRows {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** In the order in which they came. */
  all(): ModelRow[] {
    const rows = this.#database.prepare('SELECT * FROM models ORDER BY added_at, rowid').all();
    return rows.map((row) => ({
      id: row['id'] as string,
      kind: row['kind'] as ModelRow['kind'],
      name: row['name'] as string,
      path: row['path'] as string,
      elsewhere: JSON.parse(row['elsewhere'] as string) as Elsewhere,
      ...(row['licence'] !== null && { licence: row['licence'] as string }),
    }));
  }

  /** Adds it, or replaces the one of its id. */
  save({ id, kind, name, path, elsewhere, licence }: ModelRow): void {
    this.#database
      .prepare(
        `INSERT INTO models (id, kind, name, path, elsewhere, licence, added_at) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, name = excluded.name, path = excluded.path,
           elsewhere = excluded.elsewhere, licence = excluded.licence`,
      )
      .run(id, kind, name, path, JSON.stringify(elsewhere), licence ?? null, Date.now());
  }

  remove(id: string): void {
    this.#database.prepare('DELETE FROM models WHERE id = ?').run(id);
  }
}
