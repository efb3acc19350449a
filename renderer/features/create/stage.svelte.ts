/** @file What the canvas shows: the picture being drawn, or one that was. */
import { untrack } from 'svelte';
import type { Job, Picture } from '../../../electron/contract.ts';
import type { Studio } from '../../studio.svelte.ts';
import type { Camera } from '../camera/view.ts';
import type { Recent } from './recent.svelte.ts';
import type { Size } from './sizes.ts';

/** An address of something to look at. */
export interface Source {
  readonly kind: 'preview' | 'draft' | 'picture';
  readonly url: string;
  /** Of the picture that it is or will be. */
  readonly size: Size;
  readonly alt: string;
  /** Of a picture whose job is not known it is not known either. */
  readonly camera?: Camera;
  readonly jobId?: string;
}

/** Decoded, so that it appears whole and at once. */
export interface Shown extends Source {
  readonly element: HTMLImageElement;
}

/** A preview of the whole run is sharper than a draft only after this part of its steps. */
const BETTER_THAN_DRAFT = 0.4;

/**
 * Follows the queue, unless a finished picture was chosen (`show`) or the viewfinder holds it (`hold`). Made while a
 * component is set up.
 */
export class Stage {
  readonly #studio: Studio;
  readonly #recent: Recent;
  #jobId = $state<string>();
  #chosen = $state.raw<Picture>();
  #isHeld = $state(false);
  #draft = $state.raw<Source>();
  #shown = $state.raw<Shown>();
  #missingUrl = $state<string>();
  #turn = 0;
  #shownTurn = 0;

  constructor(studio: Studio, recent: Recent) {
    this.#studio = studio;
    this.#recent = recent;
    // Goes on with each job that begins.
    $effect(() => {
      const running = studio.jobs.find(({ state }) => state === 'running');
      if (running && !this.#isHeld) this.#jobId = running.id;
    });
    // Loads what is to be shown.
    $effect(() => {
      const wanted = this.wanted;
      untrack(() => this.#load(wanted));
    });
  }

  /** The job that the canvas follows, until another begins. */
  get job(): Job | undefined {
    if (this.#chosen) return undefined;
    const job = this.#studio.jobs.find(({ id }) => id === this.#jobId);
    if (!job || job.state === 'cancelled' || job.state === 'queued') return undefined;
    const isGone = job.pictureId !== undefined && this.#recent.isGone(job.pictureId, job.finishedAt ?? 0);
    return isGone ? undefined : job;
  }

  /** The finished picture on show. */
  get picture(): Picture | undefined {
    const chosen = this.#chosen;
    if (chosen && !this.#recent.isGone(chosen.id, chosen.createdAt)) {
      return this.#recent.find(chosen.id) ?? chosen;
    }
    const { job } = this;
    if (job) return job.pictureId === undefined ? undefined : this.#recent.find(job.pictureId);
    return this.#isHeld ? undefined : this.#recent.pictures[0];
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** What can be seen now; it stays until the next is ready. */
  get shown(): Shown | undefined {
    return this.#shown;
  }

  /** What can be seen is not what the canvas is about: it is of before. */
  get isOutdated(): boolean {
    const { job } = this;
    if (this.#isHeld || !job) return false;
    return this.#shown?.jobId !== job.id;
  }

  /** The file of the picture cannot be shown. */
  get isMissing(): boolean {
    return this.#missingUrl !== undefined && this.#missingUrl === this.wanted?.url;
  }

  /** Of the box to show things in. */
  get size(): Size | undefined {
    return this.job?.drawing ?? this.picture ?? this.#shown?.size;
  }

  /** What should be seen; undefined leaves what is there. */
  get wanted(): Source | undefined {
    const { picture, job } = this;
    if (picture) return this.#sourceOf(picture);
    const { preview, step = 0, steps = 1 } = job?.progress ?? {};
    if (job && preview !== undefined && (!this.#draft || step / steps >= BETTER_THAN_DRAFT)) {
      const { drawing, prompt } = job;
      return {
        kind: 'preview',
        url: preview,
        size: drawing,
        alt: prompt,
        camera: drawing.camera,
        jobId: job.id,
      };
    }
    return this.#draft;
  }

  /** Stays with a finished picture, whatever is drawn meanwhile. */
  show(picture: Picture): void {
    this.#chosen = picture;
  }

  /** Goes back to what is drawn. */
  follow(): void {
    this.#chosen = undefined;
  }

  /** Shows nothing by itself any more, only drafts and the jobs that it is told of. */
  hold(): void {
    this.#isHeld = true;
    this.#jobId = undefined;
    this.#chosen = undefined;
  }

  /** To be called while it is held. `undefined`: what is there stays, until there is a draft. */
  showJob(id: string | undefined): void {
    this.#jobId = id;
    if (id === undefined) this.#draft = undefined;
  }

  /** To be called while it is held. */
  showDraft(draft: Source): void {
    this.#draft = draft;
  }

  /** Says with which camera that what is on show was drawn, where it is known elsewhere. */
  nameCamera(camera: Camera): void {
    if (this.#shown) this.#shown = { ...this.#shown, camera };
  }

  release(): void {
    this.#isHeld = false;
    this.#draft = undefined;
  }

  #sourceOf(picture: Picture): Source {
    const job = this.#studio.jobs.find(({ pictureId }) => pictureId === picture.id);
    return {
      kind: 'picture',
      url: picture.url,
      size: picture,
      alt: picture.prompt,
      ...(job && { camera: job.drawing.camera, jobId: job.id }),
    };
  }

  #load(wanted: Source | undefined): void {
    if (!wanted && !this.#isHeld && !this.job) {
      this.#shown = undefined; // nothing is left
      this.#loadingUrl = undefined;
    }
    if (!wanted || wanted.url === this.#loadingUrl) return;
    this.#loadingUrl = wanted.url;
    void this.#decode(wanted, ++this.#turn);
  }

  #loadingUrl: string | undefined;

  async #decode(source: Source, turn: number): Promise<void> {
    const element = new Image();
    element.alt = source.alt;
    element.src = source.url;
    try {
      await element.decode();
      if (turn < this.#shownTurn) return; // a newer one was quicker
      this.#shownTurn = turn;
      this.#shown = { ...source, element };
    } catch {
      // Of a preview the next one comes soon; of a picture the canvas says so.
      if (source.kind === 'picture' && turn === this.#turn) this.#missingUrl = source.url;
    }
  }
}
