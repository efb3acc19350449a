/**
 * @file The device for work that takes long: it stands aside between two of its steps whenever somebody more urgent
 * comes, and goes on afterwards.
 */
import type { Arbiter, DeviceUser, Lease, SharedEngine } from './parts.ts';

export interface LongTurnOptions {
  /** Of the task. */
  readonly id: string;
  readonly user: DeviceUser;
  readonly engine: SharedEngine;
  readonly arbiter: Arbiter;
  /** Ends the waiting for it. */
  readonly signal: AbortSignal;
  /** It was taken. */
  readonly onTake?: () => void;
}

export class LongTurn {
  readonly #options: LongTurnOptions;
  /** Fulfilled when the engine works on it, or never will: what it is asked before that is lost. */
  readonly #reached = Promise.withResolvers<void>();
  #lease: Lease | undefined;
  #isOver = false;

  constructor(options: LongTurnOptions) {
    this.#options = options;
  }

  /** The work has the device: it does not wait for it, and has not released it. */
  get isHeld(): boolean {
    return this.#lease !== undefined;
  }

  get reached(): Promise<void> {
    return this.#reached.promise;
  }

  /** To be called when the engine was heard of. */
  noteReached(): void {
    this.#reached.resolve();
  }

  /** Waits for it. Throws `cancelled` after the signal. */
  async take(): Promise<void> {
    const { arbiter, user, signal, onTake } = this.#options;
    const lease = await arbiter.take(user, signal);
    if (this.#isOver) return lease.release();
    this.#lease = lease;
    onTake?.();
    void lease.wanted.then(() => this.#giveWay(lease));
  }

  /** It may be taken again. */
  release(): void {
    this.#lease?.release();
    this.#lease = undefined;
  }

  /** The work has ended. */
  end(): void {
    this.#isOver = true;
    this.#reached.resolve();
    this.release();
  }

  async #giveWay(lease: Lease): Promise<void> {
    const { engine, id } = this.#options;
    await this.reached;
    if (this.#lease !== lease) return;
    const stands = await engine.giveWay(id);
    if (!stands || this.#lease !== lease) return;
    this.release();
    await this.take().catch(() => {}); // it was stopped meanwhile
    engine.goOn(id);
  }
}
