/**
 * @file Tasks that hold up a window. Counted is the time of the processor, not of the clock: on a busy machine another
 * program may take its turn in the middle of any task.
 */
import type { CDPSession, Page } from '@playwright/test';

/** What browsers call a long task, milliseconds. */
const LONG_MS = 50;

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds on the clock, and of the processor. */
  readonly dur?: number;
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

/** Milliseconds of each long task of a page's main thread while `work` runs. */
export async function longTasks(page: Page, work: () => Promise<unknown>): Promise<number[]> {
  const session = await page.context().newCDPSession(page);
  try {
    const events = await trace(session, work);
    const threads = mainThreads(events);
    const durations = events
      .filter(({ name, ph, pid, tid }) => name === 'RunTask' && ph === 'X' && threads.has(`${pid} ${tid}`))
      .map(({ tdur, dur }) => (tdur ?? dur ?? 0) / 1000);
    if (durations.length === 0) throw new Error('the trace has no task of a page');
    return durations.filter((duration) => duration > LONG_MS);
  } finally {
    await session.detach();
  }
}

async function trace(session: CDPSession, work: () => Promise<unknown>): Promise<TraceEvent[]> {
  const events: TraceEvent[] = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...(value as unknown as TraceEvent[])));
  const ended = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['toplevel', 'disabled-by-default-devtools.timeline', '__metadata'] },
  });
  try {
    await work();
  } finally {
    await session.send('Tracing.end');
    await ended;
  }
  return events;
}

function mainThreads(events: readonly TraceEvent[]): Set<string> {
  const named = events.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain');
  return new Set(named.map(({ pid, tid }) => `${pid} ${tid}`));
}
