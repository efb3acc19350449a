/** @file Training: the runs, the one that the engine works on, and what windows ask of them. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm, statfs } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { HdmError, toHdmError } from '../../../engine/errors.ts';
import type { Phase, TrainingEvent } from '../../../engine/training/run/events.ts';
import type { Input, Model, Output, Run, RunState, Score, TrainingPlan } from '../../contract.ts';
import type { TrainTask } from '../../engine/protocol.ts';
import type { Events } from '../events.ts';
import type { HandlersOf } from '../handlers.ts';
import type { Arbiter, Models, SettingsStore, TrainingEngine } from '../parts.ts';
import type { Places } from '../places.ts';
import { freeRunFolder } from './folders.ts';
import { LiveRun } from './live-run.ts';
import type { Recipes } from './recipes.ts';
import { RunLog } from './run-log.ts';
import { Scores } from './scores.ts';
import { RunStore, type StoredRun } from './store.ts';
import { progressAfter, toRun } from './summary.ts';
import { Teller } from './teller.ts';

export interface TrainingOptions {
  readonly database: DatabaseSync;
  readonly events: Events;
  readonly engine: TrainingEngine;
  readonly arbiter: Arbiter;
  readonly models: TrainingModels;
  readonly settings: SettingsStore;
  readonly places: Places;
  readonly recipes: Recipes;
  readonly log: (line: string) => void;
}

/** The models, and the way in for checkpoints. */
export interface TrainingModels extends Pick<Models, 'loadable'> {
  /** Adds what lies at a path, or gives what is known by it. Throws `bad-model`, `bad-file` or `disk`. */
  addFound(path: string, options: { readonly name?: string }): Model;
}

/** What is known of the run that the engine works on. */
interface Live {
  readonly run: LiveRun;
  readonly log: RunLog;
  readonly teller: Teller;
  phase: Phase | undefined;
  ended: Promise<void>;
}

const DONE: Record<string, never> = {};
/** States in which a process of ours works on it. */
const UNDER_WAY: readonly RunState[] = ['starting', 'running'];
/** As many logs are kept in memory, for runs that are looked at or compared. */
const KEPT_LOGS = 6;

export class Training {
  readonly handlers: HandlersOf<'runs'>;
  readonly #options: TrainingOptions;
  readonly #store: RunStore;
  readonly #logs = new Map<string, Promise<RunLog>>();
  readonly #scores: Scores;
  #live: Live | undefined;
  #measuring: AbortController | undefined;
  #isClosing = false;

  constructor(options: TrainingOptions) {
    this.#options = options;
    this.#store = new RunStore(options.database);
    this.#scores = new Scores({
      ...options,
      runOf: (id) => this.#store.get(id),
      placeOf: (run, step) => this.#placeOf(run, step),
      keep: (id, score) => this.#keepScore(id, score),
      onChange: () => this.#announce(),
    });
    this.handlers = {
      'runs.recipes': () => options.recipes.list(),
      'runs.measure': ({ plan }) => this.#measure(plan),
      'runs.cancelMeasure': () => {
        this.#measuring?.abort();
        return DONE;
      },
      'runs.start': ({ plan }) => this.#startNew(plan),
      'runs.resume': ({ id }) => this.#resume(id),
      'runs.ask': (wish) => this.#ask(wish),
      'runs.rename': ({ id, name }) => this.#rename(id, name),
      'runs.remove': (wish) => this.#remove(wish),
      'runs.history': async ({ id }) => (await this.#logOf(this.#store.get(id))).whole(),
      'runs.useCheckpoint': (wish) => this.#useCheckpoint(wish),
      'runs.score': async (wish) => {
        await this.#scores.score(wish);
        return DONE;
      },
      'runs.cancelScore': () => {
        this.#scores.cancel();
        return DONE;
      },
    };
  }

  /** What ran when the program ended is offered again: perhaps it was what ended it. */
  start(): void {
    for (const { id, state } of this.#store.list()) {
      if (UNDER_WAY.includes(state)) this.#store.setState(id, 'interrupted');
    }
  }

  /** Lets the run save and end; it is offered again at the next start. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#measuring?.abort();
    this.#scores.cancel();
    this.#live?.run.end();
    await this.#live?.ended;
  }

  /** The newest first. */
  list(): Run[] {
    return this.#store.list().map((stored) => this.#toRun(stored));
  }

  /** Path of the picture of a sample: `<run>_<step>_<number>`. */
  async sample(name: string): Promise<string> {
    const [id = '', , number] = name.split('_');
    const sample = (await this.#logOf(this.#store.get(id))).samples[Number(number)];
    if (sample) return sample.file;
    throw new HdmError('bad-usage', name, 'there is no such sample', 'Look at the run again');
  }

  async #startNew(plan: TrainingPlan): Promise<Run> {
    await this.#makeRoom();
    const { method } = this.#options.recipes.get(plan.recipeId);
    const createdAt = Date.now();
    const folder = freeRunFolder(this.#options.places.runs, plan.name, createdAt);
    const run = { id: randomUUID(), plan, method, folder, createdAt };
    this.#task(run); // what is missing is said before anything is made
    this.#store.add(run);
    return this.#begin(run.id);
  }

  async #resume(id: string): Promise<Record<string, never>> {
    const live = this.#live;
    if (live?.run.id === id) {
      if (live.run.isPaused) await live.run.ask('continue');
      return DONE;
    }
    await this.#makeRoom();
    this.#task(this.#store.get(id));
    await this.#begin(id);
    return DONE;
  }

  /** One at a time. A paused one gives its memory back; it goes on from its folder. */
  async #makeRoom(): Promise<void> {
    const live = this.#live;
    if (!live) return;
    if (!live.run.isPaused) {
      const { name } = this.#store.get(live.run.id).plan;
      throw new HdmError('bad-usage', name, 'this run is under way', 'Pause or stop it first');
    }
    live.run.end();
    await live.ended;
  }

  async #begin(id: string): Promise<Run> {
    const stored = this.#store.get(id);
    const log = await this.#logOf(stored);
    const { engine, arbiter, events } = this.#options;
    const run = new LiveRun({
      task: this.#task(stored),
      engine,
      arbiter,
      onEvents: (news) => this.#hear(live, news),
      onChange: () => this.#show(live),
    });
    const teller = new Teller(log, {
      tellHistory: (history) => events.emit('training', history),
      tellRuns: () => this.#announce(),
      keep: () => this.#keepProgress(live),
    });
    const live: Live = { run, log, teller, phase: undefined, ended: Promise.resolve() };
    this.#live = live;
    this.#store.setState(id, 'starting');
    live.ended = this.#work(live);
    this.#announce();
    return this.#toRun(this.#store.get(id));
  }

  /** Never throws: how it ended is the run's state. */
  async #work(live: Live): Promise<void> {
    const { id } = live.run;
    let [state, error]: [RunState, HdmError | undefined] = ['done', undefined];
    try {
      state = (await live.run.work()).reason;
    } catch (problem) {
      error = toHdmError(problem, 'training');
      state = this.#stateAfter(error, live);
    }
    live.teller.close();
    this.#live = undefined;
    this.#progress.delete(id);
    const isOwn = error === undefined || error.code === 'cancelled';
    this.#store.setState(id, state, isOwn ? undefined : { code: error!.code, message: error!.message });
    if (error?.code === 'internal') this.#options.log(error.stack ?? error.message);
    this.#announce();
  }

  /** A process that ended is no fault of the run: it goes on from its last state. */
  #stateAfter({ code }: HdmError, live: Live): RunState {
    if (code === 'cancelled')
      return live.run.isPaused ? 'paused' : this.#isClosing ? 'interrupted' : 'stopped';
    return code === 'device' ? 'interrupted' : 'failed';
  }

  readonly #progress = new Map<string, StoredRun['progress']>();

  #hear(live: Live, news: readonly TrainingEvent[]): void {
    const { id } = live.run;
    let progress = this.#progressOf(id);
    for (const event of news) {
      if (live.log.add(event)) live.teller.tellAgain();
      progress = progressAfter(progress, event, live.log);
      if (event.kind === 'phase') live.phase = event.phase;
    }
    this.#progress.set(id, progress);
    live.teller.tell();
  }

  #progressOf(id: string): StoredRun['progress'] {
    return this.#progress.get(id) ?? this.#store.get(id).progress;
  }

  #keepProgress({ run: { id } }: Live): void {
    this.#store.setProgress(id, this.#progressOf(id));
  }

  /** It has the device, waits for it, or was paused. */
  #show({ run }: Live): void {
    const state = run.isPaused ? 'paused' : run.hasBegun ? 'running' : 'starting';
    this.#store.setState(run.id, state);
    this.#announce();
  }

  #ask({ id, request }: Input<'runs.ask'>): Record<string, never> {
    const live = this.#live;
    if (live?.run.id !== id) {
      if (request !== 'stop') throw notUnderWay(this.#store.get(id));
      this.#store.setState(id, 'stopped'); // one that was paused when the program ended
      this.#announce();
      return DONE;
    }
    void live.run.ask(request).catch(() => {}); // it ended meanwhile
    return DONE;
  }

  async #measure(plan: TrainingPlan): Promise<Output<'runs.measure'>> {
    const { arbiter, engine, places } = this.#options;
    this.#measuring?.abort();
    const stop = new AbortController();
    this.#measuring = stop;
    const task = this.#task({
      id: randomUUID(),
      plan,
      folder: resolve(places.runs, `.measure-${Date.now()}`),
    });
    const lease = await arbiter.take('check', stop.signal);
    try {
      const cost = await engine.measure(task, stop.signal);
      const { bavail, bsize } = await statfs(places.runs);
      return { ...cost, freeBytes: bavail * bsize };
    } finally {
      lease.release();
      await rm(task.folder, { recursive: true, force: true });
    }
  }

  /** Throws `bad-usage` for what the person has to choose differently, `bad-model` for a model that is incomplete. */
  #task({ id, plan, folder }: Pick<StoredRun, 'id' | 'plan' | 'folder'>): TrainTask {
    const { models, settings, recipes } = this.#options;
    const { device, precision } = settings.get();
    const model = plan.modelId === undefined ? undefined : models.loadable(plan.modelId, []);
    const { source } = plan;
    return { id, folder, source, device, recipe: recipes.resolve(plan, model, precision) };
  }

  #rename(id: string, name: string): Record<string, never> {
    this.#store.setPlan(id, { ...this.#store.get(id).plan, name });
    this.#announce();
    return DONE;
  }

  async #remove({ id, deleteFiles }: Input<'runs.remove'>): Promise<Record<string, never>> {
    const { folder, plan } = this.#store.get(id);
    if (this.#live?.run.id === id) {
      throw new HdmError('bad-usage', plan.name, 'this run is under way', 'Stop it first');
    }
    this.#scores.cancel(id);
    try {
      if (deleteFiles) await rm(folder, { recursive: true, force: true });
    } catch (error) {
      throw toHdmError(error, folder, 'disk');
    }
    this.#store.remove(id);
    this.#logs.delete(id);
    this.#announce();
    return DONE;
  }

  async #useCheckpoint({ id, step }: Input<'runs.useCheckpoint'>): Promise<Output<'runs.useCheckpoint'>> {
    const run = this.#store.get(id);
    const { name, modelId } = run.plan;
    const path = await this.#placeOf(run, step);
    const model = this.#options.models.addFound(path, { name: `${name} · ${step}` });
    return { model, ...(model.kind === 'adapter' && modelId !== undefined && { modelId }) };
  }

  /** Of a checkpoint. Throws `bad-usage` when it is gone. */
  async #placeOf(run: StoredRun, step: number): Promise<string> {
    const checkpoint = (await this.#logOf(run)).checkpoints.find((one) => one.step === step);
    const path = checkpoint && resolve(run.folder, checkpoint.folder);
    if (path && existsSync(path)) return path;
    const problem = `the checkpoint of step ${step} is not there any more`;
    throw new HdmError('bad-usage', run.plan.name, problem, 'Choose another');
  }

  #keepScore(id: string, score: Score): void {
    const before = this.#progressOf(id);
    const others = (before.scores ?? []).filter(({ step }) => step !== score.step);
    const scores = [...others, score].sort((a, b) => a.step - b.step);
    if (this.#progress.has(id)) this.#progress.set(id, { ...before, scores });
    this.#store.setProgress(id, { ...before, scores });
  }

  #logOf({ id, folder }: Pick<StoredRun, 'id' | 'folder'>): Promise<RunLog> {
    const log = this.#logs.get(id) ?? RunLog.read(id, folder);
    this.#logs.delete(id);
    this.#logs.set(id, log);
    const idle = [...this.#logs.keys()].filter((key) => key !== this.#live?.run.id);
    if (this.#logs.size > KEPT_LOGS) this.#logs.delete(idle[0]!);
    return log;
  }

  #toRun(stored: StoredRun): Run {
    const live = this.#live?.run.id === stored.id ? this.#live : undefined;
    const scoring = this.#scores.of(stored.id);
    const run = toRun({ ...stored, progress: this.#progress.get(stored.id) ?? stored.progress }, live);
    return { ...run, ...(scoring && { scoring }) };
  }

  #announce(): void {
    this.#options.events.emit('runs', this.list());
  }
}

function notUnderWay({ plan }: StoredRun): HdmError {
  return new HdmError('bad-usage', plan.name, 'this run is not under way', 'Let it go on first');
}
