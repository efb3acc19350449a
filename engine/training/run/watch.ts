/** @file Facts about a run that a person should know of, from its own numbers. */
import { statfsSync } from 'node:fs';
import { median } from '../../median.ts';
import type { StepEvent, Warning } from './events.ts';
import type { Run } from './open-run.ts';

export interface Fact {
  readonly warning: Warning;
  readonly detail: string;
}

/** Steps whose middle time counts as one measurement. */
const WINDOW = 50;
/** The first steps of a session compile and fill caches. */
const WARM_UP = 5;
const SLOWER = 1.5;
const STARVING = 0.2;
/** Validations without a lower loss after which it counts as flat, and what counts as lower. */
const PATIENCE = 8;
const LOWER = 0.999;
/** Share of a latent channel's variance that may be noise: beyond it a picture cannot be told from it (posterior collapse). */
const NOISE = 0.5;

export class Watch {
  #times: number[] = [];
  #waits: number[] = [];
  #usualMs: number | undefined;
  #lowest = Infinity;
  #sinceLowest = 0;
  readonly #told = new Set<string>();

  /** Called after each step of a session. */
  step({ stepMs, waitedMs }: StepEvent): Fact[] {
    this.#times.push(stepMs);
    this.#waits.push(waitedMs);
    if (this.#times.length < WINDOW + WARM_UP) return [];
    const ms = median(this.#times.slice(WARM_UP));
    const waited = sum(this.#waits) / sum(this.#times);
    this.#usualMs ??= ms;
    [this.#times, this.#waits] = [[], []];
    const times = ms / this.#usualMs;
    return [
      ...this.#once(
        'slower',
        times > SLOWER,
        `a step takes ${Math.round(ms)} ms, ${times.toFixed(1)} times as long`,
      ),
      ...this.#once(
        'starving',
        waited > STARVING,
        `${Math.round(waited * 100)} % of the time goes to waiting`,
      ),
    ];
  }

  validation(loss: number): Fact[] {
    if (loss < this.#lowest * LOWER) this.#sinceLowest = 0;
    else this.#sinceLowest++;
    this.#lowest = Math.min(this.#lowest, loss);
    const detail = `no lower validation loss than ${this.#lowest.toPrecision(4)} in ${PATIENCE} validations`;
    return this.#once('flat', this.#sinceLowest >= PATIENCE, detail);
  }

  /** At the first skipped update, and whenever their number has doubled. */
  skipped(count: number): Fact[] {
    if ((count & (count - 1)) !== 0) return [];
    const detail = `${count} update${count > 1 ? 's were' : ' was'} skipped: a gradient was no number`;
    return [{ warning: 'overflow', detail }];
  }

  /** Each picture once. */
  pictures(skipped: readonly { readonly name: string; readonly reason: string }[]): Fact[] {
    return skipped.flatMap(({ name, reason }) => this.#once('pictures', true, reason, name));
  }

  captions(cut: number, length: number): Fact[] {
    const detail = `captions are longer than ${length} tokens; their end is not seen`;
    return cut > 0 ? this.#once('captions', true, detail) : [];
  }

  /** `noise`: of each latent channel, the share of its variance that is the noise of the posterior. */
  latents(noise: readonly number[]): Fact[] {
    const idle = noise.flatMap((share, channel) => (share > NOISE ? [channel + 1] : []));
    const detail = `only noise in channel ${idle.join(', ')} (of ${noise.length}); try fewer "latent_channels", or a smaller "divergence"`;
    return this.#once('latents', idle.length > 0, detail);
  }

  /** `needed`: bytes of the next save. */
  disk(folder: string, needed: number): Fact[] {
    const { bavail, bsize } = statfsSync(folder);
    const free = bavail * bsize;
    const detail = `${Math.floor(free / 2 ** 20)} MiB are free, the next save needs ${Math.ceil(needed / 2 ** 20)}`;
    return this.#once('disk', free < 2 * needed, detail);
  }

  /** A fact that stays true is told once until it was false. */
  #once(warning: Warning, isTrue: boolean, detail: string, key: string = warning): Fact[] {
    const wasTold = this.#told.has(key);
    if (isTrue) this.#told.add(key);
    else this.#told.delete(key);
    return isTrue && !wasTold ? [{ warning, detail }] : [];
  }
}

/** Writes facts to the log of a run, at the step where it is. */
export function warn({ log, position }: Pick<Run, 'log' | 'position'>, facts: readonly Fact[]): void {
  for (const fact of facts) log.record({ kind: 'warning', step: position.step, ...fact });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
