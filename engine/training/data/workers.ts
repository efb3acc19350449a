/** @file Threads that make samples, so that decoding never takes the time of the thread that trains. */
import { Worker } from 'node:worker_threads';
import { HdmError, toHdmError, type ErrorCode } from '../../errors.ts';
import { makeSample, type Sample, type SampleTask } from './sample.ts';

export type Request = { readonly id: number; readonly task: SampleTask };
export type Answer =
  | { readonly id: number; readonly sample: Sample }
  | { readonly id: number; readonly error: { readonly code: ErrorCode; readonly message: string } };

export interface SampleMakers {
  make(task: SampleTask): Promise<Sample>;
  close(): Promise<void>;
}

interface Waiting {
  readonly worker: Worker;
  readonly resolve: (sample: Sample) => void;
  readonly reject: (error: Error) => void;
}

/** Bundled it lies beside, too. */
const WORKER_NAME = import.meta.url.endsWith('.ts') ? 'loader-worker.ts' : 'loader-worker.mjs';
const WORKER = new URL(WORKER_NAME, import.meta.url);

/** So many threads, each with the next task that is asked for; 0 works in this thread. */
export function openSampleMakers(count: number): SampleMakers {
  if (count === 0) return { make: makeSample, close: async () => {} };
  const waiting = new Map<number, Waiting>();
  let nextId = 0;
  let isClosed = false;

  function open(): Worker {
    const worker = new Worker(WORKER);
    worker.on('message', settle);
    worker.on('error', (error: Error) => fail(worker, error));
    worker.on('exit', () => fail(worker, new Error('the thread ended')));
    return worker;
  }

  function settle(answer: Answer): void {
    const asked = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (waiting.size === 0) workers.forEach((worker) => worker.unref());
    if ('sample' in answer) asked?.resolve(answer.sample);
    else asked?.reject(new ForeignError(answer.error));
  }

  /** A thread that broke takes nothing with it but its own tasks; another takes its place. */
  function fail(worker: Worker, cause: Error): void {
    const at = workers.indexOf(worker);
    if (at < 0) return;
    if (isClosed) workers.splice(at, 1);
    else workers[at] = open();
    for (const [id, asked] of waiting) {
      if (asked.worker !== worker) continue;
      waiting.delete(id);
      asked.reject(toHdmError(cause, 'data loader'));
    }
  }

  const workers = Array.from({ length: count }, open);
  // A thread keeps the program from ending only while somebody waits for it.
  workers.forEach((worker) => worker.unref());
  return {
    make(task) {
      if (isClosed) return Promise.reject(new HdmError('cancelled', 'data loader', 'it is closed'));
      const id = nextId++;
      const worker = workers[id % workers.length]!;
      return new Promise((resolve, reject) => {
        waiting.set(id, { worker, resolve, reject });
        worker.ref();
        worker.postMessage({ id, task } satisfies Request);
      });
    },
    async close() {
      isClosed = true;
      await Promise.all(workers.map(terminated));
      for (const { reject } of waiting.values())
        reject(new HdmError('cancelled', 'data loader', 'it was closed'));
      waiting.clear();
    },
  };
}

/** The program has to live until the thread has ended. */
function terminated(worker: Worker): Promise<number> {
  worker.ref();
  return worker.terminate();
}

/** An HdmError of another thread: its message is whole already. */
class ForeignError extends HdmError {
  constructor({ code, message }: { code: ErrorCode; message: string }) {
    super(code, '', '');
    this.message = message;
  }
}
