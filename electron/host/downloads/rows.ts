/** @file The downloads in the database: every SQL statement about them. */
import type { DatabaseSync } from 'node:sqlite';
import type { Download, Failure } from '../../contract.ts';
import type { RemoteFile } from './offers.ts';

export interface StoredFile extends RemoteFile {
  /** See `FetchTask`. */
  readonly validator?: string;
}

export interface DownloadRow {
  readonly id: string;
  readonly address: string;
  readonly name: string;
  /** A folder of files, not one file by itself. */
  readonly isRepository: boolean;
  /** Where it goes, or lies; empty until all of it has come. */
  readonly target: string;
  readonly licence?: string;
  readonly files: readonly StoredFile[];
  readonly state: Download['state'];
  readonly error?: Failure;
  readonly modelId?: string;
}

/** What the column `files` holds. */
interface StoredFiles {
  readonly isRepository: boolean;
  readonly files: readonly StoredFile[];
}

export class DownloadRows {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** In the order in which they were asked for. */
  all(): DownloadRow[] {
    const rows = this.#database.prepare('SELECT * FROM downloads ORDER BY added_at, rowid').all();
    return rows.map((row) => ({
      id: row['id'] as string,
      address: row['address'] as string,
      name: row['name'] as string,
      target: row['folder'] as string,
      ...(JSON.parse(row['files'] as string) as StoredFiles),
      state: row['state'] as Download['state'],
      ...(row['licence'] !== null && { licence: row['licence'] as string }),
      ...(row['error'] !== null && { error: JSON.parse(row['error'] as string) as Failure }),
      ...(row['model_id'] !== null && { modelId: row['model_id'] as string }),
    }));
  }

  /** Adds it, or replaces the one of its id. */
  save(row: DownloadRow): void {
    const { id, address, name, isRepository, target, licence, files, state, error, modelId } = row;
    this.#database
      .prepare(
        `INSERT INTO downloads (id, address, name, folder, licence, files, state, error, model_id, added_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET folder = excluded.folder, files = excluded.files, state = excluded.state,
           error = excluded.error, model_id = excluded.model_id`,
      )
      .run(
        ...[id, address, name, target, licence ?? null, JSON.stringify({ isRepository, files }), state],
        ...[error ? JSON.stringify(error) : null, modelId ?? null, Date.now()],
      );
  }

  remove(id: string): void {
    this.#database.prepare('DELETE FROM downloads WHERE id = ?').run(id);
  }
}
