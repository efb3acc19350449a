/** @file A gate between two steps of a run: closed, the run stands at it, and the device is free. */

interface Closed {
  readonly reached: PromiseWithResolvers<boolean>;
  readonly opened: PromiseWithResolvers<void>;
}

export class Gate {
  #closed: Closed | undefined;

  /** Fulfilled with true when the run stands at the gate, with false when it was opened before. */
  close(): Promise<boolean> {
    this.#closed ??= { reached: Promise.withResolvers(), opened: Promise.withResolvers() };
    return this.#closed.reached.promise;
  }

  open(): void {
    this.#closed?.reached.resolve(false);
    this.#closed?.opened.resolve();
    this.#closed = undefined;
  }

  /** For the run, between two steps: waits while the gate is closed. */
  async pass(): Promise<void> {
    while (this.#closed) {
      this.#closed.reached.resolve(true);
      await this.#closed.opened.promise;
    }
  }
}
