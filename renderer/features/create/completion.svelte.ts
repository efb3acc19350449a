/** @file Tags and wildcards that complete what is being typed. */
import type { Studio } from '../../studio.svelte.ts';
import { fragmentsAt, type Fragment } from './fragment.ts';

export interface Suggestion {
  readonly text: string;
  /** Of a tag. */
  readonly category?: string;
  readonly count?: number;
  /** The other name that was typed. */
  readonly alias?: string;
}

/** What to put into the prompt, from `start` to the caret. */
export interface Insertion {
  readonly start: number;
  readonly text: string;
}

const MOST = 12;
const REST_MS = 80;

export class Completion {
  readonly #studio: Studio;
  #fragment: Fragment | undefined;
  #suggestions = $state.raw<readonly Suggestion[]>([]);
  #active = $state(-1);
  #turn = 0;
  #waiting: ReturnType<typeof setTimeout> | undefined;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  get suggestions(): readonly Suggestion[] {
    return this.#suggestions;
  }

  get isOpen(): boolean {
    return this.#suggestions.length > 0;
  }

  /** Of the suggestion that Enter takes; -1: none yet, so that Enter is a new line. */
  get active(): number {
    return this.#active;
  }

  /** Looks for what fits at the caret, when the typing rests. */
  look(text: string, caret: number): void {
    clearTimeout(this.#waiting);
    const turn = ++this.#turn;
    const fragments = fragmentsAt(text, caret);
    if (fragments.length === 0) return this.close();
    this.#waiting = setTimeout(() => void this.#find(fragments, turn), REST_MS);
  }

  close(): void {
    clearTimeout(this.#waiting);
    this.#turn++;
    this.#suggestions = [];
    this.#active = -1;
  }

  /** To the next or previous one, around the ends. */
  move(step: 1 | -1): void {
    const count = this.#suggestions.length;
    this.#active = this.#active < 0 && step < 0 ? count - 1 : (this.#active + step + count) % count;
  }

  /** What a suggestion puts into `text`, whose caret is at `caret`. Closes the list. */
  take(index: number, text: string, caret: number): Insertion | undefined {
    const suggestion = this.#suggestions[index];
    const fragment = this.#fragment;
    this.close();
    if (!suggestion || !fragment) return undefined;
    if (fragment.kind === 'wildcard') return { start: fragment.start, text: `__${suggestion.text}__` };
    const isFollowed = /^\s*[,|}]/.test(text.slice(caret));
    return { start: fragment.start, text: suggestion.text + (fragment.isWhole && !isFollowed ? ', ' : '') };
  }

  async #find(fragments: readonly Fragment[], turn: number): Promise<void> {
    for (const fragment of fragments) {
      const found = await this.#suggest(fragment).catch(() => []); // typing goes on without
      if (turn !== this.#turn) return;
      if (found.length === 0) continue;
      this.#fragment = fragment;
      this.#suggestions = found;
      this.#active = -1;
      return;
    }
    this.close();
  }

  async #suggest({ kind, text }: Fragment): Promise<Suggestion[]> {
    if (kind === 'tag') {
      const found = await this.#studio.call('tags.complete', { text: text.trim(), limit: MOST });
      const isTyped = found.length === 1 && found[0]!.tag === text.trim().toLowerCase();
      return isTyped
        ? []
        : found.map(({ tag, alias, ...rest }) => ({ text: tag, ...rest, ...(alias && { alias }) }));
    }
    const names = await this.#studio.call('prompts.wildcards', {});
    const typed = text.toLowerCase();
    return names
      .filter((name) => name.toLowerCase().includes(typed))
      .slice(0, MOST)
      .map((name) => ({ text: name }));
  }
}
