/** @file Pictures dropped on Create: to begin from, or for the settings inside them. */
import type { FoundSettings } from '../../../electron/contract.ts';
import { t } from '../../messages/messages.svelte.ts';
import { showDone, showError, showWarning } from '../../notices.ts';
import type { Studio } from '../../studio.svelte.ts';
import { upload } from '../../upload.ts';
import { missingFrom } from '../library/settings-rows.ts';
import type { Desk } from './desk.svelte.ts';
import type { DrawingForm } from './form.svelte.ts';

/** Attribute of places where a drop means one thing only. */
export const DROP_PLACE = 'data-drop-place';
/** Type of a dragged picture of the library: its id. */
export const PICTURE_DRAG = 'application/x-hdm-picture';

/** A dropped picture with settings inside: the person says what is meant. */
export interface DropQuestion {
  readonly file: File;
  readonly uploadId: string;
  readonly found: FoundSettings;
}

export interface DropOptions {
  readonly studio: Studio;
  readonly form: DrawingForm;
  readonly desk: Desk;
}

export class Drop {
  readonly #studio: Studio;
  readonly #form: DrawingForm;
  readonly #desk: Desk;
  #depth = $state(0);
  #isReading = $state(false);
  #question = $state.raw<DropQuestion>();

  constructor({ studio, form, desk }: DropOptions) {
    this.#studio = studio;
    this.#form = form;
    this.#desk = desk;
  }

  /** A picture hangs over the screen. */
  get isOver(): boolean {
    return this.#depth > 0;
  }

  get isReading(): boolean {
    return this.#isReading;
  }

  get question(): DropQuestion | undefined {
    return this.#question;
  }

  enter(event: DragEvent): void {
    if (isPicture(event)) this.#depth++;
  }

  over(event: DragEvent): void {
    if (!isPicture(event)) return;
    event.preventDefault();
    event.dataTransfer!.dropEffect = 'copy';
  }

  leave(event: DragEvent): void {
    if (isPicture(event)) this.#depth = Math.max(0, this.#depth - 1);
  }

  drop(event: DragEvent): void {
    this.#depth = 0;
    if (!isPicture(event)) return;
    event.preventDefault();
    const id = event.dataTransfer!.getData(PICTURE_DRAG);
    const [file] = event.dataTransfer!.files;
    const place = (event.target as Element).closest(`[${DROP_PLACE}]`)?.getAttribute(DROP_PLACE);
    if (id) void this.#run(this.#startFromLibrary(id));
    else if (file) void this.#run(place === 'start' ? this.#desk.start.useFile(file) : this.#ask(file));
  }

  useSettings(): void {
    this.#desk.viewfinder.close(); // the camera of the settings is no wish to draw
    if (this.#question) applyFound(this.#form, this.#question.found);
    this.#question = undefined;
  }

  useAsStart(): void {
    const { file, uploadId } = this.#question ?? {};
    if (file) void this.#run(this.#desk.start.useFile(file, uploadId));
    this.#question = undefined;
  }

  dismiss(): void {
    this.#question = undefined;
  }

  async #startFromLibrary(id: string): Promise<void> {
    this.#desk.start.usePicture(await this.#studio.call('library.get', { id }));
  }

  async #ask(file: File): Promise<void> {
    if (!file.type.startsWith('image/')) throw new Error(t('create.notAPicture', { name: file.name }));
    const uploadId = await upload(file, file.name);
    // A picture without settings is one to begin from.
    const found = await this.#studio.call('uploads.settings', { uploadId }).catch(() => undefined);
    if (found) this.#question = { file, uploadId, found };
    else await this.#desk.start.useFile(file, uploadId);
  }

  async #run(work: Promise<void>): Promise<void> {
    this.#isReading = true;
    try {
      await work;
    } catch (error) {
      // A browser says of what it cannot decode only that it cannot.
      showError(error instanceof DOMException ? new Error(t('create.unreadable')) : error);
    } finally {
      this.#isReading = false;
    }
  }
}

/** Puts found settings into the form and says what could not be found here. */
export function applyFound(form: DrawingForm, found: FoundSettings): void {
  form.use(found.drawing);
  const missing = missingFrom(found);
  if (missing.length > 0) showWarning(missing.join(' '));
  else showDone(t('create.settingsUsed'));
}

function isPicture({ dataTransfer }: DragEvent): boolean {
  const types = dataTransfer?.types ?? [];
  return types.includes('Files') || types.includes(PICTURE_DRAG);
}
