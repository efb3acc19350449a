/** @file What a person asks of a run; it is answered between two steps. */
import type { RunRequest } from './events.ts';
import { Gate } from './gate.ts';

export class RunRequests {
  /** Closed while somebody else needs the device for a moment. */
  readonly gate = new Gate();
  #waiting: RunRequest[] = [];
  #wake: (() => void) | undefined;

  ask(request: RunRequest): void {
    this.#waiting.push(request);
    this.#wake?.();
  }

  /** Whether something is asked for. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Whether one of them ends the run. */
  get isEnding(): boolean {
    return this.#waiting.includes('stop') || this.#waiting.includes('leave');
  }

  /** The next request, if there is one. */
  take(): RunRequest | undefined {
    return this.#waiting.shift();
  }

  /** The next request, however long it takes. */
  async next(): Promise<RunRequest> {
    while (this.#waiting.length === 0) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    this.#wake = undefined;
    return this.#waiting.shift()!;
  }
}
