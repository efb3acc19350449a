/** @file What a person had in the window last: any JSON of the window's own, kept for the next time. */
import type { DatabaseSync } from 'node:sqlite';
import { HdmError } from '../../engine/errors.ts';

/** Characters of JSON; a form full of long prompts is far below. */
const MAX_LENGTH = 256 * 1024;
const KEY = 'workspace';

export class Workspace {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** What was kept last; null when there is nothing, or nothing that can be read. */
  get(): unknown {
    const row = this.#database.prepare('SELECT value FROM settings WHERE key = ?').get(KEY);
    try {
      return JSON.parse((row?.['value'] as string | undefined) ?? 'null') as unknown;
    } catch {
      return null; // the window begins anew, as the first time
    }
  }

  /** Throws `bad-usage` above 256 KiB. */
  keep(value: unknown): void {
    const json = JSON.stringify(value ?? null);
    if (json.length > MAX_LENGTH) {
      const problem = `expected at most ${MAX_LENGTH} characters of JSON, got ${json.length}`;
      throw new HdmError('bad-usage', 'workspace', problem, 'Shorten the prompts');
    }
    this.#database.prepare('INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)').run(KEY, json);
  }
}
