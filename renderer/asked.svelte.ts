/** @file Answers of the host that follow what a person changes. */
import type { Studio } from './studio.svelte.ts';

export interface AskedOptions<Q, A> {
  readonly studio: Studio;
  /** undefined: there is nothing to ask. */
  readonly question: () => Q | undefined;
  readonly ask: (question: Q) => Promise<A>;
  /** How long the question must stay the same, milliseconds. */
  readonly rest: number;
}

/** Asks when the question has rested; the newest question's answer counts. Made while a component is set up. */
export class Asked<Q, A> {
  readonly #ask: (question: Q) => Promise<A>;
  #answer = $state.raw<A>();
  #error = $state<string>();
  #isCurrent = $state(false);
  #turn = 0;

  constructor({ studio, question, ask, rest }: AskedOptions<Q, A>) {
    this.#ask = ask;
    const key = $derived(JSON.stringify(question()) as string | undefined);
    // Asks the host.
    $effect(() => {
      this.#turn++;
      this.#isCurrent = false;
      if (key === undefined) {
        this.#answer = undefined;
        this.#error = undefined;
      }
      if (key === undefined || studio.connection !== 'open') return;
      const timer = setTimeout(() => void this.#take(JSON.parse(key) as Q), rest);
      return () => clearTimeout(timer);
    });
  }

  /** The last answer, also while a newer one is on its way. */
  get answer(): A | undefined {
    return this.#answer;
  }

  /** Why the last question has no answer. */
  get error(): string | undefined {
    return this.#error;
  }

  /** The answer, or error, is that of the question as it is now. */
  get isCurrent(): boolean {
    return this.#isCurrent;
  }

  async #take(question: Q): Promise<void> {
    const turn = this.#turn;
    const result = await this.#ask(question).then(
      (answer) => ({ answer, error: undefined }),
      (error: unknown) => ({
        answer: undefined,
        error: error instanceof Error ? error.message : String(error),
      }),
    );
    if (turn !== this.#turn) return;
    this.#answer = result.answer;
    this.#error = result.error;
    this.#isCurrent = true;
  }
}
