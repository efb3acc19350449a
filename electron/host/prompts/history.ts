/** @file Prompts that were drawn with, the newest first. */
import type { DatabaseSync } from 'node:sqlite';
import { anywhere, searchWords } from '../library/filter.ts';

const KEPT = 5_000;

export class PromptHistory {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Puts a prompt first. Empty ones are not worth a line. */
  remember(prompt: string): void {
    if (prompt.trim() === '') return;
    // Rising even when the clock stands still or was put back.
    const now = 'max(?, (SELECT coalesce(max(used_at), 0) + 1 FROM prompts))';
    this.#database
      .prepare(`INSERT OR REPLACE INTO prompts (prompt, used_at) VALUES (?, ${now})`)
      .run(prompt, Date.now());
    const oldest = 'SELECT prompt FROM prompts ORDER BY used_at DESC LIMIT -1 OFFSET ?';
    this.#database.prepare(`DELETE FROM prompts WHERE prompt IN (${oldest})`).run(KEPT);
  }

  /** Prompts that hold every word of `search`. Throws `bad-usage` for a search that is too long. */
  find(search: string, limit: number): string[] {
    const words = searchWords(search);
    const conditions = ['TRUE', ...words.map(() => `prompt LIKE ? ESCAPE '\\'`)].join(' AND ');
    const sql = `SELECT prompt FROM prompts WHERE ${conditions} ORDER BY used_at DESC LIMIT ?`;
    const rows = this.#database.prepare(sql).all(...words.map(anywhere), limit);
    return rows.map(({ prompt }) => prompt as string);
  }
}
