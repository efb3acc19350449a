/** @file The data folder of a studio from outside: what is laid into it before a start, and what it holds after. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openDatabase } from '../../electron/host/database.ts';
import { openPlaces, type Places } from '../../electron/host/places.ts';
import type { Drawing, JobState, Settings } from '../../electron/contract.ts';

/** Id of the model that a prepared studio begins with. */
export const MODEL_ID = 'model-of-the-test';

export interface Prepared {
  readonly places: Places;
  readonly database: DatabaseSync;
}

/** What a window keeps of its form. */
export interface KeptForm {
  readonly drawing: Partial<Drawing>;
  readonly count?: number;
  readonly isSeedLocked?: boolean;
}

/** Opens the data of a studio that does not run. */
export async function prepare(data: string, work: (prepared: Prepared) => unknown): Promise<void> {
  const places = openPlaces(data);
  const database = openDatabase(places.database);
  try {
    await work({ places, database });
  } finally {
    database.close();
  }
}

export function setSettings(database: DatabaseSync, settings: Partial<Settings>): void {
  for (const [key, value] of Object.entries(settings)) keep(database, key, value);
}

export function setForm(database: DatabaseSync, form: KeptForm): void {
  keep(database, 'workspace', form);
}

function keep(database: DatabaseSync, key: string, value: unknown): void {
  database
    .prepare('INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)')
    .run(key, JSON.stringify(value));
}

export function addModel(database: DatabaseSync, path: string, name: string): void {
  database
    .prepare("INSERT INTO models (id, kind, name, path, added_at) VALUES (?, 'model', ?, ?, 1)")
    .run(MODEL_ID, name, path);
}

/** The model that comes with the studio is not wanted: tests bring their own, which are quick. */
export function forgetStarter(database: DatabaseSync): void {
  database
    .prepare("INSERT INTO models (id, kind, name, path, added_at) VALUES ('starter', 'forgotten', '', '', 0)")
    .run();
}

export interface StoredJob {
  readonly id: string;
  readonly state: JobState;
  readonly prompt: string;
  readonly file: string;
  readonly error: string;
  readonly drawing: Drawing;
}

export interface StoredPicture {
  readonly id: string;
  readonly prompt: string;
  readonly seed: number;
  readonly width: number;
  readonly height: number;
  readonly file: string;
  readonly isStarred: boolean;
  readonly isDeleted: boolean;
}

/** All jobs of a studio, also of one that runs, in the order in which they came. */
export function readJobs(data: string): StoredJob[] {
  const rows = read(data, 'SELECT * FROM jobs ORDER BY created_at, rowid');
  return rows.map((row) => ({
    id: row['id'] as string,
    state: row['state'] as JobState,
    prompt: row['prompt'] as string,
    file: row['file'] as string,
    error: (row['error'] as string | null) ?? '',
    drawing: JSON.parse(row['drawing'] as string) as Drawing,
  }));
}

/** What the window kept of its form. */
export function readForm(data: string): KeptForm {
  const [row] = read(data, "SELECT value FROM settings WHERE key = 'workspace'");
  return JSON.parse(row!['value'] as string) as KeptForm;
}

/** All pictures in the order in which they arrived. */
export function readPictures(data: string): StoredPicture[] {
  return read(data, 'SELECT * FROM pictures ORDER BY number').map((row) => ({
    id: row['id'] as string,
    prompt: row['prompt'] as string,
    seed: row['seed'] as number,
    width: row['width'] as number,
    height: row['height'] as number,
    file: row['file'] as string,
    isStarred: row['is_starred'] === 1,
    isDeleted: row['deleted_at'] !== null,
  }));
}

function read(data: string, query: string): Record<string, unknown>[] {
  const database = new DatabaseSync(join(data, 'studio.db'), { readOnly: true });
  try {
    return database.prepare(query).all();
  } finally {
    database.close();
  }
}

/** Everything in the folder of pictures, half-written files as well. */
export function filesOf(data: string): string[] {
  const folder = join(data, 'pictures');
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
}
