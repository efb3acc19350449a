/** @file Runs on a made-up engine, with the database and the files in a folder. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { EventName, Model, Run, TrainingPlan } from '../../electron/contract.ts';
import type {
  MeasuredCost,
  ScoreResult,
  ScoreTask,
  TrainResult,
  TrainTask,
} from '../../electron/engine/protocol.ts';
import { DeviceArbiter } from '../../electron/host/arbiter.ts';
import { openDatabase } from '../../electron/host/database.ts';
import { Events } from '../../electron/host/events.ts';
import type { DrawHooks, TrainHooks, TrainingEngine } from '../../electron/host/parts.ts';
import { openPlaces, type Places } from '../../electron/host/places.ts';
import { Recipes } from '../../electron/host/training/recipes.ts';
import { Training } from '../../electron/host/training/training.ts';
import { HdmError } from '../../engine/errors.ts';
import type { Happening, RunRequest, TrainingEvent } from '../../engine/training/run/events.ts';
import { FakeModels, FakeSettings } from './fakes.ts';

const RECIPE = { method: 'lokr', stages: [{ size: 64, steps: 10, batch: 2 }] };

export const PLAN: TrainingPlan = {
  name: 'My style',
  recipeId: 'lokr',
  source: { kind: 'toy', seed: 0, count: 100 },
  modelId: 'model-1',
  settings: {
    stages: [{ trains: 'denoiser', steps: 100, batch: 2, size: 64, learningRate: 0.1 }],
    ...{ prompts: ['a red circle'], sampleEvery: 10, saveEvery: 10, seed: 0 },
  },
};

export function stepOf(
  step: number,
  more: Partial<Extract<TrainingEvent, { kind: 'step' }>> = {},
): TrainingEvent {
  return {
    ...{
      kind: 'step',
      at: step * 100,
      step,
      stage: 0,
      loss: 1 / step,
      norm: 1,
      learningRate: 0.1,
      lossScale: 1,
    },
    ...{ stepMs: 100, waitedMs: 10, images: 2, seen: step * 2, memoryBytes: 1_000, ...more },
  };
}

/** A run that does what the test tells it to. */
export class FakeTrainer implements TrainingEngine {
  readonly tasks: TrainTask[] = [];
  readonly asked: RunRequest[] = [];
  /** In order: what the host said about sharing the device. */
  readonly shared: string[] = [];
  /** Its process takes a while to start: the test tells when it begins. */
  isSlow = false;
  /** What was asked to be scored; `scores` says how it ends. */
  readonly scored: { readonly task: ScoreTask; readonly hooks: DrawHooks }[] = [];
  scores = Promise.withResolvers<ScoreResult>();
  #hooks: TrainHooks | undefined;
  #ended = Promise.withResolvers<TrainResult>();

  train(task: TrainTask, hooks: TrainHooks): Promise<TrainResult> {
    this.tasks.push(task);
    this.#hooks = hooks;
    this.#ended = Promise.withResolvers();
    hooks.signal.addEventListener('abort', () =>
      this.fail(new HdmError('cancelled', 'run', 'it was stopped')),
    );
    if (!this.isSlow) this.begin();
    return this.#ended.promise;
  }

  ask(_runId: string, request: RunRequest): void {
    this.asked.push(request);
  }

  async giveWay(): Promise<boolean> {
    this.shared.push('give way');
    return true;
  }

  goOn(): void {
    this.shared.push('go on');
  }

  async measure(): Promise<MeasuredCost> {
    return { device: 'cpu', stages: [{ low: 1, high: 2 }], memoryBytes: 1, diskBytes: 2 };
  }

  score(task: ScoreTask, hooks: DrawHooks): Promise<ScoreResult> {
    this.scored.push({ task, hooks });
    const cancelled = new HdmError('cancelled', 'score', 'it was cancelled');
    hooks.signal.addEventListener('abort', () => this.scores.reject(cancelled));
    return this.scores.promise;
  }

  begin(): void {
    this.tell({ kind: 'phase', phase: 'opening', step: 0 });
  }

  tell(...events: (Happening & { at?: number })[]): void {
    this.#hooks!.onEvents(events.map((event) => ({ at: 0, ...event })));
  }

  end(reason: TrainResult['reason']): void {
    this.#ended.resolve({ reason });
  }

  fail(error: HdmError): void {
    this.#ended.reject(error);
  }
}

export class TrainingHost {
  readonly places: Places;
  readonly database: DatabaseSync;
  readonly events = new Events();
  readonly engine = new FakeTrainer();
  readonly arbiter = new DeviceArbiter();
  readonly added: { path: string; name: string | undefined }[] = [];
  readonly training: Training;
  readonly told: { name: EventName; value: unknown }[] = [];

  constructor(folder: string) {
    this.places = openPlaces(folder);
    const recipes = join(folder, 'recipes');
    mkdirSync(recipes, { recursive: true });
    writeFileSync(join(recipes, 'lokr.json'), JSON.stringify(RECIPE));
    this.database = openDatabase(this.places.database);
    const models = new FakeModels();
    this.training = new Training({
      ...{ database: this.database, events: this.events, engine: this.engine, arbiter: this.arbiter },
      places: this.places,
      recipes: new Recipes(recipes),
      settings: new FakeSettings(this.places),
      models: {
        loadable: (id, adapters) => models.loadable(id, adapters),
        addFound: (path, { name }) => {
          this.added.push({ path, name });
          return { id: 'new', kind: 'adapter', name, path, sizeBytes: 1, parts: [], isOwned: true } as Model;
        },
      },
      log: () => {},
    });
    this.events.listen((name, value) => this.told.push({ name, value }));
    this.training.start();
  }

  get call(): Training['handlers'] {
    return this.training.handlers;
  }

  async start(plan = PLAN): Promise<Run> {
    const run = await this.call['runs.start']({ plan });
    while (this.engine.tasks.length === 0) await new Promise(setImmediate);
    return run;
  }

  get run(): Run {
    return this.training.list()[0]!;
  }

  /** As when everything is killed: nothing is saved or told. */
  abandon(): void {
    this.training.list = () => []; // a timer may still want to tell of the runs
    this.database.close();
  }
}
