/** @file The steps of a run as columns of numbers: hundreds of thousands of them, shown as two thousand. */
import type { StepColumns } from '../../contract.ts';
import type { StepEvent } from '../../../engine/training/run/events.ts';

/** As many rows as a window gets: more than a chart has pixels. */
export const MOST_ROWS = 2_000;

type Row = { [K in keyof StepColumns]: number };
type Name = keyof StepColumns;

const NAMES: readonly Name[] = [
  ...(['step', 'loss', 'low', 'high', 'norm'] as const),
  ...(['learningRate', 'imagesPerSecond', 'memoryBytes', 'waited'] as const),
];
const FIRST_CAPACITY = 1_024;

export class Columns {
  #columns = columnsOf(FIRST_CAPACITY);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get lastStep(): number {
    return this.#length === 0 ? 0 : this.#columns.step[this.#length - 1]!;
  }

  add(event: StepEvent): void {
    if (this.#length === this.#columns.step.length) this.#grow();
    const row = toRow(event);
    for (const name of NAMES) this.#columns[name][this.#length] = row[name];
    this.#length++;
  }

  /** Forgets the steps from `step` on: a run that was resumed does them again. */
  cut(step: number): void {
    while (this.#length > 0 && this.lastStep >= step) this.#length--;
  }

  /** The rows from `from` on, in at most `most` rows: each of several steps has their mean, lowest and highest loss. */
  rows(from = 0, most = MOST_ROWS): StepColumns {
    const count = this.#length - from;
    const perRow = Math.max(1, Math.ceil(count / most));
    const result = emptyColumns();
    for (let start = from; start < this.#length; start += perRow) {
      this.#addRow(result, start, Math.min(this.#length, start + perRow));
    }
    return result;
  }

  #addRow(result: StepColumns, start: number, end: number): void {
    const c = this.#columns;
    const [low, high] = [c.low.subarray(start, end), c.high.subarray(start, end)];
    result.step.push(c.step[end - 1]!);
    result.loss.push(mean(c.loss.subarray(start, end)));
    result.low.push(low.reduce((a, b) => Math.min(a, b)));
    result.high.push(high.reduce((a, b) => Math.max(a, b)));
    const norms = c.norm.subarray(start, end).filter((norm) => !Number.isNaN(norm));
    result.norm.push(norms.length === 0 ? null : norms.reduce((a, b) => Math.max(a, b)));
    result.learningRate.push(c.learningRate[end - 1]!);
    result.imagesPerSecond.push(mean(c.imagesPerSecond.subarray(start, end)));
    result.memoryBytes.push(c.memoryBytes.subarray(start, end).reduce((a, b) => Math.max(a, b)));
    result.waited.push(mean(c.waited.subarray(start, end)));
  }

  #grow(): void {
    const larger = columnsOf(this.#columns.step.length * 2);
    for (const name of NAMES) larger[name].set(this.#columns[name]);
    this.#columns = larger;
  }
}

export function emptyColumns(): StepColumns {
  return Object.fromEntries(NAMES.map((name) => [name, []])) as unknown as StepColumns;
}

function columnsOf(capacity: number): Readonly<Record<Name, Float64Array>> {
  return Object.fromEntries(NAMES.map((name) => [name, new Float64Array(capacity)])) as Record<
    Name,
    Float64Array
  >;
}

function toRow({ step, loss, norm, learningRate, images, stepMs, waitedMs, memoryBytes }: StepEvent): Row {
  return {
    step,
    loss,
    low: loss,
    high: loss,
    norm: norm ?? NaN,
    learningRate,
    imagesPerSecond: stepMs > 0 ? (images / stepMs) * 1000 : 0,
    memoryBytes,
    waited: stepMs > 0 ? Math.min(1, waitedMs / stepMs) : 0,
  };
}

function mean(values: Float64Array): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
