/** @file Models on their way into the studio: from a path, a dropped file, an address. */
import type { Model, Offer } from '../../../electron/contract.ts';
import { upload } from '../../upload.ts';
import type { Studio } from '../../studio.svelte.ts';

export class Adding {
  readonly #studio: Studio;
  #isBusy = $state(false);
  #error = $state('');
  #added = $state.raw<Model>();
  #offer = $state.raw<Offer>();
  /** 0 to 1 while a dropped file is sent. */
  #sent = $state<number>();

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  get error(): string {
    return this.#error;
  }

  /** The model that came last. */
  get added(): Model | undefined {
    return this.#added;
  }

  /** What lies at the address, to be looked at before anything is fetched. */
  get offer(): Offer | undefined {
    return this.#offer;
  }

  get sent(): number | undefined {
    return this.#sent;
  }

  async fromPath(path: string): Promise<void> {
    await this.#do(async () => (this.#added = await this.#studio.call('models.import', { path })));
  }

  /** Files that were dropped: by their path in the desktop app, sent to the host from a browser. */
  async fromFiles(files: readonly File[]): Promise<void> {
    for (const file of files) {
      if (window.studio) await this.fromPath(window.studio.pathOf(file));
      else await this.#do(() => this.#send(file));
    }
  }

  async look(address: string): Promise<void> {
    await this.#do(async () => (this.#offer = await this.#studio.call('downloads.look', { address })));
  }

  async fetch(files: string[]): Promise<void> {
    const { address } = this.#offer!;
    this.#offer = undefined;
    await this.#do(() => this.#studio.call('downloads.start', { address, files }));
  }

  forgetOffer(): void {
    this.#offer = undefined;
  }

  async #send(file: File): Promise<void> {
    this.#sent = 0;
    try {
      const uploadId = await upload(file, file.name, (part) => (this.#sent = part));
      const name = file.name.replace(/\.safetensors$/i, '');
      this.#added = await this.#studio.call('models.keepUpload', { uploadId, name });
    } finally {
      this.#sent = undefined;
    }
  }

  async #do(work: () => Promise<unknown>): Promise<void> {
    this.#isBusy = true;
    this.#error = '';
    this.#added = undefined;
    try {
      await work();
    } catch (error) {
      this.#error = (error as Error).message;
    } finally {
      this.#isBusy = false;
    }
  }
}
