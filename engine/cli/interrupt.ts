/** @file Work that a person may break off. */

/** Does the work; SIGINT aborts its signal instead of ending the process. */
export async function untilInterrupted(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const onInterrupt = (): void => stop.abort();
  process.once('SIGINT', onInterrupt);
  try {
    await work(stop.signal);
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}
