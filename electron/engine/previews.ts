/** @file Previews while a picture comes: often enough to watch, rarely enough not to slow it down. */
import { fromPixels } from '../../engine/image/pixels.ts';
import type { Progress } from '../../engine/pipeline/pipeline.ts';

/** A preview may take a tenth of the time; the first of a model takes longer, which is not held against the next. */
const PAUSE = { shortestMs: 250, longestMs: 1_000, times: 10 };

export class Previews {
  #next = 0;

  /** PNG of what is coming, where it is time for one. The last step has none: the picture itself is next. */
  async take(progress: Progress): Promise<Uint8Array | undefined> {
    const start = performance.now();
    if (progress.step === progress.steps || start < this.#next) return undefined;
    const png = await fromPixels(await progress.preview())
      .png()
      .toBuffer();
    const end = performance.now();
    const fair = PAUSE.times * (end - start);
    this.#next = end + Math.min(Math.max(fair, PAUSE.shortestMs), PAUSE.longestMs);
    return png;
  }
}
