/** @file The runs in the database: every SQL statement about them. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { HdmError } from '../../../engine/errors.ts';
import type { Failure, Run, RunState, TrainingMethod, TrainingPlan } from '../../contract.ts';

/** What the list shows of a run; kept now and then, as its log has everything. */
export type RunProgress = Partial<
  Pick<
    Run,
    | 'step'
    | 'device'
    | 'precision'
    | 'parameters'
    | 'loss'
    | 'validationLoss'
    | 'imagesPerSecond'
    | 'memoryBytes'
    | 'rehearsed'
    | 'checkpoints'
    | 'scores'
    | 'warnings'
  >
>;

export interface NewRun {
  readonly id: string;
  readonly plan: TrainingPlan;
  readonly method: TrainingMethod;
  readonly folder: string;
  readonly createdAt: number;
}

export interface StoredRun extends NewRun {
  readonly state: RunState;
  readonly progress: RunProgress;
  readonly error?: Failure;
}

export class RunStore {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  add({ id, plan, method, folder, createdAt }: NewRun): void {
    this.#run(
      `INSERT INTO runs (id, plan, method, folder, state, created_at) VALUES (?, ?, ?, ?, 'starting', ?)`,
      ...[id, JSON.stringify(plan), method, folder, createdAt],
    );
  }

  /** The newest first. */
  list(): StoredRun[] {
    return this.#select('ORDER BY created_at DESC, rowid DESC');
  }

  /** Throws `bad-usage` for an unknown id. */
  get(id: string): StoredRun {
    const [run] = this.#select('WHERE id = ?', id);
    if (run) return run;
    throw new HdmError('bad-usage', `run ${id}`, 'there is no such run any more', 'Choose another one');
  }

  setState(id: string, state: RunState, error?: Failure): void {
    this.#run(
      'UPDATE runs SET state = ?, error = ? WHERE id = ?',
      state,
      error ? JSON.stringify(error) : null,
      id,
    );
  }

  setProgress(id: string, progress: RunProgress): void {
    this.#run('UPDATE runs SET progress = ? WHERE id = ?', JSON.stringify(progress), id);
  }

  setPlan(id: string, plan: TrainingPlan): void {
    this.#run('UPDATE runs SET plan = ? WHERE id = ?', JSON.stringify(plan), id);
  }

  remove(id: string): void {
    this.#run('DELETE FROM runs WHERE id = ?', id);
  }

  #select(rest: string, ...values: SQLInputValue[]): StoredRun[] {
    const rows = this.#database.prepare(`SELECT * FROM runs ${rest}`).all(...values);
    return rows.map((row) => toRun(row as unknown as RunRow));
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#database.prepare(sql).run(...values);
  }
}

interface RunRow {
  readonly id: string;
  readonly plan: string;
  readonly method: TrainingMethod;
  readonly folder: string;
  readonly state: RunState;
  readonly progress: string;
  readonly error: string | null;
  readonly created_at: number;
}

function toRun(row: RunRow): StoredRun {
  const { id, method, folder, state } = row;
  return {
    ...{ id, method, folder, state },
    plan: JSON.parse(row.plan) as TrainingPlan,
    progress: JSON.parse(row.progress) as RunProgress,
    createdAt: row.created_at,
    ...(row.error !== null && { error: JSON.parse(row.error) as Failure }),
  };
}
