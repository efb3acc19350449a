/** @file The settings inside the picture that is looked at. */
import type { FoundSettings, Picture } from '../../../electron/contract.ts';
import type { Studio } from '../../studio.svelte.ts';

/** Asks for them as the picture changes; the newest picture's count. Made while a component is set up. */
export class PictureFacts {
  #id = $state<string>();
  #found = $state.raw<FoundSettings>();
  #error = $state<string>();

  constructor(studio: Studio, picture: () => Picture | undefined) {
    const id = $derived(picture()?.id);
    // Asks the host.
    $effect(() => {
      if (id === undefined || id === this.#id || studio.connection !== 'open') return;
      const take = (found: FoundSettings | undefined, error: string | undefined): void => {
        if (isOver) return;
        this.#id = id;
        this.#found = found;
        this.#error = error;
      };
      let isOver = false;
      studio.call('library.settings', { id }).then(
        (found) => take(found, undefined),
        (error: unknown) => take(undefined, (error as Error).message),
      );
      return () => (isOver = true);
    });
  }

  /** Those of the picture before, while the new ones are on their way. */
  get found(): FoundSettings | undefined {
    return this.#found;
  }

  get error(): string | undefined {
    return this.#error;
  }

  isOf(picture: Picture): boolean {
    return this.#id === picture.id;
  }
}
