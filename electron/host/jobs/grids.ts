/** @file Grids: a job for each cell, and what has become of them. */
import { randomUUID } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { Axis, Drawing, Grid, Input, JobState } from '../../contract.ts';
import { HdmError } from '../../../engine/errors.ts';
import type { HandlersOf } from '../handlers.ts';
import type { Library } from '../parts.ts';
import { cellsOf } from './axis.ts';
import type { JobStore } from './store.ts';

/** Queues a job for each drawing and does `andAlso` with their ids in the same transaction. */
export type Enqueue = (
  groupId: string,
  drawings: readonly Drawing[],
  andAlso: (jobIds: readonly string[]) => void,
) => void;

export interface GridsOptions {
  readonly database: DatabaseSync;
  readonly store: JobStore;
  readonly library: Library;
  readonly enqueue: Enqueue;
  readonly now: () => number;
}

/** So many of the newest are listed. */
const MOST_LISTED = 50;

export class Grids {
  readonly #options: GridsOptions;

  constructor(options: GridsOptions) {
    this.#options = options;
  }

  readonly handlers: HandlersOf<'grids'> = {
    'grids.add': (wish) => this.#add(wish),
    'grids.get': ({ id }) => this.#get(id),
    'grids.list': () =>
      this.#rows('ORDER BY created_at DESC LIMIT ?', MOST_LISTED).map((row) => this.#toGrid(row)),
  };

  #add({ drawing, x, y }: Input<'grids.add'>): Grid {
    const { database, enqueue, now } = this.#options;
    const id = randomUUID();
    const insert = database.prepare(
      'INSERT INTO grids (id, drawing, x, y, job_ids, created_at) VALUES (?, ?, ?, ?, ?, ?)',
    );
    enqueue(id, cellsOf(drawing, x, y), (jobIds) => {
      const [asText, ids] = [y ? JSON.stringify(y) : null, JSON.stringify(jobIds)];
      insert.run(id, JSON.stringify(drawing), JSON.stringify(x), asText, ids, now());
    });
    return this.#get(id);
  }

  #get(id: string): Grid {
    const [row] = this.#rows('WHERE id = ?', id);
    if (row) return this.#toGrid(row);
    throw new HdmError('bad-usage', `grid ${id}`, 'there is no such grid', 'Look at the list of grids again');
  }

  #rows(rest: string, value: string | number): GridRow[] {
    return this.#options.database.prepare(`SELECT * FROM grids ${rest}`).all(value) as unknown as GridRow[];
  }

  #toGrid({ id, drawing, x, y, job_ids: jobIds, created_at: createdAt }: GridRow): Grid {
    const { store, library } = this.#options;
    const ids = JSON.parse(jobIds) as string[];
    const states = store.states(ids);
    return {
      id,
      createdAt,
      drawing: JSON.parse(drawing) as Drawing,
      x: JSON.parse(x) as Axis,
      ...(y !== null && { y: JSON.parse(y) as Axis }),
      cells: ids.map((jobId) => {
        const state: JobState = states.get(jobId) ?? 'cancelled';
        const picture = state === 'done' ? library.find(jobId) : undefined;
        return { jobId, state, ...(picture && { picture }) };
      }),
    };
  }
}

interface GridRow {
  readonly id: string;
  readonly drawing: string;
  readonly x: string;
  readonly y: string | null;
  readonly job_ids: string;
  readonly created_at: number;
}
