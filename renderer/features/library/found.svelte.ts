/** @file Settings read from a picture file that was dropped or chosen. */
import type { FoundSettings } from '../../../electron/contract.ts';
import type { Studio } from '../../studio.svelte.ts';
import { upload } from '../../upload.ts';

export class FoundInFile {
  readonly #studio: Studio;
  #file = $state.raw<{ readonly name: string; readonly url: string }>();
  #found = $state.raw<FoundSettings>();
  #error = $state<string>();

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  /** The file that is read, with an address to look at it. */
  get file(): { readonly name: string; readonly url: string } | undefined {
    return this.#file;
  }

  /** Undefined while it is read. */
  get found(): FoundSettings | undefined {
    return this.#found;
  }

  get error(): string | undefined {
    return this.#error;
  }

  async read(file: File): Promise<void> {
    this.close();
    const current = (this.#file = { name: file.name, url: URL.createObjectURL(file) });
    try {
      const uploadId = await upload(file, file.name);
      const found = await this.#studio.call('uploads.settings', { uploadId });
      if (this.#file === current) this.#found = found;
    } catch (error) {
      if (this.#file === current) this.#error = (error as Error).message;
    }
  }

  close(): void {
    if (this.#file) URL.revokeObjectURL(this.#file.url);
    this.#file = undefined;
    this.#found = undefined;
    this.#error = undefined;
  }
}
