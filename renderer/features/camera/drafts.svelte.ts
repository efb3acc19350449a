/** @file Drafts that follow the camera: one at a time, so that a moving hand sees some, and always the last view. */
import type { Drawing, Output } from '../../../electron/contract.ts';
import type { Studio } from '../../studio.svelte.ts';
import type { DrawingForm } from '../create/form.svelte.ts';
import { isSameCamera } from './view.ts';
import type { Camera } from './view.ts';

type Draft = NonNullable<Output<'drafts.draw'>>;

export interface DraftsOptions {
  readonly studio: Studio;
  readonly form: DrawingForm;
  readonly onDraft: (draft: Draft, drawing: Drawing) => void;
  readonly onError: (error: unknown) => void;
}

export class Drafts {
  readonly #options: DraftsOptions;
  /** Of the draft that is on its way. */
  #camera = $state.raw<Camera>();
  #turn = 0;

  constructor(options: DraftsOptions) {
    this.#options = options;
  }

  /** One is on its way. */
  get isAsking(): boolean {
    return this.#camera !== undefined;
  }

  /** The view moves: a draft that is on its way may come first. */
  follow(): void {
    if (!this.isAsking) this.ask();
  }

  /** The view rests: a draft of another one is given up. */
  settle(): void {
    const { camera } = this.#options.form.drawing;
    if (!this.#camera || !isSameCamera(this.#camera, camera)) this.ask();
  }

  /** Gives up what is on its way. */
  stop(): void {
    this.#turn++;
    this.#camera = undefined;
  }

  /** Asks for the view as it is; when it has changed by the time of the answer, for another one. */
  ask(): void {
    const { studio, form, onDraft, onError } = this.#options;
    const turn = ++this.#turn;
    const drawing = form.drawable;
    this.#camera = drawing.camera;
    studio
      .call('drafts.draw', { drawing })
      .then((draft) => {
        if (draft && turn === this.#turn) onDraft(draft, drawing);
      })
      .catch((error: unknown) => {
        if (turn === this.#turn) onError(error);
      })
      .finally(() => {
        if (turn !== this.#turn) return;
        this.#camera = undefined;
        if (!isSameCamera(drawing.camera, form.drawing.camera)) this.ask();
      });
  }
}
