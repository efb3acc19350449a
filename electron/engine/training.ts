/** @file A training run in the engine's process: the loop of the engine, with what the host wants of it. */
import packageJson from '../../package.json' with { type: 'json' };
import { HdmError } from '../../engine/errors.ts';
import type { Runtime } from '../../engine/runtime/runtime.ts';
import type { TrainingEvent } from '../../engine/training/run/events.ts';
import { isRun } from '../../engine/training/run/folder.ts';
import { RunRequests } from '../../engine/training/run/requests.ts';
import { trainRun } from '../../engine/training/run/run.ts';
import type { TrainResult, TrainTask } from './protocol.ts';

export class Training {
  readonly id: string;
  readonly requests = new RunRequests();
  readonly #task: TrainTask;
  readonly #signal: AbortSignal;
  readonly #listen: (event: TrainingEvent) => void;
  readonly #ended = Promise.withResolvers<void>();

  constructor(task: TrainTask, signal: AbortSignal, listen: (event: TrainingEvent) => void) {
    this.id = task.id;
    this.#task = task;
    this.#signal = signal;
    this.#listen = listen;
    signal.addEventListener('abort', () => this.#leave(), { once: true });
  }

  /** Fulfilled when the run is over, however. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Goes on where there is a run in the folder. Throws as `trainRun`, and `cancelled` after the signal. */
  async run(runtime: Runtime): Promise<TrainResult> {
    const { recipe, source, folder } = this.#task;
    const beginning = isRun(folder) ? { isResumed: true } : { recipe, data: source };
    try {
      this.#throwIfCancelled();
      const options = { folder, ...beginning, appVersion: packageJson.version };
      const { reason } = await trainRun(runtime, options, this.requests, this.#listen);
      if (reason === 'stopped') this.#throwIfCancelled();
      return { reason };
    } finally {
      this.requests.gate.open();
      this.#ended.resolve();
    }
  }

  #leave(): void {
    this.requests.ask('leave');
    this.requests.gate.open();
  }

  #throwIfCancelled(): void {
    if (this.#signal.aborted) throw new HdmError('cancelled', 'training', 'it was stopped');
  }
}
