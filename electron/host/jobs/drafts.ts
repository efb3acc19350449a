/** @file Quick small pictures for the viewfinder: drawn between jobs, looked at once, not kept. */
import { randomUUID } from 'node:crypto';
import { PLACES, type Drawing, type Output } from '../../contract.ts';
import { nearestSide } from '../../../engine/pipeline/request.ts';
import type { DraftTask } from '../../engine/protocol.ts';
import type { HandlersOf } from '../handlers.ts';
import type { Arbiter, Engine } from '../parts.ts';
import type { Tasks } from './tasks.ts';

type Draft = Output<'drafts.draw'>;

/** Windows fetch a draft right after its address; what is older nobody waits for. */
const KEPT_DRAFTS = 4;
const MOST_STEPS = 6;
/** Pixels of the shorter side below which a model draws nothing one could recognise. */
const SHORTEST_SIDE = 256;

export class Drafts {
  readonly #engine: Engine;
  readonly #arbiter: Arbiter;
  readonly #tasks: Tasks;
  readonly #drawn = new Map<string, Uint8Array>();
  #newest: AbortController | undefined;

  constructor({ engine, arbiter, tasks }: { engine: Engine; arbiter: Arbiter; tasks: Tasks }) {
    this.#engine = engine;
    this.#arbiter = arbiter;
    this.#tasks = tasks;
  }

  readonly handlers: HandlersOf<'drafts'> = {
    'drafts.draw': ({ drawing }) => this.#draw(drawing),
  };

  /** WebP of one of the last drafts. */
  get(id: string): Uint8Array | undefined {
    return this.#drawn.get(id);
  }

  close(): void {
    this.#newest?.abort();
  }

  /** Null when a newer one came before this was finished. */
  async #draw(drawing: Drawing): Promise<Draft> {
    this.#tasks.check([drawing]);
    const task = this.#tasks.draft(randomUUID(), reduceDrawing(drawing), drawing);
    const stop = new AbortController();
    this.#newest?.abort();
    this.#newest = stop;
    try {
      const draft = await this.#drawInTurn(task, stop.signal);
      return stop.signal.aborted ? null : draft;
    } catch (error) {
      if (stop.signal.aborted) return null;
      throw error;
    }
  }

  async #drawInTurn(task: DraftTask, signal: AbortSignal): Promise<Draft> {
    const lease = await this.#arbiter.take('draft', signal);
    try {
      const { bytes, width, height } = await this.#engine.draft(task, signal);
      this.#keep(task.id, bytes);
      return { url: `${PLACES.drafts}${task.id}.webp`, width, height };
    } finally {
      lease.release();
    }
  }

  #keep(id: string, bytes: Uint8Array): void {
    this.#drawn.set(id, bytes);
    const [oldest] = this.#drawn.keys();
    if (this.#drawn.size > KEPT_DRAFTS && oldest !== undefined) this.#drawn.delete(oldest);
  }
}

/**
 * The same picture in fewer, simpler steps, and half as wide and high where that is still large enough for a model.
 * Half exactly: then the draft begins with the noise of the picture and has its composition.
 */
export function reduceDrawing(drawing: Drawing): Drawing {
  const { width, height, steps } = drawing;
  const isLarge = Math.min(width, height) >= 2 * SHORTEST_SIDE;
  return {
    ...drawing,
    ...(isLarge && { width: nearestSide(width / 2), height: nearestSide(height / 2) }),
    steps: Math.min(MOST_STEPS, steps),
    sampler: 'euler',
  };
}
