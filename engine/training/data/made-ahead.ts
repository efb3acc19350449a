/** @file Numbered things that are made before they are asked for. What was made ahead changes nothing but the wait. */

export class MadeAhead<T> {
  /** How long `take` has kept its callers waiting, all in all. */
  waitedMs = 0;
  readonly #make: (number: number) => Promise<T>;
  readonly #ahead: number;
  /** Under way and ready. */
  readonly #made = new Map<number, Promise<T>>();

  /** `ahead`: how many are made before they are asked for. */
  constructor(make: (number: number) => Promise<T>, ahead: number) {
    this.#make = make;
    this.#ahead = ahead;
  }

  /** The one of this number. Keeps the next ones going and forgets all others. */
  async take(number: number): Promise<T> {
    const startedMs = performance.now();
    const last = number + this.#ahead;
    for (const known of this.#made.keys()) if (known < number || known > last) this.#made.delete(known);
    for (let next = number; next <= last; next++) {
      if (this.#made.has(next)) continue;
      const begun = this.#make(next);
      begun.catch(() => {}); // whoever asks for it will hear
      this.#made.set(next, begun);
    }
    const wanted = this.#made.get(number)!;
    this.#made.delete(number);
    try {
      return await wanted;
    } finally {
      this.waitedMs += performance.now() - startedMs;
    }
  }

  /** When nothing is under way any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#made.values());
  }

  clear(): void {
    this.#made.clear();
  }
}
