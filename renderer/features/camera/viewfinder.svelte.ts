/** @file The canvas as a viewfinder: a hand moves the camera, drafts follow it, the full picture comes at rest. */
import { untrack } from 'svelte';
import type { Drawing } from '../../../electron/contract.ts';
import { rememberedFlag } from '../../remembered.svelte.ts';
import type { Studio } from '../../studio.svelte.ts';
import type { DrawingForm, FoundDrawing } from '../create/form.svelte.ts';
import type { Stage } from '../create/stage.svelte.ts';
import { Drafts } from './drafts.svelte.ts';
import { isSameCamera, panned, placement, rounded, STILL, zoomedAt } from './view.ts';
import type { Camera, Placement, Point } from './view.ts';

export interface ViewfinderOptions {
  readonly studio: Studio;
  readonly form: DrawingForm;
  readonly stage: Stage;
  /** Queues one full picture of the form, next in turn; answers its job. */
  readonly draw: () => Promise<string | undefined>;
}

/** A drag; `move` is told how far the pointer is from where it began. */
export interface Grip {
  move(way: Point): void;
  release(): void;
}

/** A wheel and keys are not let go: after this without a turn the hand rests. */
const REST_MS = 700;
/** What decides what a picture shows, apart from its seed and camera. */
const SUBJECT = ['modelId', 'prompt', 'negativePrompt', 'width', 'height'] as const;

/** Made while a component is set up. */
export class Viewfinder {
  readonly #studio: Studio;
  readonly #form: DrawingForm;
  readonly #stage: Stage;
  readonly #draw: () => Promise<string | undefined>;
  readonly #drafts: Drafts;
  readonly #drawsOnRelease = rememberedFlag('drawOnRelease', true);
  #isOn = $state(false);
  #isGripped = $state(false);
  #error = $state<string>();
  /** Settings of the picture that was on show, where they are not those of the form. */
  #other = $state.raw<FoundDrawing>();
  /** What is on show is not of the form, so that its places say nothing. */
  #isForeign = $state(false);
  #seen: Camera = STILL;
  #resting: ReturnType<typeof setTimeout> | undefined;
  /** The full picture of this view, which ends when the view is left. */
  #ownJobId: string | undefined;

  constructor({ studio, form, stage, draw }: ViewfinderOptions) {
    this.#studio = studio;
    this.#form = form;
    this.#stage = stage;
    this.#draw = draw;
    this.#drafts = new Drafts({
      studio,
      form,
      onDraft: (draft, drawing) => this.#showDraft(draft, drawing),
      onError: this.#fail,
    });
    // Follows the camera in the form, whoever moves it.
    $effect(() => {
      const { camera } = form.drawing;
      if (this.#isOn) untrack(() => this.#follow(camera));
    });
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  get isGripped(): boolean {
    return this.#isGripped;
  }

  /** A draft is on its way. */
  get isDrafting(): boolean {
    return this.#drafts.isAsking;
  }

  /** Why the last draft, or the full picture, could not be drawn. */
  get error(): string | undefined {
    const { job } = this.#stage;
    return this.#error ?? (job?.state === 'failed' ? job.error?.message : undefined);
  }

  /** The picture that was on show has other settings than the form; the camera moves what the form says. */
  get isOther(): boolean {
    return this.#other !== undefined;
  }

  get isForeign(): boolean {
    return this.#isForeign;
  }

  get drawsOnRelease(): boolean {
    return this.#drawsOnRelease.value;
  }

  set drawsOnRelease(draws: boolean) {
    this.#drawsOnRelease.value = draws;
  }

  /** Where what is on show lies in the frame; undefined when it has another subject. */
  get placement(): Placement | undefined {
    const { shown } = this.#stage;
    const { drawing } = this.#form;
    if (!this.#isOn || !shown?.camera || this.#isForeign) return undefined;
    if (shown.size.width * drawing.height !== shown.size.height * drawing.width) return undefined;
    return placement(shown.camera, drawing.camera, drawing, this.#form.model?.positions);
  }

  toggle(): void {
    if (this.#isOn) this.close();
    else void this.open();
  }

  /** Begins with the picture on show when it is one of the form's, else with a draft of the form. */
  async open(): Promise<void> {
    const { job, picture, shown } = this.#stage;
    this.#isOn = true;
    this.#error = undefined;
    this.#seen = this.#form.drawing.camera;
    this.#stage.hold();
    if (job) this.#stage.showJob(job.id);
    const found = job?.drawing ?? (picture && (await this.#settingsOf(picture.id)));
    if (!this.#isOn) return; // switched off meanwhile
    this.#isForeign = shown !== undefined && !(found && this.#isSubject(found));
    this.#other = this.#isForeign ? found : undefined;
    if (found && shown && !this.#isForeign) this.#begin(found);
    else this.#drafts.ask();
  }

  close(): void {
    clearTimeout(this.#resting);
    this.#isOn = false;
    this.#isGripped = false;
    this.#isForeign = false;
    this.#other = undefined;
    this.#drafts.stop();
    this.#stage.release();
  }

  /** The form takes over the settings of the picture that was on show. */
  useOther(): void {
    const found = this.#other;
    if (!found) return;
    this.#other = undefined;
    this.#seen = found.camera ?? this.#seen; // that view is drawn already
    this.#form.use(found);
    this.#drafts.ask();
  }

  grip(): Grip {
    const from = this.#form.drawing.camera;
    this.#isGripped = true;
    clearTimeout(this.#resting);
    return {
      move: (way) => this.#set(panned(from, way, this.#form.drawing, this.#form.model?.positions)),
      release: () => {
        this.#isGripped = false;
        if (!isSameCamera(from, this.#form.drawing.camera)) this.#rest();
      },
    };
  }

  /** Moves the content by parts of the picture. */
  move(way: Point): void {
    this.#set(panned(this.#form.drawing.camera, way, this.#form.drawing, this.#form.model?.positions));
  }

  /** factor > 1 zooms in. */
  zoom(factor: number, at: Point = { x: 0.5, y: 0.5 }): void {
    const { drawing, model } = this.#form;
    const { width, height, camera } = drawing;
    this.#set(
      zoomedAt(camera, factor, at, { width, height, ...(model?.positions && { reading: model.positions }) }),
    );
  }

  reset(): void {
    this.#set(STILL);
  }

  #set(camera: Camera): void {
    const next = rounded(camera);
    if (!isSameCamera(next, this.#form.drawing.camera)) this.#form.change({ camera: next });
  }

  #follow(camera: Camera): void {
    if (isSameCamera(camera, this.#seen)) return;
    this.#seen = camera;
    this.#dropOwnJob();
    this.#stage.showJob(undefined);
    this.#drafts.follow();
    clearTimeout(this.#resting);
    if (!this.#isGripped) this.#resting = setTimeout(() => this.#rest(), REST_MS);
  }

  /** The hand lets go. */
  #rest(): void {
    const { camera } = this.#form.drawing;
    this.#drafts.settle();
    if (this.drawsOnRelease) void this.#drawFull(camera);
  }

  async #drawFull(camera: Camera): Promise<void> {
    const id = await this.#draw();
    if (id === undefined) return;
    const isWanted = isSameCamera(camera, this.#form.drawing.camera);
    if (this.#isOn && !isWanted) return this.#drop(id); // the hand was quicker
    this.#ownJobId = id;
    if (this.#isOn) this.#stage.showJob(id);
  }

  /** A full picture of a view that was left is in the way of the drafts. */
  #dropOwnJob(): void {
    if (this.#ownJobId !== undefined) this.#drop(this.#ownJobId);
    this.#ownJobId = undefined;
  }

  #drop(id: string): void {
    const state = this.#studio.jobs.find((job) => job.id === id)?.state;
    if (state === 'running') this.#studio.call('jobs.cancel', { ids: [id] }).catch(this.#fail);
    if (state === 'queued') this.#studio.call('jobs.remove', { ids: [id] }).catch(this.#fail);
  }

  #showDraft({ url }: { readonly url: string }, { width, height, prompt, camera }: Drawing): void {
    this.#error = undefined;
    this.#isForeign = false;
    this.#stage.showDraft({ kind: 'draft', url, size: { width, height }, alt: prompt, camera });
  }

  readonly #fail = (error: unknown): void => {
    this.#error = error instanceof Error ? error.message : String(error);
  };

  async #settingsOf(pictureId: string): Promise<FoundDrawing | undefined> {
    const job = this.#studio.jobs.find((each) => each.pictureId === pictureId);
    if (job) return job.drawing;
    const found = await this.#studio.call('library.settings', { id: pictureId }).catch(() => undefined);
    return found?.drawing; // without settings it is as good as another picture
  }

  #isSubject(found: FoundDrawing): boolean {
    return SUBJECT.every((setting) => found[setting] === this.#form.drawing[setting]);
  }

  /** One of several with following seeds: the camera moves the one on show. */
  #begin({ seed, camera = STILL }: FoundDrawing): void {
    if (seed !== undefined && seed !== this.#form.drawing.seed) this.#form.change({ seed });
    this.#stage.nameCamera(camera);
  }
}
