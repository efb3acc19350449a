/** @file Tells windows what a run did, a few times a second at most, and keeps its progress now and then. */
import type { RunHistory } from '../../contract.ts';
import type { Mark, RunLog } from './run-log.ts';

interface Ways {
  readonly tellHistory: (history: RunHistory) => void;
  readonly tellRuns: () => void;
  readonly keep: () => void;
}

const TOLD_EVERY_MS = 400;
const KEPT_EVERY_MS = 5_000;

export class Teller {
  readonly #log: RunLog;
  readonly #ways: Ways;
  #mark: Mark;
  #isWhole = false;
  #timer: NodeJS.Timeout | undefined;
  #keptAt = performance.now();

  constructor(log: RunLog, ways: Ways) {
    this.#log = log;
    this.#ways = ways;
    this.#mark = log.mark();
  }

  tell(): void {
    this.#timer ??= setTimeout(() => this.#flush(), TOLD_EVERY_MS);
  }

  /** The next time all of it: what windows know was taken back. */
  tellAgain(): void {
    this.#isWhole = true;
  }

  /** Tells and keeps what is left. */
  close(): void {
    this.#keptAt = -Infinity;
    this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#ways.tellHistory(this.#isWhole ? this.#log.whole() : this.#log.since(this.#mark));
    this.#isWhole = false;
    this.#mark = this.#log.mark();
    this.#ways.tellRuns();
    if (performance.now() - this.#keptAt < KEPT_EVERY_MS) return;
    this.#keptAt = performance.now();
    this.#ways.keep();
  }
}
