/** @file Many small pieces of work, a few at a time. */
import { HdmError } from '../../errors.ts';

export interface ParallelOptions {
  /** Pieces under way at once. */
  readonly width?: number;
  readonly signal?: AbortSignal | undefined;
  /** After each piece: how many are done. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** File reads and decoders run in Node's pool of four threads; some more keep it busy. */
const USUAL_WIDTH = 8;

/**
 * The results of `work` for 0..total-1, in order. The first error ends it.
 * @throws HdmError `cancelled` when the signal says so
 */
export async function inParallel<T>(
  total: number,
  work: (index: number) => Promise<T>,
  { width = USUAL_WIDTH, signal, onProgress }: ParallelOptions = {},
): Promise<T[]> {
  const results = new Array<T>(total);
  let next = 0;
  let done = 0;
  async function runner(): Promise<void> {
    while (next < total) {
      if (signal?.aborted) throw new HdmError('cancelled', 'dataset', 'stopped as asked');
      const index = next++;
      results[index] = await work(index);
      onProgress?.(++done, total);
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, total) }, runner));
  return results;
}
