/** @file Whose turn it is on the device: one user at a time, the most urgent first. */
import { HdmError } from '../../engine/errors.ts';
import type { Arbiter, DeviceUser, Lease } from './parts.ts';

/** Smaller is more urgent: a hand on the canvas waits for a draft, nobody watches a training run. */
const URGENCY: Readonly<Record<DeviceUser, number>> = {
  draft: 0,
  picture: 1,
  check: 2,
  score: 3,
  training: 4,
};

interface Waiting {
  readonly user: DeviceUser;
  readonly begin: () => void;
}

/** Users of one urgency come in the order in which they asked. */
export class DeviceArbiter implements Arbiter {
  /** In the order of arrival. */
  readonly #waiting: Waiting[] = [];
  #isTaken = false;
  /** Tells whoever has the device that somebody came. */
  #onArrival: (() => void) | undefined;

  take(user: DeviceUser, signal?: AbortSignal): Promise<Lease> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(cancelled());
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(cancelled());
      };
      const begin = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve(this.#lease(user));
      };
      const waiting = { user, begin };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(waiting);
      this.#next();
      this.#onArrival?.();
    });
  }

  #next(): void {
    if (this.#isTaken || this.#waiting.length === 0) return;
    const next = this.#waiting.reduce((a, b) => (isMoreUrgent(b.user, a.user) ? b : a));
    this.#waiting.splice(this.#waiting.indexOf(next), 1);
    this.#isTaken = true;
    next.begin();
  }

  #lease(user: DeviceUser): Lease {
    const waiting = this.#waiting;
    const { promise: wanted, resolve } = Promise.withResolvers<void>();
    let isHeld = true;
    const isWanted = (): boolean => isHeld && waiting.some((other) => isMoreUrgent(other.user, user));
    this.#onArrival = () => isWanted() && resolve();
    this.#onArrival(); // somebody may have come before it began
    return {
      get isWanted() {
        return isWanted();
      },
      wanted,
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#isTaken = false;
        this.#onArrival = undefined;
        this.#next();
      },
    };
  }
}

function isMoreUrgent(a: DeviceUser, b: DeviceUser): boolean {
  return URGENCY[a] < URGENCY[b];
}

function cancelled(): HdmError {
  return new HdmError('cancelled', 'device', 'the wait for it was cancelled');
}
