/** @file The pictures that came last: the strip beside the canvas. */
import type { Picture } from '../../../electron/contract.ts';
import type { Studio } from '../../studio.svelte.ts';

const MOST = 60;
const REST_MS = 150;

/** Newest first. Made while a component is set up. */
export class Recent {
  readonly #studio: Studio;
  #pictures = $state.raw<readonly Picture[]>([]);
  #revision = $state(-1);

  constructor(studio: Studio) {
    this.#studio = studio;
    // A new picture is here before the list is asked for again.
    $effect(() => studio.on('library', ({ added }) => added && this.#add(added)));
    // Asks for the list after changes, and after each reconnection.
    $effect(() => {
      void studio.library.revision;
      if (studio.connection !== 'open') return;
      const timer = setTimeout(() => void this.#load(), this.isLoaded ? REST_MS : 0);
      return () => clearTimeout(timer);
    });
  }

  get pictures(): readonly Picture[] {
    return this.#pictures;
  }

  /** The first list has come. */
  get isLoaded(): boolean {
    return this.#revision >= 0;
  }

  find(id: string): Picture | undefined {
    return this.#pictures.find((picture) => picture.id === id);
  }

  /** Whether it was deleted: it would be in the list if it were still in the library. `since`: when it was made. */
  isGone(id: string, since: number): boolean {
    const isCurrent = this.#revision >= this.#studio.library.revision;
    const reachesBack = this.#pictures.length < MOST || since > (this.#pictures.at(-1)?.createdAt ?? 0);
    return isCurrent && reachesBack && !this.find(id);
  }

  /** The picture `step` places further down the list; undefined beyond its ends. */
  beside(id: string | undefined, step: 1 | -1): Picture | undefined {
    const index = this.#pictures.findIndex((picture) => picture.id === id);
    return index < 0 ? this.#pictures[0] : this.#pictures[index + step];
  }

  #add(added: Picture): void {
    if (!this.find(added.id)) this.#pictures = [added, ...this.#pictures].slice(0, MOST);
  }

  async #load(): Promise<void> {
    const list = await this.#studio
      .call('library.list', { filter: {}, order: 'newest', offset: 0, limit: MOST })
      .catch(() => undefined); // asked again at the next change or connection
    if (!list || list.revision < this.#studio.library.revision) return; // a newer answer is on its way
    this.#pictures = list.pictures;
    this.#revision = list.revision;
  }
}
