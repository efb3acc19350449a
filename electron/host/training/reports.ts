/** @file Reports on datasets, each made once in a thread of its own, however many windows ask. */
import { Worker } from 'node:worker_threads';
import { HdmError } from '../../../engine/errors.ts';
import type { DatasetReport, DatasetSource } from '../../contract.ts';
import { fromFailure } from '../engine.ts';
import type { Events } from '../events.ts';
import type { ReportNews, ReportWish } from './report-worker.ts';

/** From sources and bundled, where the thread's file lies beside the host's. */
const ENTRY = import.meta.url.endsWith('.ts') ? 'report-worker.ts' : 'report-worker.mjs';

interface Work {
  readonly source: string;
  readonly report: Promise<DatasetReport>;
  readonly stop: () => void;
}

export class Reports {
  readonly #events: Events;
  readonly #works = new Map<string, Work>();

  constructor(events: Events) {
    this.#events = events;
  }

  /** Throws what is wrong with the dataset as a whole, or `cancelled`. */
  make(wish: ReportWish): Promise<DatasetReport> {
    const key = JSON.stringify(wish);
    const known = this.#works.get(key);
    if (known) return known.report;
    const work = this.#start(wish);
    this.#works.set(key, work);
    const forget = (): void => void this.#works.delete(key);
    work.report.then(forget, forget);
    return work.report;
  }

  cancel(source: DatasetSource): void {
    for (const work of this.#works.values()) if (work.source === JSON.stringify(source)) work.stop();
  }

  close(): void {
    for (const work of this.#works.values()) work.stop();
  }

  #start(wish: ReportWish): Work {
    const { source } = wish;
    const worker = new Worker(new URL(ENTRY, import.meta.url), { workerData: wish });
    const { promise, resolve, reject } = Promise.withResolvers<DatasetReport>();
    worker.on('message', (news: ReportNews) => {
      if ('report' in news) resolve(plain(news.report));
      else if ('error' in news) reject(fromFailure(news.error));
      else this.#events.emit('report', { source, ...news });
    });
    worker.on('error', (error: Error) =>
      reject(new HdmError('internal', 'dataset report', error.message, '', error)),
    );
    worker.on('exit', () => reject(cancelled()));
    return { source: JSON.stringify(source), report: promise, stop: () => void worker.terminate() };
  }
}

/** What windows see of it. */
function plain({ source: _source, captions, ...rest }: Extract<ReportNews, { report: unknown }>['report']) {
  const { tokens: _tokens, ...others } = captions;
  return { ...rest, captions: others } as unknown as DatasetReport; // the same but for `readonly`
}

function cancelled(): HdmError {
  return new HdmError('cancelled', 'dataset report', 'it was stopped');
}
