/** @file How fast bytes come, over the last seconds. */
const WINDOW_MS = 5_000;
/** Chunks within this time are one sample. */
const SAMPLE_MS = 100;
/** Less than this says nothing yet. */
const SHORTEST_MS = 500;

export class Speed {
  #samples: { readonly at: number; bytes: number }[] = [];

  add(bytes: number, now: number = performance.now()): void {
    const last = this.#samples.at(-1);
    if (last && now - last.at < SAMPLE_MS) last.bytes += bytes;
    else this.#samples.push({ at: now, bytes });
    this.#forgetOld(now);
  }

  /** 0 when nothing came of late. */
  bytesPerSecond(now: number = performance.now()): number {
    this.#forgetOld(now);
    const [first] = this.#samples;
    if (!first) return 0;
    const bytes = this.#samples.reduce((sum, sample) => sum + sample.bytes, 0);
    return (bytes / Math.max(SHORTEST_MS, now - first.at)) * 1000;
  }

  #forgetOld(now: number): void {
    this.#samples = this.#samples.filter(({ at }) => now - at <= WINDOW_MS);
  }
}
