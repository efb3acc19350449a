/** @file What a run tells on the command line: a line that moves on a terminal, now and then a line elsewhere. */
import type { StepEvent, TrainingEvent } from '../training/run/events.ts';
import type { Output } from './output.ts';

/** Steps whose times say how long the rest will take. */
const WINDOW = 64;
const FEWEST = 8;
/** Between two lines where there is no terminal. */
const LINE_MS = 10_000;
/** How much of the last loss stays in the smoothed one. */
const SMOOTH = 0.95;

export class TrainProgress {
  readonly #output: Output;
  readonly #times: number[] = [];
  #loss: number | undefined;
  #totalSteps = 0;
  #lastLineAt = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  tell(event: TrainingEvent): void {
    if (event.kind === 'started') this.#totalSteps = event.totalSteps;
    if (event.kind === 'step') this.#step(event);
    const text = describe(event);
    if (text) this.#line(text);
  }

  #step(event: StepEvent): void {
    this.#loss = this.#loss === undefined ? event.loss : SMOOTH * this.#loss + (1 - SMOOTH) * event.loss;
    this.#times.push(event.stepMs);
    if (this.#times.length > WINDOW) this.#times.shift();
    const text = this.#summary(event, this.#loss);
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
    else if (Date.now() - this.#lastLineAt > LINE_MS) {
      this.#lastLineAt = Date.now();
      this.#output.note(text);
    }
  }

  #summary({ step, images, stepMs }: StepEvent, loss: number): string {
    const rate = ((images * 1000) / stepMs).toPrecision(3);
    const left = remaining(this.#times, this.#totalSteps - step);
    return `step ${step}/${this.#totalSteps}  loss ${loss.toPrecision(4)}  ${rate} images/s${left}`;
  }

  #line(text: string): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    this.#output.note(text);
  }
}

/** The time of the rest, from the faster and the slower steps of late. */
function remaining(times: readonly number[], steps: number): string {
  if (times.length < FEWEST) return '';
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))]! * steps;
  return `  ${duration(at(0.25))} to ${duration(at(0.75))} left`;
}

/** `2 h 05 min`, `3 min`, `20 s`; exact, also `0.25 s`. */
export function duration(ms: number, kind: 'rounded' | 'exact' = 'rounded'): string {
  if (kind === 'exact' && ms < 10_000) return `${(ms / 1000).toPrecision(2)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 100
    ? `${hours} h ${String(minutes % 60).padStart(2, '0')} min`
    : `${Math.round(hours / 24)} days`;
}

function describe(event: TrainingEvent): string | undefined {
  switch (event.kind) {
    case 'started':
      return `${event.isResumed ? 'going on' : 'starting'} on ${event.device} in ${event.precision}, ${(event.parameters / 1e6).toPrecision(3)} million parameters`;
    case 'rehearsed':
      return `rehearsed: a step saved, read back and done again is the same bit for bit (${event.tensors} tensors)`;
    case 'validation':
      return `step ${event.step}: validation loss ${event.loss.toPrecision(4)}`;
    case 'sample':
      return `step ${event.step}: ${event.file}`;
    case 'checkpoint':
      return `step ${event.step}: ${event.folder}, read back${event.isBest ? ', the best so far' : ''}`;
    case 'warning':
      return `step ${event.step}: ${event.detail}`;
    case 'phase':
    case 'step':
    case 'removed':
    case 'ended':
      return undefined;
  }
}
