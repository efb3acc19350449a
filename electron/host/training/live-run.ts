/**
 * @file The run that the engine works on: it shares the device with whoever draws, hears what a person asks, and says
 * how it ended. While it is paused the device is free.
 */
import type { RunRequest, TrainingEvent } from '../../../engine/training/run/events.ts';
import type { TrainResult, TrainTask } from '../../engine/protocol.ts';
import { LongTurn } from '../long-turn.ts';
import type { Arbiter, TrainingEngine } from '../parts.ts';

export interface LiveRunOptions {
  readonly task: TrainTask;
  readonly engine: TrainingEngine;
  readonly arbiter: Arbiter;
  readonly onEvents: (events: readonly TrainingEvent[]) => void;
  /** It has the device, or waits for it, or was paused. */
  readonly onChange: () => void;
}

export class LiveRun {
  readonly id: string;
  readonly #options: LiveRunOptions;
  readonly #stop = new AbortController();
  readonly #turn: LongTurn;
  #isPaused = false;

  constructor(options: LiveRunOptions) {
    this.id = options.task.id;
    this.#options = options;
    const { task, engine, arbiter, onChange } = options;
    this.#turn = new LongTurn({
      ...{ id: task.id, user: 'training', engine, arbiter },
      signal: this.#stop.signal,
      onTake: onChange,
    });
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Works, or did and was paused: false while it waits for the device at first. */
  get hasBegun(): boolean {
    return this.#turn.isHeld || this.#isPaused;
  }

  /** Until it has ended. Throws what the engine throws; `cancelled` after `end`. */
  async work(): Promise<TrainResult> {
    const { engine, task } = this.#options;
    try {
      await this.#turn.take();
      return await engine.train(task, {
        signal: this.#stop.signal,
        onEvents: (events) => this.#hear(events),
      });
    } finally {
      this.#turn.end();
    }
  }

  /** Done between two steps; whatever needs the device waits for it. */
  async ask(request: RunRequest): Promise<void> {
    if (request === 'stop' && !this.hasBegun) return this.end();
    const isWaking = this.#isPaused && request !== 'pause';
    if (isWaking) {
      this.#isPaused = false;
      await this.#turn.take();
    }
    await this.#turn.reached;
    this.#options.engine.ask(this.id, request);
  }

  /** Lets it save and end. */
  end(): void {
    this.#stop.abort();
  }

  #hear(events: readonly TrainingEvent[]): void {
    this.#turn.noteReached();
    this.#options.onEvents(events);
    const isPause = (event: TrainingEvent): boolean => event.kind === 'phase' && event.phase === 'paused';
    if (!events.some(isPause)) return;
    this.#isPaused = true;
    this.#options.engine.goOn(this.id); // it may have been asked to give way just then
    this.#turn.release();
    this.#options.onChange();
  }
}
