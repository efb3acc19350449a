/** @file All that Create works with, in one place; it lives as long as the window, whichever screen is shown. */
import { getContext, setContext } from 'svelte';
import type { Drawing, Estimate, Job, Model } from '../../../electron/contract.ts';
import { Asked } from '../../asked.svelte.ts';
import type { Studio } from '../../studio.svelte.ts';
import { Viewfinder } from '../camera/viewfinder.svelte.ts';
import type { Beginning, DrawingForm } from './form.svelte.ts';
import { Recent } from './recent.svelte.ts';
import { Stage } from './stage.svelte.ts';
import { Start } from './start.svelte.ts';

/** What an estimate is for. */
interface Wish {
  readonly drawing: Drawing;
  readonly count: number;
  /** What was measured last and what is in memory change the answer, not the question. */
  readonly since: readonly (string | undefined)[];
}

const ESTIMATE_REST_MS = 300;

/** Made while a component is set up. */
export class Desk {
  readonly #studio: Studio;
  readonly #form: DrawingForm;
  readonly recent: Recent;
  readonly stage: Stage;
  readonly start: Start;
  readonly viewfinder: Viewfinder;
  readonly estimate: Asked<Wish, Estimate>;
  #error = $state<string>();

  constructor(studio: Studio, form: DrawingForm) {
    this.#studio = studio;
    this.#form = form;
    this.recent = new Recent(studio);
    this.stage = new Stage(studio, this.recent);
    this.start = new Start(studio, form);
    this.viewfinder = new Viewfinder({ studio, form, stage: this.stage, draw: () => this.#drawNext() });
    this.estimate = new Asked({
      studio,
      question: (): Wish | undefined => {
        if (!this.canDraw) return undefined;
        const since = [studio.newest?.id, studio.engine.modelId];
        return { drawing: form.drawable, count: form.count, since };
      },
      ask: ({ drawing, count }) => studio.call('jobs.estimate', { drawing, count }),
      rest: ESTIMATE_REST_MS,
    });
    // A form without a model, or with one that is gone, takes the first that can draw.
    $effect(() => {
      const [first] = this.models;
      if (!form.model && first) form.chooseModel(first.id);
    });
  }

  /** Those that can draw. */
  get models(): readonly Model[] {
    return this.#studio.models.filter(({ kind, problem }) => kind === 'model' && problem === undefined);
  }

  get adapters(): readonly Model[] {
    return this.#studio.models.filter(({ kind }) => kind === 'adapter');
  }

  get canDraw(): boolean {
    const { model } = this.#form;
    return model !== undefined && model.problem === undefined;
  }

  /** The seed stays from picture to picture. */
  get isSeedHeld(): boolean {
    return this.#form.isSeedLocked || this.viewfinder.isOn;
  }

  get running(): Job | undefined {
    return this.#studio.jobs.find(({ state }) => state === 'running');
  }

  /** Why the last press drew nothing. */
  get error(): string | undefined {
    return this.#error;
  }

  /** Queues what the form says. */
  async generate(): Promise<void> {
    if (!this.canDraw) return;
    this.start.mask.isOpen = false;
    this.stage.follow();
    const ids = await this.#add(this.#form.begin(this.isSeedHeld), this.#form.count);
    if (ids && this.viewfinder.isOn) this.stage.showJob(ids[0]);
  }

  /** Ends the picture that is drawn now. */
  async cancel(): Promise<void> {
    const { running } = this;
    if (running) await this.#try(this.#studio.call('jobs.cancel', { ids: [running.id] }));
  }

  /** Queues an ended job again and looks at it when it runs. */
  async retry(id: string): Promise<void> {
    this.stage.follow();
    await this.#try(this.#studio.call('jobs.retry', { ids: [id] }));
  }

  /** One picture of the form as it is, before all others that wait. Answers its job. */
  async #drawNext(): Promise<string | undefined> {
    const first = this.#studio.jobs.find(({ state }) => state === 'queued');
    const [id] = (await this.#add(this.#form.begin(true), 1)) ?? [];
    if (id !== undefined && first) {
      // It may have begun meanwhile, and then it is before the others anyway.
      await this.#studio.call('jobs.move', { id, before: first.id }).catch(() => {});
    }
    return id;
  }

  async #add({ drawing, takeBack }: Beginning, count: number): Promise<string[] | undefined> {
    const work = async (): Promise<string[]> => {
      await this.start.prepare();
      const { from } = this.#form.drawing;
      const { jobIds } = await this.#studio.call('jobs.add', {
        drawing: drawing.from && from ? { ...drawing, from } : drawing,
        count,
      });
      return jobIds;
    };
    const ids = await this.#try(work());
    if (!ids) takeBack();
    return ids;
  }

  async #try<T>(work: Promise<T>): Promise<T | undefined> {
    this.#error = undefined;
    try {
      return await work;
    } catch (error) {
      this.#error = error instanceof Error ? error.message : String(error);
      return undefined;
    }
  }
}

const KEY = Symbol('desk');

export function provideDesk(studio: Studio, form: DrawingForm): Desk {
  return setContext(KEY, new Desk(studio, form));
}

export function getDesk(): Desk {
  return getContext<Desk>(KEY);
}
