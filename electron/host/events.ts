/** @file From the parts of the host to every window: typed, and heard by whoever listens at that moment. */
import type { EventName, EventValue } from '../contract.ts';

export type EventListener = <N extends EventName>(name: N, value: EventValue<N>) => void;

export class Events {
  readonly #listeners = new Set<EventListener>();

  emit<N extends EventName>(name: N, value: EventValue<N>): void {
    for (const listener of this.#listeners) listener(name, value);
  }

  /** Returns what ends the listening. */
  listen(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
