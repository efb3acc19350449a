/** @file What people want drawn: the queue and its calls, drafts and grids. The host's truth about them. */
import { randomUUID } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { Drawing, Estimate, Input, Job, JobState } from '../../contract.ts';
import { HdmError } from '../../../engine/errors.ts';
import { checkRequest } from '../../../engine/pipeline/request.ts';
import type { Events } from '../events.ts';
import type { HandlersOf } from '../handlers.ts';
import type { Arbiter, Engine, Library, Models, SettingsStore, Uploads } from '../parts.ts';
import type { Places } from '../places.ts';
import { Drafts } from './drafts.ts';
import { estimateFrom } from './estimates.ts';
import { freePictureFile } from './file-names.ts';
import { Grids, type Enqueue } from './grids.ts';
import { Measurements } from './measurements.ts';
import { passesOf, tokensOf } from './passes.ts';
import { Runner } from './runner.ts';
import { Sources } from './sources.ts';
import { JobStore, type StoredJob } from './store.ts';
import { Tasks, toRequest, type Expand } from './tasks.ts';

export interface JobsOptions {
  readonly database: DatabaseSync;
  readonly events: Events;
  readonly engine: Engine;
  readonly arbiter: Arbiter;
  readonly library: Library;
  readonly models: Models;
  readonly settings: SettingsStore;
  readonly uploads: Uploads;
  readonly places: Places;
  readonly expand: Expand;
  /** Keeps a prompt, as it was typed, for the history. */
  readonly remember: (prompt: string) => void;
  /** Hears of the studio's own trouble. Default: the error output. */
  readonly log?: (line: string) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

type Ids = Input<'jobs.cancel'>;

const DONE: Record<string, never> = {};
const RETRYABLE: readonly JobState[] = ['interrupted', 'failed', 'cancelled'];

export class Jobs {
  readonly #options: JobsOptions;
  readonly #now: () => number;
  readonly #store: JobStore;
  readonly #sources: Sources;
  readonly #measurements: Measurements;
  readonly #tasks: Tasks;
  readonly #runner: Runner;
  readonly #drafts: Drafts;
  readonly handlers: HandlersOf<'jobs' | 'drafts' | 'grids'>;

  constructor(options: JobsOptions) {
    this.#options = options;
    const { database, now = Date.now, log = console.error } = options;
    this.#now = now;
    this.#store = new JobStore(database);
    this.#sources = new Sources(options);
    this.#measurements = new Measurements(database);
    this.#tasks = new Tasks({ ...options, sources: this.#sources });
    this.#drafts = new Drafts({ ...options, tasks: this.#tasks });
    this.#runner = new Runner({
      ...options,
      now,
      log,
      store: this.#store,
      tasks: this.#tasks,
      measurements: this.#measurements,
      onChange: () => this.#announce(),
      onEnded: () => this.#tidy(),
    });
    const enqueue: Enqueue = (groupId, drawings, andAlso) => this.#enqueue(groupId, drawings, andAlso);
    const grids = new Grids({ ...options, now, store: this.#store, enqueue });
    this.handlers = {
      'jobs.add': (wish) => this.#add(wish),
      'jobs.cancel': (wish) => this.#cancel(wish),
      'jobs.move': (wish) => this.#move(wish),
      'jobs.remove': (wish) => this.#remove(wish),
      'jobs.retry': (wish) => this.#retry(wish),
      'jobs.estimate': (wish) => this.#estimate(wish),
      ...this.#drafts.handlers,
      ...grids.handlers,
    };
  }

  /** Sorts out what an earlier run of the program left, then draws what is queued. */
  start(): void {
    this.#tidy();
    this.#runner.wake();
  }

  /**
   * Stops what is drawn now; its job is offered again at the next start. Resolves within one step of the denoiser,
   * or as soon as the engine's process ends.
   */
  async close(): Promise<void> {
    this.#drafts.close();
    await this.#runner.close();
  }

  /** The running one, those that wait in their order, then the last that ended, newest first. */
  list(): Job[] {
    return this.#store.listed().map((job) => this.#toJob(job));
  }

  /** PNG: the last preview of the job that is drawn, or was last. */
  preview(jobId: string): Uint8Array | undefined {
    return this.#runner.preview(jobId);
  }

  /** WebP: one of the last drafts. */
  draft(id: string): Uint8Array | undefined {
    return this.#drafts.get(id);
  }

  #add({ drawing, count }: Input<'jobs.add'>): { jobIds: string[] } {
    const drawings = Array.from({ length: count }, (_, i) => ({ ...drawing, seed: drawing.seed + i }));
    return { jobIds: this.#enqueue(randomUUID(), drawings) };
  }

  /** All of them or, with the reason, none. */
  #enqueue(
    groupId: string,
    drawings: readonly Drawing[],
    andAlso?: (jobIds: readonly string[]) => void,
  ): string[] {
    const prompts = this.#tasks.check(drawings);
    const { picturesFolder, format } = this.#options.settings.get();
    const createdAt = this.#now();
    const jobs = drawings.map((drawing, i) => {
      const [id, { prompt, negativePrompt }] = [randomUUID(), prompts[i]!];
      const name = { prompt, seed: drawing.seed, createdAt, id, format };
      const file = freePictureFile(picturesFolder, name);
      return { id, groupId, drawing, prompt, negativePrompt, file, createdAt };
    });
    const ids = jobs.map(({ id }) => id);
    try {
      for (const { from } of drawings) if (from) this.#sources.keep(groupId, from);
      this.#store.transaction(() => {
        this.#store.add(jobs);
        andAlso?.(ids);
      });
    } catch (error) {
      this.#tidy();
      throw error;
    }
    this.#options.remember(drawings[0]!.prompt); // the first cell of a grid has what was typed
    this.#announce();
    this.#runner.wake();
    return ids;
  }

  /** Of those that ended already nothing happens: somebody else may have been quicker. */
  #cancel({ ids }: Ids): Record<string, never> {
    const { live } = this.#runner;
    if (live && ids.includes(live.id)) live.stop.abort();
    this.#store.transaction(() => {
      for (const id of ids) {
        if (this.#store.find(id)?.state === 'queued') this.#store.end(id, 'cancelled', this.#now());
      }
    });
    this.#announce();
    return DONE;
  }

  #move({ id, before }: Input<'jobs.move'>): Record<string, never> {
    this.#store.move(id, before);
    this.#announce();
    return DONE;
  }

  #remove({ ids }: Ids): Record<string, never> {
    for (const id of ids) {
      const job = this.#store.find(id);
      if (!job || this.#stateOf(job) !== 'running') continue;
      throw new HdmError('bad-usage', `job ${id}`, 'it is being drawn', 'Cancel it first');
    }
    this.#store.remove(ids);
    this.#tidy();
    this.#announce();
    return DONE;
  }

  #retry({ ids }: Ids): Record<string, never> {
    this.#store.transaction(() => {
      for (const id of ids) this.#queueAgain(id);
    });
    this.#announce();
    this.#runner.wake();
    return DONE;
  }

  #queueAgain(id: string): void {
    const job = this.#store.find(id);
    const state = job && this.#stateOf(job);
    if (state === 'queued' || state === 'running') return; // somebody else was quicker
    if (state && RETRYABLE.includes(state)) return this.#store.queueAgain(id);
    const problem = state ? 'it has its picture already' : 'it is not in the list any more';
    throw new HdmError('bad-usage', `job ${id}`, problem, 'Draw it anew to have another one');
  }

  #estimate({ drawing, count }: Input<'jobs.estimate'>): Estimate {
    const { engine, models, settings } = this.#options;
    checkRequest(toRequest(drawing, drawing));
    const { modelId } = drawing;
    const hasText = models.get(modelId).parts.some(({ part }) => part === 'text encoder');
    return estimateFrom(this.#measurements.of(modelId, settings.get()), {
      tokens: tokensOf(drawing),
      passes: passesOf(drawing, hasText),
      count,
      isLoaded: engine.state.modelId === modelId,
    });
  }

  #toJob(stored: StoredJob): Job {
    const { file: _file, negativePrompt: _negativePrompt, ...job } = stored;
    const state = this.#stateOf(stored);
    const { live, problem } = this.#runner;
    const picture = state === 'done' ? this.#options.library.find(job.id) : undefined;
    return {
      ...job,
      state,
      ...(live?.id === job.id && live.progress && { progress: live.progress }),
      ...(state !== job.state && problem && { error: problem }),
      ...(picture && { pictureId: picture.id }),
    };
  }

  /** A job that is marked as running although nobody draws it was interrupted. */
  #stateOf({ id, state }: StoredJob): JobState {
    return state === 'running' && !this.#runner.isBusyWith(id) ? 'interrupted' : state;
  }

  #announce(): void {
    this.#options.events.emit('jobs', this.list());
  }

  /** What left the list takes its copies of pictures along. */
  #tidy(): void {
    this.#store.forgetOldest();
    this.#sources.sweep(this.#store.groups());
  }
}
