/** @file Threads that make samples, so that decoding never takes the time of the thread that trains. */
import { Worker } from 'node:worker_threads';
import { HdmError, toHdmError } from '../../errors.ts';
import { makeSamples, type Samples, type SampleTask } from './sample.ts';

export type Request = { readonly id: number; readonly task: SampleTask };
export type Answer = { readonly id: number; readonly samples: Samples };

export interface SampleMakers {
  /** How many tasks are worked on at once. */
  readonly count: number;
  make(task: SampleTask): Promise<Samples>;
  close(): Promise<void>;
}

interface Waiting {
  readonly worker: Worker;
  readonly resolve: (samples: Samples) => void;
  readonly reject: (error: Error) => void;
}

/** Bundled it lies beside, too. */
const WORKER_NAME = import.meta.url.endsWith('.ts') ? 'loader-worker.ts' : 'loader-worker.mjs';
const WORKER = new URL(WORKER_NAME, import.meta.url);

/** So many threads, each with the next task that is asked for; 0 works in this thread. */
export function openSampleMakers(count: number): SampleMakers {
  if (count === 0) return { count: 1, make: makeSamples, close: async () => {} };
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
  function settle({ id, samples }: Answer): void {
    const asked = waiting.get(id);
    waiting.delete(id);
    if (waiting.size === 0 && !isClosed) workers.forEach((worker) => worker?.unref());
    asked?.resolve(samples);
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
        waiting.set(id, { worker, resolve, reject });
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
