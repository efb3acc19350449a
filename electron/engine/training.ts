/** @file A training run in the engine's process: the loop of the engine, with what the host wants of it. */
import type { RunRequest, TrainingEvent } from '../../engine/training/run/events.ts';
import { runTraining } from '../../engine/training/run/run.ts';
import type { Runtime } from '../../engine/runtime/runtime.ts';
import { Gate } from './gate.ts';
import type { MeasuredCost, TrainResult, TrainTask } from './protocol.ts';

export class Training {
  readonly id: string;
  readonly gate = new Gate();
  readonly #task: TrainTask;
  readonly #signal: AbortSignal;
  readonly #tell: (events: readonly TrainingEvent[]) => void;
  readonly #requests: RunRequest[] = [];
  readonly #ended = Promise.withResolvers<void>();

  constructor(task: TrainTask, signal: AbortSignal, tell: (events: readonly TrainingEvent[]) => void) {
    this.id = task.id;
    this.#task = task;
    this.#signal = signal;
    this.#tell = tell;
    signal.addEventListener('abort', () => this.gate.open(), { once: true });
  }

  /** Fulfilled when the run is over, however. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  ask(request: RunRequest): void {
    this.#requests.push(request);
  }

  async run(runtime: Runtime): Promise<TrainResult> {
    const { recipe, source, folder } = this.#task;
    try {
      const reason = await runTraining(
        { recipe, source, folder, runtime },
        {
          signal: this.#signal,
          requests: { take: () => this.#requests.shift() },
          onEvent: (event) => this.#tell([event]),
          betweenSteps: () => this.gate.pass(),
        },
      );
      return { reason };
    } finally {
      this.gate.open();
      this.#ended.resolve();
    }
  }
}

export async function measureCost(
  task: TrainTask,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<MeasuredCost> {
  await new Promise((resolve) => setTimeout(resolve, 1500));
  signal.throwIfAborted();
  return {
    device: runtime.device,
    secondsPerStep: { low: 0.04, high: 0.06 },
    memoryBytes: 2.1e9,
    diskBytes: task.recipe.stages.length * 5e8,
  };
}
