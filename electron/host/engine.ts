/** @file Supervises the engine's process: starts it when it is needed, and again when it ended. */
import { fileURLToPath } from 'node:url';
import { HdmError, toHdmError, type ErrorCode } from '../../engine/errors.ts';
import type { DeviceReport } from '../../engine/runtime/devices.ts';
import type { CheckResult, EngineState, Failure } from '../contract.ts';
import type { RunRequest } from '../../engine/training/run/events.ts';
import type {
  Answer,
  Draft,
  DraftTask,
  DrawResult,
  DrawTask,
  EngineStatus,
  MeasuredCost,
  ScoreResult,
  ScoreTask,
  TrainResult,
  TrainTask,
} from '../engine/protocol.ts';
import { EngineChild, type Followed } from './engine-child.ts';
import type { Events } from './events.ts';
import type { DrawHooks, Engine, TrainHooks, TrainingEngine } from './parts.ts';

export interface EngineOptions {
  readonly events: Events;
  /** Writes a line into the log. */
  readonly log: (line: string) => void;
  /** The file of the engine's process. */
  readonly entry?: string;
  /** The id of the model at a path, for the state that windows see. */
  readonly modelIdOf?: (path: string) => string | undefined;
}

/** A task that goes on for so long after its cancel hangs. */
const CANCEL_PATIENCE_MS = 20_000;
/** A run saves its state first, which may be many gigabytes. */
const SAVING_PATIENCE_MS = 300_000;
/** A process that ends sooner did not get far; after some in a row it is not started at once. */
const [SHORT_LIFE_MS, MOST_SHORT_LIVES] = [10_000, 3];
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [10_000, 300_000];

export class EngineProcess implements Engine, TrainingEngine {
  readonly #events: Events;
  readonly #log: (line: string) => void;
  readonly #entry: string;
  readonly #modelIdOf: (path: string) => string | undefined;
  #child: EngineChild | undefined;
  #phase: EngineState['state'] = 'idle';
  #status: EngineStatus | undefined;
  /** Why the last process ended, until the next one is ready. */
  #error: HdmError | undefined;
  #shortLives = 0;
  #pause: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor({ events, log, entry = usualEntry(), modelIdOf = () => undefined }: EngineOptions) {
    this.#events = events;
    this.#log = log;
    this.#entry = entry;
    this.#modelIdOf = modelIdOf;
  }

  get state(): EngineState {
    const { device, reason, model, memoryBytes } = this.#status ?? {};
    const modelId = model === undefined ? undefined : this.#modelIdOf(model);
    return {
      state: this.#phase,
      ...(device !== undefined && { device }),
      ...(reason !== undefined && { reason }),
      ...(modelId !== undefined && { modelId }),
      ...(memoryBytes !== undefined && { memoryBytes }),
      ...(this.#error && { error: toFailure(this.#error) }),
    };
  }

  draw(task: DrawTask, { signal, onProgress }: DrawHooks): Promise<DrawResult> {
    return this.#task(task.id, signal, (child) => child.functions.draw(task), { onProgress });
  }

  draft(task: DraftTask, signal: AbortSignal): Promise<Draft> {
    return this.#task(task.id, signal, (child) => child.functions.draft(task));
  }

  train(task: TrainTask, { signal, onEvents }: TrainHooks): Promise<TrainResult> {
    return this.#task(
      task.id,
      signal,
      (child) => child.functions.train(task),
      { onEvents },
      SAVING_PATIENCE_MS,
    );
  }

  measure(task: TrainTask, signal: AbortSignal): Promise<MeasuredCost> {
    return this.#task(task.id, signal, (child) => child.functions.measure(task));
  }

  score(task: ScoreTask, { signal, onProgress }: DrawHooks): Promise<ScoreResult> {
    return this.#task(task.id, signal, (child) => child.functions.score(task), { onProgress });
  }

  /** Without a process there is no run to be asked: these do nothing then. */
  ask(runId: string, request: RunRequest): void {
    this.#child?.functions.ask.asEvent(runId, request).catch(() => {});
  }

  goOn(taskId: string): void {
    this.#child?.functions.goOn.asEvent(taskId).catch(() => {});
  }

  async giveWay(taskId: string): Promise<boolean> {
    return (await this.#child?.functions.giveWay(taskId).catch(() => false)) ?? false;
  }

  async devices(): Promise<DeviceReport[]> {
    const { functions } = await this.#readyChild();
    return this.#valueOf(functions.devices());
  }

  async check(device: string, folder: string): Promise<CheckResult[]> {
    const { functions } = await this.#readyChild();
    return this.#valueOf(functions.check(device, folder));
  }

  /** Does nothing when no process is there. */
  async unload(): Promise<void> {
    await this.#child?.functions.unload();
  }

  /** What is asked or pending from now on rejects with `cancelled`. */
  close(): Promise<void> {
    clearTimeout(this.#pause);
    this.#closing ??= this.#child?.close(closed()) ?? Promise.resolve();
    return this.#closing;
  }

  async #task<T>(
    id: string,
    signal: AbortSignal,
    ask: (child: EngineChild) => Promise<Answer<T>>,
    followed: Followed = {},
    patienceMs = CANCEL_PATIENCE_MS,
  ): Promise<T> {
    throwIfCancelled(signal);
    const child = await this.#readyChild();
    throwIfCancelled(signal);
    const unfollow = child.follow(id, this.#guarded(followed));
    let patience: NodeJS.Timeout | undefined;
    const onAbort = (): void => {
      child.cancel(id);
      patience = setTimeout(() => void child.kill(hung(patienceMs)), patienceMs);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const value = await this.#valueOf(ask(child));
      this.#shortLives = 0;
      return value;
    } catch (error) {
      // A device that was lost or is out of memory works again in a new process, if at all.
      if (error instanceof HdmError && error.code === 'device') await child.kill(error);
      throw error;
    } finally {
      clearTimeout(patience);
      signal.removeEventListener('abort', onAbort);
      unfollow();
    }
  }

  /** A mistake in whoever listens must not get lost on its way back through the pipe's listener. */
  #guarded({ onProgress, onEvents }: Followed): Followed {
    const pass = (tell: () => void): void => {
      try {
        tell();
      } catch (error) {
        this.#log(`engine: progress was not taken: ${toHdmError(error, 'host').message}`);
      }
    };
    return {
      onProgress: (...news) => pass(() => onProgress?.(...news)),
      onEvents: (events) => pass(() => onEvents?.(events)),
    };
  }

  async #readyChild(): Promise<EngineChild> {
    if (this.#closing) throw closed();
    if (this.#pause && this.#error) throw this.#error;
    this.#child ??= this.#start('starting');
    const child = this.#child;
    await child.ready;
    return child;
  }

  #start(phase: 'starting' | 'restarting'): EngineChild {
    const child = new EngineChild({
      entry: this.#entry,
      onReady: () => {
        this.#error = undefined;
        this.#show('ready');
      },
      onStatus: (status) => {
        this.#status = status;
        this.#show(this.#phase);
      },
      onEnd: (reason, lines) => this.#onEnd(child, reason, lines),
    });
    this.#log(`engine: process ${child.id ?? 'without a number'} ${phase}`);
    this.#show(phase);
    return child;
  }

  /** Called before the callers hear of the end, so that what they ask next goes to the next process. */
  #onEnd(child: EngineChild, reason: HdmError, lines: readonly string[]): void {
    this.#child = undefined;
    this.#status = undefined;
    if (this.#closing) return this.#show('idle');
    this.#log([`engine: ${reason.message}`, ...lines].join('\n'));
    const isShort = performance.now() - child.startedAt < SHORT_LIFE_MS;
    if (!child.isDismissed) this.#shortLives = isShort ? this.#shortLives + 1 : 0;
    if (this.#shortLives >= MOST_SHORT_LIVES) return this.#rest(reason);
    this.#error = reason;
    this.#child = this.#start('restarting');
  }

  /** No new process for a while: it would most likely end like those before. */
  #rest(reason: HdmError): void {
    const doubled = FIRST_PAUSE_MS * 2 ** (this.#shortLives - MOST_SHORT_LIVES);
    const pauseMs = Math.min(doubled, LONGEST_PAUSE_MS);
    const goOn = (): void => {
      this.#pause = undefined;
      this.#error = undefined;
      this.#show('idle');
    };
    this.#pause = setTimeout(goOn, pauseMs).unref();
    this.#error = endsAgain(reason, this.#shortLives, pauseMs);
    this.#show('restarting');
  }

  #show(phase: EngineState['state']): void {
    this.#phase = phase;
    this.#events.emit('engine', this.state);
  }

  async #valueOf<T>(asked: Promise<Answer<T>>): Promise<T> {
    const answer = await asked.catch((error: unknown) => {
      throw toHdmError(error, 'engine');
    });
    if ('value' in answer) return answer.value;
    if (answer.trace) this.#log(`engine: ${answer.trace}`);
    throw fromFailure(answer.error);
  }
}

/** From sources and bundled, where both processes are files of one folder. */
function usualEntry(): string {
  const entry = import.meta.url.endsWith('.ts') ? '../engine/main.ts' : 'engine.mjs';
  return fileURLToPath(new URL(entry, import.meta.url));
}

function toFailure({ code, message }: HdmError): Failure {
  return { code, message };
}

/** The same code and message: it takes the message apart where the class puts it together. */
/** An error that came over a pipe. */
export function fromFailure({ code, message }: Failure): HdmError {
  const [where, ...problem] = message.split(': ');
  return new HdmError(code as ErrorCode, where!, problem.join(': ').replace(/\.$/, ''));
}

function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new HdmError('cancelled', 'picture', 'it was cancelled');
}

function hung(patienceMs: number): HdmError {
  const problem = `it was cancelled, but the engine still worked ${patienceMs / 1000} s later and was ended`;
  return new HdmError('cancelled', 'picture', problem, 'The engine is started again');
}

function closed(): HdmError {
  return new HdmError('cancelled', 'engine', 'the studio is being closed');
}

function endsAgain({ message }: HdmError, times: number, pauseMs: number): HdmError {
  const problem = `it ended ${times} times in a row soon after its start, so it waits before the next`;
  const advice = `Try again in ${pauseMs / 1000} s. The last end was: ${message.replace(/\.$/, '')}`;
  return new HdmError('device', "the engine's process", problem, advice);
}
