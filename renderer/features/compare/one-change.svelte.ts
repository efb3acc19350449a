/**
 * @file A picture drawn again with one thing changed: the same seed and the same settings, another prompt. HDM keeps the
 * composition then.
 */
import type { Drawing, FoundSettings, Job, Picture } from '../../../electron/contract.ts';
import type { Studio } from '../../studio.svelte.ts';

export class OneChange {
  readonly #studio: Studio;
  #picture = $state.raw<Picture>();
  #found = $state.raw<FoundSettings>();
  #error = $state<string>();
  #prompt = $state('');
  #jobId = $state<string>();
  #ended = $state.raw<Job>();
  /** The job was in the queue: when it is not any more, somebody removed it. */
  #wasSeen = false;

  /** `ondone` gets what was drawn. Made while a component is set up. */
  constructor(studio: Studio, ondone: (picture: Picture) => void) {
    this.#studio = studio;
    // Takes the picture of the job once it is there.
    $effect(() => {
      const { job } = this;
      if (!job) return this.#lose();
      this.#wasSeen = true;
      if (job.state === 'queued' || job.state === 'running') return;
      this.#jobId = undefined;
      this.#ended = job;
      if (job.pictureId === undefined) return;
      studio.call('library.get', { id: job.pictureId }).then(ondone, (error: unknown) => {
        this.#error = (error as Error).message;
      });
    });
  }

  /** What is changed; undefined while nothing is. */
  get picture(): Picture | undefined {
    return this.#picture;
  }

  /** The settings that stay. */
  get found(): FoundSettings | undefined {
    return this.#found;
  }

  get error(): string | undefined {
    return this.#ended?.error?.message ?? this.#error;
  }

  /** The host ended while it was drawn. */
  get isInterrupted(): boolean {
    return this.#ended?.state === 'interrupted';
  }

  get prompt(): string {
    return this.#prompt;
  }

  set prompt(prompt: string) {
    this.#prompt = prompt;
  }

  /** The drawing on its way. */
  get job(): Job | undefined {
    return this.#studio.jobs.find(({ id }) => id === this.#jobId);
  }

  get isDrawing(): boolean {
    return this.#jobId !== undefined;
  }

  /** Something was changed, so that drawing makes sense. */
  get isChanged(): boolean {
    return this.#found !== undefined && this.#prompt !== this.#found.drawing.prompt;
  }

  open(picture: Picture): void {
    this.close();
    this.#picture = picture;
    this.#prompt = picture.prompt;
    this.#studio.call('library.settings', { id: picture.id }).then(
      (found) => this.#take(picture, found),
      (error: unknown) => (this.#error = (error as Error).message),
    );
  }

  /** What is drawn goes on; it does not become B. */
  close(): void {
    this.#picture = undefined;
    this.#found = undefined;
    this.#error = undefined;
    this.#ended = undefined;
    this.#jobId = undefined;
  }

  async draw(): Promise<void> {
    if (!this.#found || this.#jobId !== undefined) return;
    this.#error = undefined;
    this.#ended = undefined;
    try {
      const { jobIds } = await this.#studio.call('jobs.add', {
        drawing: this.#drawing(this.#found),
        count: 1,
      });
      this.#wasSeen = false;
      this.#jobId = jobIds[0];
    } catch (error) {
      this.#error = (error as Error).message;
    }
  }

  async cancel(): Promise<void> {
    if (this.#jobId !== undefined) await this.#studio.call('jobs.cancel', { ids: [this.#jobId] });
  }

  #lose(): void {
    if (this.#wasSeen) this.#jobId = undefined;
  }

  #take(picture: Picture, found: FoundSettings): void {
    if (this.#picture !== picture) return;
    this.#found = found;
    this.#prompt = found.drawing.prompt ?? picture.prompt;
  }

  /** What the picture does not say is as usual. */
  #drawing({ drawing }: FoundSettings): Drawing {
    const { choices, settings } = this.#studio;
    const said = Object.entries(drawing).filter(([, value]) => value !== undefined);
    return {
      ...choices.defaults,
      modelId: settings.modelId ?? '',
      ...(Object.fromEntries(said) as Partial<Drawing>),
      prompt: this.#prompt,
    };
  }
}
