/** @file The jobs in the database: every SQL statement about them. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { Drawing, Failure, JobState } from '../../contract.ts';
import { HdmError } from '../../../engine/errors.ts';
import { transaction } from '../database.ts';

export interface NewJob {
  readonly id: string;
  readonly groupId: string;
  readonly drawing: Drawing;
  /** With their choices made. */
  readonly prompt: string;
  readonly negativePrompt: string;
  /** Where the picture will be. */
  readonly file: string;
  readonly createdAt: number;
}

export interface StoredJob extends NewJob {
  readonly state: JobState;
  readonly error?: Failure;
  readonly startedAt?: number;
  readonly finishedAt?: number;
}

export type Ending = 'done' | 'failed' | 'cancelled' | 'interrupted';

/** As many ended jobs stay in the list; older ones leave it, their pictures stay. */
const KEPT_ENDED = 100;

export class JobStore {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** All of `work` or nothing of it. */
  transaction<T>(work: () => T): T {
    return transaction(this.#database, work);
  }

  /** At the end of the queue, in this order. The caller is inside a transaction. */
  add(jobs: readonly NewJob[]): void {
    const insert = this.#database.prepare(
      `INSERT INTO jobs (id, group_id, state, position, drawing, prompt, negative_prompt, file, created_at)
       VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?)`,
    );
    let position = this.#lastPosition();
    for (const job of jobs) {
      const { id, groupId, drawing, prompt, negativePrompt, file, createdAt } = job;
      insert.run(id, groupId, ++position, JSON.stringify(drawing), prompt, negativePrompt, file, createdAt);
    }
  }

  find(id: string): StoredJob | undefined {
    return this.#select('WHERE id = ?', id)[0];
  }

  /** The job whose turn it is. */
  firstQueued(): StoredJob | undefined {
    return this.#select(`WHERE state = 'queued' ORDER BY position LIMIT 1`)[0];
  }

  /** Marked as running: by this process, or by one that ended in the middle. */
  running(): StoredJob[] {
    return this.#select(`WHERE state = 'running' ORDER BY started_at`);
  }

  /** Running, then queued in their order, then the last that ended, newest first. */
  listed(): StoredJob[] {
    return [
      ...this.running(),
      ...this.#select(`WHERE state = 'queued' ORDER BY position`),
      ...this.#select(
        `WHERE state NOT IN ('running', 'queued') AND is_hidden = 0
         ORDER BY finished_at DESC, position DESC LIMIT ?`,
        KEPT_ENDED,
      ),
    ];
  }

  /** State of each id; those that are not here are left out. */
  states(ids: readonly string[]): Map<string, JobState> {
    const rows = this.#database
      .prepare('SELECT id, state FROM jobs WHERE id IN (SELECT value FROM json_each(?))')
      .all(JSON.stringify(ids));
    return new Map(rows.map(({ id, state }) => [id as string, state as JobState]));
  }

  begin(id: string, now: number): void {
    this.#run(`UPDATE jobs SET state = 'running', started_at = ? WHERE id = ?`, now, id);
  }

  setFile(id: string, file: string): void {
    this.#run('UPDATE jobs SET file = ? WHERE id = ?', file, id);
  }

  end(id: string, state: Ending, now: number, error?: Failure): void {
    const reason = error ? JSON.stringify(error) : null;
    this.#run(`UPDATE jobs SET state = ?, finished_at = ?, error = ? WHERE id = ?`, state, now, reason, id);
  }

  /** At the end of the queue, as if it had never run. */
  queueAgain(id: string): void {
    this.#run(
      `UPDATE jobs SET state = 'queued', position = ?, is_hidden = 0, error = NULL, started_at = NULL,
       finished_at = NULL WHERE id = ?`,
      this.#lastPosition() + 1,
      id,
    );
  }

  /** Puts a queued job before another one, or at the end. Throws `bad-usage` when one of them does not wait. */
  move(id: string, before: string | undefined): void {
    if (id === before) return;
    this.transaction(() => {
      const queue = this.#queuePositions();
      const from = queue.findIndex((entry) => entry.id === id);
      if (from < 0) throw notWaiting(id);
      queue.splice(from, 1);
      const index = before === undefined ? queue.length : queue.findIndex((entry) => entry.id === before);
      if (index < 0) throw notWaiting(before!);
      const position = between(queue[index - 1]?.position, queue[index]?.position);
      if (position !== undefined) return this.#place(id, position);
      const order = queue.map((entry) => entry.id).toSpliced(index, 0, id);
      order.forEach((each, place) => this.#place(each, place + 1));
    });
  }

  /** Out of the list. Cells of a grid stay for the grid, hidden; those that wait will not be drawn. */
  remove(ids: readonly string[]): void {
    const list = JSON.stringify(ids);
    this.transaction(() => {
      this.#run(
        `UPDATE jobs SET is_hidden = 1, state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END
         WHERE id IN (SELECT value FROM json_each(?)) AND group_id IN (SELECT id FROM grids)`,
        list,
      );
      this.#run(
        `DELETE FROM jobs
         WHERE id IN (SELECT value FROM json_each(?)) AND group_id NOT IN (SELECT id FROM grids)`,
        list,
      );
    });
  }

  /** Removes the ended jobs that are too many for the list. */
  forgetOldest(): void {
    const surplus = this.#database
      .prepare(
        `SELECT id FROM jobs WHERE state NOT IN ('running', 'queued') AND is_hidden = 0
         ORDER BY finished_at DESC, position DESC LIMIT -1 OFFSET ?`,
      )
      .all(KEPT_ENDED);
    if (surplus.length > 0) this.remove(surplus.map(({ id }) => id as string));
  }

  /** Groups with a job in the list. */
  groups(): Set<string> {
    const rows = this.#database.prepare('SELECT DISTINCT group_id FROM jobs WHERE is_hidden = 0').all();
    return new Set(rows.map((row) => row['group_id'] as string));
  }

  #place(id: string, position: number): void {
    this.#run('UPDATE jobs SET position = ? WHERE id = ?', position, id);
  }

  #lastPosition(): number {
    const row = this.#database.prepare(`SELECT max(position) AS last FROM jobs WHERE state = 'queued'`).get();
    return (row?.['last'] as number | null | undefined) ?? 0;
  }

  #queuePositions(): { id: string; position: number }[] {
    const rows = this.#database
      .prepare(`SELECT id, position FROM jobs WHERE state = 'queued' ORDER BY position`)
      .all();
    return rows as { id: string; position: number }[];
  }

  #select(rest: string, ...values: SQLInputValue[]): StoredJob[] {
    const rows = this.#database.prepare(`SELECT * FROM jobs ${rest}`).all(...values);
    return rows.map((row) => toJob(row as unknown as JobRow));
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#database.prepare(sql).run(...values);
  }
}

interface JobRow {
  readonly id: string;
  readonly group_id: string;
  readonly state: JobState;
  readonly drawing: string;
  readonly prompt: string;
  readonly negative_prompt: string;
  readonly file: string;
  readonly error: string | null;
  readonly created_at: number;
  readonly started_at: number | null;
  readonly finished_at: number | null;
}

function toJob(row: JobRow): StoredJob {
  return {
    id: row.id,
    groupId: row.group_id,
    state: row.state,
    drawing: JSON.parse(row.drawing) as Drawing,
    prompt: row.prompt,
    negativePrompt: row.negative_prompt,
    file: row.file,
    createdAt: row.created_at,
    ...(row.error !== null && { error: JSON.parse(row.error) as Failure }),
    ...(row.started_at !== null && { startedAt: row.started_at }),
    ...(row.finished_at !== null && { finishedAt: row.finished_at }),
  };
}

/** A number between two neighbours; undefined when they are too close for one. */
function between(low: number | undefined, high: number | undefined): number | undefined {
  if (low === undefined) return (high ?? 1) - 1;
  if (high === undefined) return low + 1;
  const middle = (low + high) / 2;
  return middle > low && middle < high ? middle : undefined;
}

function notWaiting(id: string): HdmError {
  const advice = 'Only jobs that wait can be moved; look at the queue again';
  return new HdmError('bad-usage', `job ${id}`, 'it does not wait in the queue', advice);
}
