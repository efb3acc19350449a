/** @file Threads that make samples, so that decoding never takes the time of the thread that trains. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { HdmError, toHdmError, type ErrorCode } from '../../errors.ts';
import { makeReady, type ReadyTask, type ReadyValues } from './ready.ts';
import { makeSamples, type Samples, type SampleTask } from './sample.ts';

/** What can be asked for: samples out of pictures, or the inputs of a step out of cached latents. */
export type Task = ({ readonly kind: 'samples' } & SampleTask) | ({ readonly kind: 'ready' } & ReadyTask);

export interface Makes {
  readonly samples: Samples;
  readonly ready: ReadyValues;
}

export type Request = { readonly id: number; readonly task: Task };
export type Answer =
  | { readonly id: number; readonly made: Made }
  | { readonly id: number; readonly error: { readonly code: ErrorCode; readonly message: string } };

type Made = Makes[keyof Makes];

export interface SampleMakers {
  /** How many tasks are worked on at once. */
  readonly count: number;
  make<Kind extends keyof Makes>(task: Task & { kind: Kind }): Promise<Makes[Kind]>;
  close(): Promise<void>;
}

/** Works on a task in this thread. */
export async function work(task: Task): Promise<Made> {
  return task.kind === 'samples' ? makeSamples(task) : makeReady(task);
}

interface Waiting {
  readonly worker: Worker;
  readonly resolve: (made: Made) => void;
  readonly reject: (error: Error) => void;
}

/** More hardly ever help, and each takes some 50 MB. */
const MOST_WORKERS = 14;

/** As many as there are processors, but for the one that trains. */
export function usualWorkers(): number {
  return Math.max(1, Math.min(MOST_WORKERS, availableParallelism() - 1));
}

/** Bundled it lies beside, too. */
const WORKER_NAME = import.meta.url.endsWith('.ts') ? 'loader-worker.ts' : 'loader-worker.mjs';
const WORKER = new URL(WORKER_NAME, import.meta.url);

/** So many threads, each with the next task that is asked for; 0 works in this thread. */
export function openSampleMakers(count: number): SampleMakers {
  if (count === 0) {
    return { count: 1, make: async (task) => (await work(task)) as never, close: async () => {} };
  }
  const waiting = new Map<number, Waiting>();
  /** Each is started with its first task, and anew after it broke. */
  const workers = new Array<Worker | undefined>(count);
  let nextId = 0;
  let isClosed = false;

  function open(): Worker {
    const worker = new Worker(WORKER);
    worker.on('message', settle);
    worker.on('error', (error: Error) => fail(worker, error));
    worker.on('exit', () => fail(worker, new Error('the thread ended')));
    return worker;
  }

  /** A thread keeps the program from ending only while somebody waits for it. */
  function settle(answer: Answer): void {
    const asked = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (waiting.size === 0 && !isClosed) workers.forEach((worker) => worker?.unref());
    if ('made' in answer) asked?.resolve(answer.made);
    else asked?.reject(new HdmError(answer.error.code, 'data loader', answer.error.message));
  }

  /** A thread that broke takes nothing with it but its own tasks. */
  function fail(worker: Worker, cause: Error): void {
    const at = workers.indexOf(worker);
    if (at >= 0) workers[at] = undefined;
    for (const [id, asked] of waiting) {
      if (asked.worker !== worker) continue;
      waiting.delete(id);
      asked.reject(toHdmError(cause, 'data loader'));
    }
  }

  return {
    count,
    make(task) {
      if (isClosed) return Promise.reject(new HdmError('cancelled', 'data loader', 'it is closed'));
      const id = nextId++;
      const worker = (workers[id % count] ??= open());
      return new Promise((resolve, reject) => {
        waiting.set(id, { worker, resolve: resolve as (made: Made) => void, reject });
        worker.ref();
        worker.postMessage({ id, task } satisfies Request);
      });
    },
    async close() {
      isClosed = true;
      const closed = new HdmError('cancelled', 'data loader', 'it was closed');
      for (const { reject } of waiting.values()) reject(closed);
      waiting.clear();
      await Promise.all(workers.map(terminated));
    },
  };
}

/** The program has to live until the thread has ended. */
async function terminated(worker: Worker | undefined): Promise<void> {
  worker?.ref();
  await worker?.terminate();
}
