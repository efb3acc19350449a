/**
 * @file The run that the engine works on: it shares the device with whoever draws, hears what a person asks, and says
 * how it ended. While it is paused the device is free.
 */
import type { RunRequest, TrainingEvent } from '../../../engine/training/run/events.ts';
import type { TrainResult, TrainTask } from '../../engine/protocol.ts';
import type { Arbiter, Lease, TrainingEngine } from '../parts.ts';

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
  /** Fulfilled when the engine works on it, or never will: what it is asked before that is lost. */
  readonly #reached = Promise.withResolvers<void>();
  /** What it has while it works. */
  #lease: Lease | undefined;
  #isPaused = false;
  #isOver = false;

  constructor(options: LiveRunOptions) {
    this.id = options.task.id;
    this.#options = options;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Works, or did and was paused: false while it waits for the device at first. */
  get hasBegun(): boolean {
    return this.#lease !== undefined || this.#isPaused;
  }

  /** Until it has ended. Throws what the engine throws; `cancelled` after `end`. */
  async work(): Promise<TrainResult> {
    const { engine, task } = this.#options;
    try {
      await this.#take();
      return await engine.train(task, {
        signal: this.#stop.signal,
        onEvents: (events) => this.#hear(events),
      });
    } finally {
      this.#isOver = true;
      this.#reached.resolve();
      this.#release();
    }
  }

  /** Done between two steps; whatever needs the device waits for it. */
  async ask(request: RunRequest): Promise<void> {
    if (request === 'stop' && !this.hasBegun) return this.end();
    const isWaking = this.#isPaused && request !== 'pause';
    if (isWaking) {
      this.#isPaused = false;
      await this.#take();
    }
    await this.#reached.promise;
    this.#options.engine.ask(this.id, request);
  }

  /** Lets it save and end. */
  end(): void {
    this.#stop.abort();
  }

  #hear(events: readonly TrainingEvent[]): void {
    this.#reached.resolve();
    this.#options.onEvents(events);
    const isPause = (event: TrainingEvent): boolean => event.kind === 'phase' && event.phase === 'paused';
    if (!events.some(isPause)) return;
    this.#isPaused = true;
    this.#options.engine.goOn(this.id); // it may have been asked to give way just then
    this.#release();
    this.#options.onChange();
  }

  async #take(): Promise<void> {
    const lease = await this.#options.arbiter.take('training', this.#stop.signal);
    if (this.#isOver) return lease.release();
    this.#lease = lease;
    this.#options.onChange();
    void lease.wanted.then(() => this.#giveWay(lease));
  }

  /** Somebody wants to draw: the run stands between two steps until they have. */
  async #giveWay(lease: Lease): Promise<void> {
    const { engine } = this.#options;
    await this.#reached.promise;
    if (this.#lease !== lease) return;
    const stands = await engine.giveWay(this.id);
    if (!stands || this.#lease !== lease) return;
    this.#release();
    await this.#take().catch(() => {}); // it was stopped meanwhile
    engine.goOn(this.id);
  }

  #release(): void {
    this.#lease?.release();
    this.#lease = undefined;
  }
}
