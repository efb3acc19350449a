/** @file The studio's database: SQLite with a write-ahead log, so that a killed process loses no finished step. */
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { HdmError } from '../../engine/errors.ts';
import { toHostError } from './database-error.ts';

/**
 * What made each version from the one before; a released entry is never changed, only followed. The version is
 * SQLite's `user_version`.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

  CREATE TABLE models (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    path TEXT NOT NULL UNIQUE,
    elsewhere TEXT NOT NULL DEFAULT '{}', -- JSON: paths of parts that are not inside
    licence TEXT,
    added_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    group_id TEXT NOT NULL,
    state TEXT NOT NULL,
    position REAL NOT NULL, -- order in the queue; between two neighbours there is always room
    drawing TEXT NOT NULL, -- JSON of the contract
    prompt TEXT NOT NULL,
    negative_prompt TEXT NOT NULL,
    file TEXT NOT NULL, -- where the picture will be: known before it is drawn, so that nothing is drawn twice
    error TEXT, -- JSON of the contract
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    is_hidden INTEGER NOT NULL DEFAULT 0 -- out of the list, but a cell of a grid
  ) STRICT;
  CREATE INDEX jobs_by_state ON jobs (state, position);
  CREATE INDEX jobs_by_group ON jobs (group_id);

  CREATE TABLE grids (
    id TEXT PRIMARY KEY, -- also the group of its jobs
    drawing TEXT NOT NULL,
    x TEXT NOT NULL,
    y TEXT,
    job_ids TEXT NOT NULL, -- JSON, row by row
    created_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE pictures (
    number INTEGER PRIMARY KEY, -- order of arrival
    id TEXT NOT NULL UNIQUE, -- of the job that drew it
    file TEXT NOT NULL UNIQUE,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    prompt TEXT NOT NULL,
    negative_prompt TEXT NOT NULL,
    seed INTEGER NOT NULL,
    model_name TEXT NOT NULL,
    folder TEXT,
    is_starred INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER
  ) STRICT;
  CREATE INDEX pictures_by_folder ON pictures (folder, number);
  -- Holds what filters ask for: the list of a filter is read from here alone, without the prompts.
  CREATE INDEX pictures_kept ON pictures (deleted_at, number, is_starred, folder, model_name);
  CREATE TABLE picture_tags (
    picture INTEGER NOT NULL REFERENCES pictures (number) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (tag, picture)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX picture_tags_of ON picture_tags (picture);
  CREATE TABLE folders (name TEXT PRIMARY KEY) STRICT;
  -- Parts of words are found, in any language: three characters at a time.
  CREATE VIRTUAL TABLE picture_words USING fts5 (prompt, negative_prompt, content='pictures', content_rowid='number', tokenize='trigram');
  CREATE TRIGGER picture_added AFTER INSERT ON pictures BEGIN
    INSERT INTO picture_words (rowid, prompt, negative_prompt) VALUES (new.number, new.prompt, new.negative_prompt);
  END;
  CREATE TRIGGER picture_gone AFTER DELETE ON pictures BEGIN
    INSERT INTO picture_words (picture_words, rowid, prompt, negative_prompt)
      VALUES ('delete', old.number, old.prompt, old.negative_prompt);
  END;

  CREATE TABLE prompts (prompt TEXT PRIMARY KEY, used_at INTEGER NOT NULL) STRICT;
  CREATE INDEX prompts_by_use ON prompts (used_at);

  CREATE TABLE measurements (
    model_id TEXT NOT NULL,
    asked TEXT NOT NULL, -- device and precision in the settings then, such as "auto/auto"
    device TEXT NOT NULL,
    precision TEXT NOT NULL,
    tokens INTEGER NOT NULL, -- of the picture
    passes INTEGER NOT NULL, -- of the denoiser, over all steps
    denoise_ms REAL NOT NULL,
    decode_ms REAL NOT NULL,
    load_ms REAL NOT NULL, -- 0 when the model was in memory
    peak_bytes INTEGER NOT NULL,
    measured_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX measurements_of_model ON measurements (model_id, device, measured_at);

  CREATE TABLE downloads (
    id TEXT PRIMARY KEY,
    address TEXT NOT NULL,
    name TEXT NOT NULL,
    folder TEXT NOT NULL,
    licence TEXT,
    files TEXT NOT NULL, -- JSON: name, address, size, SHA-256, ETag
    state TEXT NOT NULL,
    error TEXT,
    model_id TEXT,
    added_at INTEGER NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    plan TEXT NOT NULL, -- JSON of the contract
    method TEXT NOT NULL,
    folder TEXT NOT NULL UNIQUE, -- of the run: recipe, log, checkpoints, samples
    state TEXT NOT NULL,
    progress TEXT NOT NULL DEFAULT '{}', -- JSON: what the list shows of it; the log has everything
    error TEXT, -- JSON of the contract
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX runs_by_age ON runs (created_at);
  `,
];

/** How long another program, such as a backup, may hold it before a call fails. */
const BUSY_MS = 5_000;

/**
 * Opens the database, or makes it. Throws `bad-file` when it is none or from a newer version of the studio, `disk`
 * when it cannot be opened or written.
 */
export function openDatabase(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: BUSY_MS });
    // NORMAL: the log is synced at checkpoints; a killed process loses nothing, a power cut the last moment.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;');
    migrate(database, path);
    return database;
  } catch (error) {
    database?.close();
    throw toHostError(error, path, 'bad-file', path);
  }
}

/**
 * Closes the database. Where its file was deleted meanwhile, it is written anew first: what was in it is still here.
 * Throws `disk` when that fails.
 */
export function closeDatabase(database: DatabaseSync, path: string): void {
  try {
    if (!existsSync(path)) database.prepare('VACUUM INTO ?').run(path);
  } catch (error) {
    throw toHostError(error, path, 'disk', path);
  } finally {
    database.close();
  }
}

function migrate(database: DatabaseSync, path: string): void {
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version > MIGRATIONS.length) {
    const problem = `this database has version ${version}, this studio knows ${MIGRATIONS.length}`;
    throw new HdmError('bad-file', path, problem, 'Install the newest HDM Studio');
  }
  for (let next = version; next < MIGRATIONS.length; next++) {
    transaction(database, () => database.exec(`${MIGRATIONS[next]}; PRAGMA user_version = ${next + 1}`));
  }
}

/** All of `work` or nothing of it. */
export function transaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK'); // a full disk may have done so already
    throw error;
  }
}
