/** @file One life of the engine's process, from its start to the reason why it ended. */
import { fork, type ChildProcess, type Serializable } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { createBirpc, type BirpcReturn } from 'birpc';
import { HdmError } from '../../engine/errors.ts';
import type { TrainingEvent } from '../../engine/training/run/events.ts';
import type { EngineFunctions, EngineStatus, HostOfEngineFunctions } from '../engine/protocol.ts';
import { explainEnd, type ProcessEnd } from './engine-end.ts';
import { engineEnvironment } from './engine-environment.ts';
import type { DrawHooks } from './parts.ts';

export interface ChildOptions {
  readonly entry: string;
  readonly onReady: () => void;
  readonly onStatus: (status: EngineStatus) => void;
  /** Called before those who wait hear of it. `lines` are the last of its error output. */
  readonly onEnd: (reason: HdmError, lines: readonly string[]) => void;
}

/** What is heard of a task, whichever kind it is. */
export interface Followed {
  readonly onProgress?: DrawHooks['onProgress'];
  readonly onEvents?: (events: readonly TrainingEvent[]) => void;
}

/** Enough for the stack trace of a crash and what was said before it. */
const LINES_KEPT = 60;
const LONGEST_LINE = 500;
/** How long `close` waits for the work to stop, and then for the process to end. */
const [WORK_PATIENCE_MS, END_PATIENCE_MS] = [3_000, 2_000];

export class EngineChild {
  readonly functions: BirpcReturn<EngineFunctions, HostOfEngineFunctions>;
  readonly startedAt = performance.now();
  /** Fulfilled when it can be asked; rejected when it ended before. */
  readonly ready: Promise<void>;
  /** Fulfilled when the process is gone. */
  readonly gone: Promise<void>;
  readonly #process: ChildProcess;
  readonly #tasks = new Map<string, Followed>();
  readonly #lines: string[] = [];
  /** Why the host ends it. */
  #reason: HdmError | undefined;

  constructor({ entry, onReady, onStatus, onEnd }: ChildOptions) {
    const ready = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    this.ready = ready.promise;
    this.gone = gone.promise;
    this.ready.catch(() => {}); // whoever waits hears of it, and nobody has to wait

    this.#process = fork(entry, [], {
      execPath: process.execPath,
      execArgv: [], // a debugger of the host is not the engine's
      env: engineEnvironment(process.env),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.functions = this.#connect({
      ready: () => {
        ready.resolve();
        onReady();
      },
      progress: (taskId, progress, preview) => this.#tasks.get(taskId)?.onProgress?.(progress, preview),
      trained: (runId, events) => this.#tasks.get(runId)?.onEvents?.(events),
      status: onStatus,
    });
    void this.#end().then((end) => {
      const reason = this.#reason ?? end;
      try {
        onEnd(reason, this.#lines);
      } finally {
        ready.reject(reason);
        void this.functions.$rejectPendingCalls(({ reject }) => reject(reason));
        this.functions.$close();
        gone.resolve();
      }
    });
  }

  /** The number of the process; undefined when it could not be started. */
  get id(): number | undefined {
    return this.#process.pid;
  }

  /** The host ended it, or is about to. */
  get isDismissed(): boolean {
    return this.#reason !== undefined;
  }

  /** Tells of a task until the returned function is called. */
  follow(taskId: string, followed: Followed): () => void {
    this.#tasks.set(taskId, followed);
    return () => this.#tasks.delete(taskId);
  }

  /** Asks it to end a task; without effect when the process is gone. */
  cancel(taskId: string): void {
    this.functions.cancel.asEvent(taskId).catch(() => {});
  }

  /** Ends the process at once; what is pending rejects with `reason`. Resolves when it is gone. */
  async kill(reason: HdmError): Promise<void> {
    this.#reason ??= reason;
    this.#process.kill('SIGKILL');
    await this.gone;
  }

  /** Lets it stop its work, then ends it. What is pending then rejects with `reason`. */
  async close(reason: HdmError): Promise<void> {
    this.#reason ??= reason;
    for (const taskId of this.#tasks.keys()) this.cancel(taskId);
    const idle = this.functions.unload().catch(() => {}); // its turn comes after all work
    await Promise.race([idle, this.gone, patience(WORK_PATIENCE_MS)]);
    if (this.#process.connected) this.#process.disconnect();
    await Promise.race([this.gone, patience(END_PATIENCE_MS)]);
    await this.kill(reason);
  }

  #connect(functions: HostOfEngineFunctions): typeof this.functions {
    return createBirpc<EngineFunctions, HostOfEngineFunctions>(functions, {
      // What cannot be sent has no receiver any more; its end is told below.
      post: (message: Serializable) => void this.#process.send(message, () => {}),
      on: (listener) => void this.#process.on('message', listener),
      timeout: -1,
    });
  }

  /** Why the process is gone, when all it had said was heard. ('close' never comes after a `disconnect` of ours.) */
  async #end(): Promise<HdmError> {
    const child = this.#process;
    const { stderr } = child;
    const failure = new Promise<HdmError>((resolve) => {
      child.on('error', (error) => child.pid === undefined && resolve(cannotStart(error)));
    });
    if (!stderr) return failure;
    createInterface({ input: stderr }).on('line', (line) => {
      this.#lines.push(line.slice(0, LONGEST_LINE));
      if (this.#lines.length > LINES_KEPT) this.#lines.shift();
    });
    const exit = new Promise<Pick<ProcessEnd, 'code' | 'signal'>>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    const disconnect = new Promise<void>((resolve) => child.once('disconnect', resolve));
    const silence = new Promise<void>((resolve) => stderr.once('close', resolve));
    const end = Promise.all([exit, disconnect, silence]).then(([how]) =>
      explainEnd({ ...how, lines: this.#lines, platform: process.platform }),
    );
    return Promise.race([failure, end]);
  }
}

function cannotStart(error: Error): HdmError {
  const problem = `it cannot be started: ${error.message}`;
  return new HdmError('device', "the engine's process", problem, 'Close other programs and try again', error);
}

function patience(milliseconds: number): Promise<void> {
  return delay(milliseconds, undefined, { ref: false });
}
