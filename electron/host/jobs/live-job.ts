/** @file The job that is drawn now: how far it is, what comes, and the wish to stop it. */
import { PLACES, type Progress } from '../../contract.ts';

/** What the engine tells. */
export type EngineProgress = Omit<Progress, 'preview' | 'secondsLeft'>;

export class LiveJob {
  readonly id: string;
  readonly stop = new AbortController();
  readonly #now: () => number;
  #progress: Progress | undefined;
  #preview: Uint8Array | undefined;
  /** From where the pace is measured: what comes before the first report is not a step. */
  #start: { readonly step: number; readonly at: number } | undefined;

  constructor(id: string, now: () => number) {
    this.id = id;
    this.#now = now;
  }

  get progress(): Progress | undefined {
    return this.#progress;
  }

  /** PNG of the last preview. */
  get preview(): Uint8Array | undefined {
    return this.#preview;
  }

  /** The whole of what windows know, from the news of the engine. */
  report(news: EngineProgress, preview: Uint8Array | undefined): Progress {
    if (preview) this.#preview = preview;
    const address = preview ? `${PLACES.previews}${this.id}/${news.step}.png` : this.#progress?.preview;
    const secondsLeft = this.#secondsLeft(news);
    this.#progress = {
      ...news,
      ...(address !== undefined && { preview: address }),
      ...(secondsLeft !== undefined && { secondsLeft }),
    };
    return this.#progress;
  }

  #secondsLeft({ phase, step, steps }: EngineProgress): number | undefined {
    if (phase !== 'denoising') return undefined;
    this.#start ??= { step, at: this.#now() };
    const done = step - this.#start.step;
    if (done <= 0) return undefined;
    return ((this.#now() - this.#start.at) / 1000 / done) * (steps - step);
  }
}
