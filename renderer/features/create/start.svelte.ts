/** @file The picture to begin from (img2img), its mask, and their way to the host. */
import { untrack } from 'svelte';
import type { Picture } from '../../../electron/contract.ts';
import type { Studio } from '../../studio.svelte.ts';
import { upload } from '../../upload.ts';
import type { DrawingForm } from './form.svelte.ts';
import { Mask } from './mask.svelte.ts';
import type { MaskOperation } from './mask-painting.ts';
import { onGrid, sideOf, sizeFor, type Size } from './sizes.ts';

/** What can be seen of it. */
export interface StartLook {
  readonly url: string;
  readonly size: Size;
  readonly name: string;
}

const USUAL_STRENGTH = 0.6;
/** Flatter or taller pictures are cropped. */
const WIDEST_RATIO = 3;

/** What is in the form is the truth; this knows the bytes behind it. Made while a component is set up. */
export class Start {
  readonly #studio: Studio;
  readonly #form: DrawingForm;
  readonly mask = new Mask();
  /** Of the upload in the form. */
  #file: File | undefined;
  #look = $state.raw<StartLook & { readonly id: string }>();
  /** The uploads are of this connection: a host that was started again has lost them. */
  #isLost = false;
  #sentMask: { readonly operations: readonly MaskOperation[]; readonly id: string | undefined } | undefined;

  constructor(studio: Studio, form: DrawingForm) {
    this.#studio = studio;
    this.#form = form;
    // Looks up a picture of the library that another screen put into the form.
    $effect(() => {
      const image = form.drawing.from?.image;
      if (image && image.id !== this.#look?.id) untrack(() => void this.#lookUp(image));
    });
    $effect(() => {
      if (studio.connection !== 'open') this.#isLost = true;
    });
  }

  get isThere(): boolean {
    return this.#form.drawing.from !== undefined;
  }

  /** undefined while it is looked up. */
  get look(): StartLook | undefined {
    return this.#form.drawing.from?.image.id === this.#look?.id ? this.#look : undefined;
  }

  get strength(): number {
    return this.#form.drawing.from?.strength ?? USUAL_STRENGTH;
  }

  set strength(strength: number) {
    const { from } = this.#form.drawing;
    if (from) this.#form.change({ from: { ...from, strength } });
  }

  /** The picture keeps its shape and takes the area that is set. Throws `CallError`, or an `Error` when the file is no picture that a browser can show. */
  async useFile(file: File, uploadId?: string): Promise<void> {
    const size = await sizeOfFile(file);
    const id = uploadId ?? (await upload(file, file.name));
    this.#file = file;
    this.#begin({ kind: 'upload', id }, { url: URL.createObjectURL(file), size, name: file.name });
    const { width, height } = size;
    const ratio = Math.min(WIDEST_RATIO, Math.max(1 / WIDEST_RATIO, width / height));
    this.#form.change(sizeFor(sideOf(this.#form.drawing), ratio, this.#studio.choices.side));
  }

  /** Also its size: it was drawn here. */
  usePicture({ id, url, width, height, fileName }: Picture): void {
    this.#begin({ kind: 'picture', id }, { url, size: { width, height }, name: fileName });
    const { side } = this.#studio.choices;
    this.#form.change({ width: onGrid(width, side), height: onGrid(height, side) });
  }

  remove(): void {
    this.mask.reset({ width: 1, height: 1 });
    this.#forget();
    this.#form.removeStart();
  }

  /** Brings picture and mask to the host as they are now, before something is drawn. Throws `CallError`. */
  async prepare(): Promise<void> {
    const { from } = this.#form.drawing;
    if (!from) return;
    if (this.#isLost) {
      this.#sentMask = undefined;
      if (this.#file && from.image.kind === 'upload') await this.#sendAgain(this.#file);
      this.#isLost = false;
    }
    await this.#sendMask();
  }

  #begin(image: { kind: 'upload' | 'picture'; id: string }, look: StartLook): void {
    this.#forget();
    this.#look = { ...look, id: image.id };
    this.mask.reset(look.size);
    this.#form.change({ from: { image, strength: this.strength } });
  }

  #forget(): void {
    if (this.#look?.url.startsWith('blob:')) URL.revokeObjectURL(this.#look.url);
    this.#look = undefined;
    this.#sentMask = undefined;
  }

  async #lookUp(image: { kind: 'upload' | 'picture'; id: string }): Promise<void> {
    if (image.kind === 'upload') return; // of another window: there is nothing to see
    const picture = await this.#studio.call('library.get', { id: image.id }).catch(() => undefined);
    if (!picture || this.#form.drawing.from?.image.id !== picture.id) return;
    const { url, width, height, fileName } = picture;
    this.#forget();
    this.#look = { id: picture.id, url, size: { width, height }, name: fileName };
    this.mask.reset({ width, height });
  }

  async #sendAgain(file: File): Promise<void> {
    const id = await upload(file, file.name);
    const { from } = this.#form.drawing;
    if (!from || !this.#look) return;
    this.#look = { ...this.#look, id };
    this.#form.change({ from: { image: { kind: 'upload', id }, strength: from.strength } });
  }

  async #sendMask(): Promise<void> {
    const { operations } = this.mask;
    if (this.#sentMask?.operations !== operations) {
      const file = operations.length > 0 ? await this.mask.file() : undefined;
      this.#sentMask = { operations, id: file && (await upload(file, 'mask.png')) };
    }
    const { from } = this.#form.drawing;
    if (!from || from.mask?.id === this.#sentMask.id) return;
    const { mask: _, ...rest } = from;
    const { id } = this.#sentMask;
    this.#form.change({ from: id === undefined ? rest : { ...rest, mask: { kind: 'upload', id } } });
  }
}

async function sizeOfFile(file: File): Promise<Size> {
  const bitmap = await createImageBitmap(file);
  const { width, height } = bitmap;
  bitmap.close();
  return { width, height };
}
