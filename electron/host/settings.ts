/** @file What a person set, kept in the database: one row a setting, so that one wrong value spoils no other. */
import { randomUUID } from 'node:crypto';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { HdmError, toHdmError } from '../../engine/errors.ts';
import { settings as schema, type Input, type Settings } from '../contract.ts';
import { transaction } from './database.ts';
import type { Events } from './events.ts';
import type { HandlersOf } from './handlers.ts';
import { makeFolder } from './make-folder.ts';
import type { SettingsStore } from './parts.ts';
import type { Places } from './places.ts';

export interface SettingsOptions {
  readonly database: DatabaseSync;
  readonly events: Events;
  readonly places: Places;
}

type Key = keyof Settings;

/** null takes an optional setting away; what is undefined stays. */
export type SettingsPatch = Input<'settings.change'>;

const KEYS = Object.keys(schema.shape) as Key[];
const FOLDERS = ['picturesFolder', 'modelsFolder', 'wildcardFolder'] as const satisfies readonly Key[];

export class StoredSettings implements SettingsStore {
  readonly #database: DatabaseSync;
  readonly #events: Events;
  readonly #places: Places;
  #current: Settings;

  constructor({ database, events, places }: SettingsOptions) {
    this.#database = database;
    this.#events = events;
    this.#places = places;
    this.#current = this.#read();
  }

  readonly handlers: HandlersOf<'settings'> = {
    'settings.change': (patch) => this.change(patch),
  };

  get(): Settings {
    return this.#current;
  }

  /**
   * Keeps what the patch says and tells every window. Throws, before anything is kept, `bad-usage` for a path that
   * is not whole or an address that is none, and `disk` for a folder that cannot be used.
   */
  change(patch: SettingsPatch): Settings {
    checkPatch(patch);
    transaction(this.#database, () => this.#write(patch));
    this.#current = this.#read();
    this.#events.emit('settings', this.#current);
    return this.#current;
  }

  #write(patch: SettingsPatch): void {
    const remove = this.#database.prepare('DELETE FROM settings WHERE key = ?');
    const keep = this.#database.prepare('INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)');
    for (const key of KEYS) {
      const value = patch[key];
      if (value === null) remove.run(key);
      else if (value !== undefined) keep.run(key, JSON.stringify(value));
    }
  }

  /** What is not stored, or cannot be read any more, is as usual: the studio must start. */
  #read(): Settings {
    const rows = this.#database.prepare('SELECT key, value FROM settings').all();
    const stored = new Map(rows.map(({ key, value }) => [key as string, value as string]));
    const valid = KEYS.flatMap((key) => {
      const { success, data } = schema.shape[key].safeParse(parseJson(stored.get(key)));
      return success && data !== undefined ? [[key, data] as const] : [];
    });
    return { ...usualSettings(this.#places), ...(Object.fromEntries(valid) as Partial<Settings>) };
  }
}

function usualSettings(places: Places): Settings {
  return {
    language: 'system',
    theme: 'system',
    device: 'auto',
    precision: 'auto',
    picturesFolder: places.pictures,
    modelsFolder: places.models,
    format: 'png',
    showPreviews: true,
    wildcardFolder: places.wildcards,
    hubAddress: 'https://huggingface.co',
    shortcuts: {},
    isWelcomed: false,
    isToured: false,
  };
}

/** Folders come last: they may be made, and nothing shall happen when the rest is wrong. */
function checkPatch(patch: SettingsPatch): void {
  if (typeof patch.tagFile === 'string') requireFile(patch.tagFile);
  if (patch.hubAddress !== undefined) requireAddress(patch.hubAddress);
  for (const key of FOLDERS) {
    if (patch[key] !== undefined) requireWritableFolder(patch[key]);
  }
}

/** Made when it is missing. A file is written and removed: permissions alone do not tell on every system. */
function requireWritableFolder(folder: string): void {
  requireWholePath(folder);
  const trial = join(folder, `.hdm-${randomUUID()}.tmp`);
  try {
    makeFolder(folder);
    writeFileSync(trial, '', { flag: 'wx' });
    rmSync(trial);
  } catch (error) {
    throw toHdmError(error, folder, 'disk');
  }
}

function requireFile(path: string): void {
  requireWholePath(path);
  try {
    if (statSync(path).isFile()) return;
  } catch (error) {
    throw toHdmError(error, path, 'disk');
  }
  throw new HdmError('disk', path, 'this is no file', 'Name a file');
}

function requireWholePath(path: string): void {
  if (isAbsolute(path)) return;
  throw new HdmError('bad-usage', path, 'expected a whole path', 'Begin at the root of the disk');
}

function requireAddress(address: string): void {
  const protocol = URL.parse(address)?.protocol;
  if (protocol === 'https:' || protocol === 'http:') return;
  throw new HdmError('bad-usage', address, 'this is no web address', 'Begin with https://');
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
