/** @file Ends this process when its host is gone, also while a long computation keeps the main thread busy. */
import { Worker } from 'node:worker_threads';

/** Without clean-up: the destructors of GPU drivers may hang, and nobody is there to see how it ended. */
export function endNow(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** Watches from a thread of its own. It costs some memory, so it is started with the first heavy work. */
export function watchHost(): void {
  // As text: the thread then needs no file beside this one, wherever it was bundled to.
  new Worker(`(${watch.toString()})(${process.ppid})`, { eval: true }).unref();
}

function watch(host: number): void {
  const isThere = (): boolean => {
    if (process.platform !== 'win32') return process.ppid === host; // an orphan gets another parent
    try {
      return process.kill(host, 0);
    } catch {
      return false;
    }
  };
  setInterval(() => void (isThere() || process.kill(process.pid, 'SIGKILL')), 500);
}
