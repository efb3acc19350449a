/** @file Draws what is queued, one job after the other, and says in the database how each ended. */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, extname } from 'node:path';
import type { Failure } from '../../contract.ts';
import { toHdmError } from '../../../engine/errors.ts';
import type { Events } from '../events.ts';
import type { Arbiter, Engine, Library, NewPicture, SettingsStore } from '../parts.ts';
import { freePictureFile, isInside } from './file-names.ts';
import { LiveJob } from './live-job.ts';
import type { Measurements } from './measurements.ts';
import { salvage } from './salvage.ts';
import type { JobStore, StoredJob } from './store.ts';
import type { Tasks } from './tasks.ts';

export interface RunnerOptions {
  readonly store: JobStore;
  readonly tasks: Tasks;
  readonly measurements: Measurements;
  readonly engine: Engine;
  readonly arbiter: Arbiter;
  readonly library: Library;
  readonly settings: SettingsStore;
  readonly events: Events;
  readonly log: (line: string) => void;
  readonly now: () => number;
  /** The list changed: tells windows. */
  readonly onChange: () => void;
  /** A job has ended, and windows know: time to tidy up. */
  readonly onEnded: () => void;
}

/** After so many in a row the next would fail as well. */
const MOST_FAILURES = 3;
/** What does not depend on the job: the place for pictures and the device. */
const LASTING: readonly string[] = ['disk', 'device'];
const HALTED = `The queue stopped after ${MOST_FAILURES} such jobs; retry one or add one when this is solved.`;

export class Runner {
  readonly #options: RunnerOptions;
  readonly #close = new AbortController();
  #isWorking = false;
  #work = Promise.resolve();
  #isRecovering = false;
  #live: LiveJob | undefined;
  /** Kept until another one begins, as windows fetch its preview a little later. */
  #last: LiveJob | undefined;
  #failures = 0;
  #problem: Failure | undefined;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** The job that is drawn now. */
  get live(): LiveJob | undefined {
    return this.#live;
  }

  /** Why the queue stands still although nobody asked for it: the studio's own trouble, such as its database. */
  get problem(): Failure | undefined {
    return this.#problem;
  }

  /** Whether a job that is marked as running is: if not, whoever ran it ended in the middle. */
  isBusyWith(id: string): boolean {
    return this.#live?.id === id || this.#isRecovering;
  }

  preview(id: string): Uint8Array | undefined {
    return this.#last?.id === id ? this.#last.preview : undefined;
  }

  /** Goes on with the queue, also after it had stopped because of failures. */
  wake(): void {
    this.#failures = 0;
    if (this.#isWorking || this.#close.signal.aborted) return;
    this.#isWorking = true;
    this.#isRecovering = true;
    this.#work = this.#runQueue();
  }

  /** Stops the job that is drawn now; it is offered again. Resolves when nothing is drawn any more. */
  async close(): Promise<void> {
    this.#close.abort();
    await this.#work;
  }

  async #runQueue(): Promise<void> {
    this.#problem = undefined;
    try {
      await this.#recover();
      while (this.#mayGoOn() && this.#options.store.firstQueued()) await this.#runNext();
    } catch (error) {
      if (!this.#close.signal.aborted) this.#problem = toHdmError(error, 'job queue');
    }
    this.#isRecovering = false;
    this.#isWorking = false;
    if (this.#problem) this.#report(this.#problem);
  }

  #mayGoOn(): boolean {
    return this.#failures < MOST_FAILURES && !this.#close.signal.aborted;
  }

  /** Jobs that ran when a process ended: done when their pictures are there, else offered again. */
  async #recover(): Promise<void> {
    const { store, now, onChange } = this.#options;
    const left = store.running();
    for (const job of left) {
      try {
        if (!(await this.#adopt(job))) store.end(job.id, 'interrupted', now());
      } catch (error) {
        store.end(job.id, 'interrupted', now(), failureOf(error, job));
      }
    }
    this.#isRecovering = false;
    if (left.length > 0) onChange();
  }

  async #runNext(): Promise<void> {
    const { arbiter, store, onChange, onEnded, now } = this.#options;
    const lease = await arbiter.take('picture', this.#close.signal);
    try {
      const job = store.firstQueued(); // the queue may have changed while this waited
      if (!job) return;
      this.#live = this.#last = new LiveJob(job.id, now);
      await this.#run(job, this.#live);
    } finally {
      this.#live = undefined;
      lease.release();
    }
    onChange();
    onEnded();
  }

  async #run(queued: StoredJob, live: LiveJob): Promise<void> {
    const { store, now, onChange } = this.#options;
    store.begin(queued.id, now());
    onChange();
    let job = queued;
    try {
      // A job that is tried again may have come further than anyone knew.
      if (existsSync(queued.file) && (await this.#adopt(queued))) return;
      job = this.#placed(queued);
      await this.#draw(job, live);
      this.#failures = 0;
    } catch (error) {
      // So may one whose engine ended. If that fails as well, the first error is the one to tell.
      const isDone = await this.#adopt(job).catch(() => false);
      if (!isDone) this.#fail(job, live, failureOf(error, job));
    }
  }

  /** With another file where something lies at the one it was to have, or pictures go elsewhere since. */
  #placed(job: StoredJob): StoredJob {
    const { store, settings } = this.#options;
    const { file, id, prompt, drawing, createdAt } = job;
    const { picturesFolder } = settings.get();
    if (isInside(picturesFolder, file) && !existsSync(file)) return job;
    const format = extname(file).slice(1);
    const other = freePictureFile(picturesFolder, { prompt, seed: drawing.seed, createdAt, id, format });
    store.setFile(id, other);
    return { ...job, file: other };
  }

  async #draw(job: StoredJob, live: LiveJob): Promise<void> {
    const { tasks, engine, measurements, events, now } = this.#options;
    const task = tasks.draw(job);
    makeFolder(dirname(job.file));
    const result = await engine.draw(task, {
      signal: AbortSignal.any([live.stop.signal, this.#close.signal]),
      onProgress: (news, preview) =>
        events.emit('progress', { jobId: job.id, progress: live.report(news, preview) }),
    });
    const { id, file, drawing } = job;
    const [settings, modelName] = [task.request, task.label.model.name];
    this.#finish(job, { id, file, settings, modelName, createdAt: now() }, () =>
      measurements.add({ drawing, asked: task.model, result, now: now() }),
    );
  }

  /** Makes the picture of a job that lies there complete its own; false when there is none. */
  async #adopt(job: StoredJob): Promise<boolean> {
    const picture = await salvage(job, this.#options.library.thumbnailOf(job.id));
    if (picture) this.#finish(job, picture);
    return picture !== undefined;
  }

  /** The picture is in the library and the job done, both or neither; then windows are told. */
  #finish(job: StoredJob, picture: NewPicture, andAlso?: () => void): void {
    const { store, library, now } = this.#options;
    const added = store.transaction(() => {
      andAlso?.();
      store.end(job.id, 'done', now());
      return library.add(picture);
    });
    library.announce(added);
  }

  #fail(job: StoredJob, live: LiveJob, { code, message }: Failure): void {
    const { store, now } = this.#options;
    if (live.stop.signal.aborted) return store.end(job.id, 'cancelled', now());
    if (this.#close.signal.aborted) return store.end(job.id, 'interrupted', now());
    this.#failures = LASTING.includes(code) ? this.#failures + 1 : 0;
    const isHalted = !this.#mayGoOn() && store.firstQueued() !== undefined;
    store.end(job.id, 'failed', now(), { code, message: isHalted ? `${message} ${HALTED}` : message });
  }

  /** Windows are told in the list, as far as it can still be read. */
  #report({ message }: Failure): void {
    const { log, onChange } = this.#options;
    log(`The queue stopped: ${message}`);
    try {
      onChange();
    } catch (error) {
      log(`The list of jobs cannot be read: ${String(error)}`);
    }
  }
}

function failureOf(error: unknown, job: StoredJob): Failure {
  const { code, message } = toHdmError(error, `job ${job.id}`);
  return { code, message };
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw toHdmError(error, folder, 'disk');
  }
}
