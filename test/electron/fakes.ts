/** @file Small stand-ins for the parts of the host, and jobs that run on them. Knows no test framework. */
import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type {
  Drawing,
  EngineState,
  EventName,
  EventValue,
  Model,
  Picture,
  Settings,
} from '../../electron/contract.ts';
import type { Draft, DraftTask, DrawResult, DrawTask } from '../../electron/engine/protocol.ts';
import { DeviceArbiter } from '../../electron/host/arbiter.ts';
import { openDatabase } from '../../electron/host/database.ts';
import { Events } from '../../electron/host/events.ts';
import { Jobs, type JobsOptions } from '../../electron/host/jobs/jobs.ts';
import type {
  DrawHooks,
  Engine,
  Library,
  Models,
  NewPicture,
  SettingsStore,
  Uploads,
} from '../../electron/host/parts.ts';
import { openPlaces, type Places } from '../../electron/host/places.ts';
import { HdmError } from '../../engine/errors.ts';
import { saveImage } from '../../engine/image/save.ts';
import { DEFAULTS } from '../../engine/pipeline/request.ts';

/** A drawing that `checkRequest` accepts, of a model that `FakeModels` has. */
export const DRAWING: Drawing = {
  ...DEFAULTS,
  guidanceInterval: [0, 1],
  modelId: 'model-1',
  prompt: 'a red circle',
  width: 64,
  height: 64,
  steps: 4,
  seed: 7,
  adapters: [],
};

export const RESULT: DrawResult = {
  device: 'cpu',
  precision: 'f32',
  passes: 8,
  denoiseMs: 800,
  decodeMs: 100,
  loadMs: 0,
  peakBytes: 1_000_000,
};

/** Draws grey squares. `onDraw` and `onDraft` are what happens before: tests wait or throw there. */
export class FakeEngine implements Engine {
  state: EngineState = { state: 'idle' };
  result = RESULT;
  onDraw: (task: DrawTask, hooks: DrawHooks) => Promise<void> | void = () => {};
  onDraft: (task: DraftTask, signal: AbortSignal) => Promise<void> | void = () => {};
  readonly tasks: DrawTask[] = [];
  readonly draftTasks: DraftTask[] = [];

  async draw(task: DrawTask, hooks: DrawHooks): Promise<DrawResult> {
    this.tasks.push(task);
    await orCancelled(hooks.signal, this.onDraw(task, hooks));
    await writePicture(task);
    return this.result;
  }

  async draft(task: DraftTask, signal: AbortSignal): Promise<Draft> {
    this.draftTasks.push(task);
    await orCancelled(signal, this.onDraft(task, signal));
    const { width, height } = task.request;
    return { bytes: Uint8Array.of(width / 16, height / 16), width, height };
  }

  async devices(): Promise<never[]> {
    return [];
  }

  async check(): Promise<never[]> {
    return [];
  }

  async unload(): Promise<void> {}

  async close(): Promise<void> {}
}

/** What the engine does at the end: the picture with its settings, whole. */
export async function writePicture({ file, request, label }: DrawTask): Promise<void> {
  const { camera, guidanceInterval, width, height, ...rest } = request;
  await saveImage(
    file,
    { width, height, data: new Uint8Array(width * height * 3).fill(request.seed % 256) },
    {
      version: 1,
      app: 'hdm-studio',
      appVersion: '0',
      ...rest,
      ...camera,
      width,
      height,
      guidanceInterval: [...guidanceInterval],
      model: label.model,
      adapters: label.adapters,
      precision: 'f32',
      device: 'cpu',
    },
  );
}

/** Waits for `work`, but throws `cancelled` as soon as the signal says so. */
export async function orCancelled(signal: AbortSignal, work: Promise<void> | void): Promise<void> {
  const cancelled = new HdmError('cancelled', 'picture', 'it was cancelled');
  if (signal.aborted) throw cancelled;
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(cancelled), { once: true });
  await Promise.race([work, promise]);
}

/** The library's table and nothing else. */
export class FakeLibrary implements Library {
  readonly #database: DatabaseSync;
  readonly #events: Events;
  readonly #places: Places;
  revision = 0;

  constructor(database: DatabaseSync, events: Events, places: Places) {
    this.#database = database;
    this.#events = events;
    this.#places = places;
  }

  get count(): number {
    return this.files().length;
  }

  /** Paths of all pictures, in the order of arrival. */
  files(): string[] {
    const rows = this.#database.prepare('SELECT file FROM pictures ORDER BY number').all();
    return rows.map(({ file }) => file as string);
  }

  add({ id, file, settings, modelName, createdAt }: NewPicture): Picture {
    const { width, height, prompt, negativePrompt, seed } = settings;
    this.#database
      .prepare(
        `INSERT INTO pictures (id, file, width, height, prompt, negative_prompt, seed, model_name, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(id, file, width, height, prompt, negativePrompt, seed, modelName, createdAt);
    this.revision++;
    return this.get(id);
  }

  announce(added?: Picture): void {
    const { count, revision } = this;
    this.#events.emit('library', { count, revision, ...(added && { added }) });
  }

  get(id: string): Picture {
    const picture = this.find(id);
    if (picture) return picture;
    throw new HdmError('bad-usage', `picture ${id}`, 'there is no such picture', 'Look again');
  }

  find(id: string): Picture | undefined {
    const row = this.#database.prepare('SELECT * FROM pictures WHERE id = ?').get(id);
    if (!row) return undefined;
    return {
      id,
      createdAt: row['created_at'] as number,
      fileName: row['file'] as string,
      width: row['width'] as number,
      height: row['height'] as number,
      prompt: row['prompt'] as string,
      negativePrompt: row['negative_prompt'] as string,
      seed: row['seed'] as number,
      modelName: row['model_name'] as string,
      isStarred: false,
      tags: [],
      url: `/files/pictures/${id}`,
      thumbnail: `/files/thumbnails/${id}`,
    };
  }

  fileOf(id: string): string {
    return this.get(id).fileName;
  }

  thumbnailOf(id: string): string {
    return join(this.#places.thumbnails, `${id}.webp`);
  }
}

/** Two models and an adapter; tests remove some or spoil them. */
export class FakeModels implements Models {
  readonly all = new Map<string, Model>(
    [modelOf('model-1', 'model'), modelOf('model-2', 'model'), modelOf('adapter-1', 'adapter')].map(
      (model) => [model.id, model],
    ),
  );

  list(): Model[] {
    return [...this.all.values()];
  }

  get(id: string): Model {
    const model = this.all.get(id);
    if (model) return model;
    throw new HdmError('bad-usage', `model ${id}`, 'there is no such model', 'Choose another one');
  }

  loadable(id: string, adapters: readonly { readonly modelId: string; readonly strength: number }[]) {
    return {
      path: this.get(id).path,
      adapters: adapters.map(({ modelId, strength }) => ({ path: this.get(modelId).path, strength })),
    };
  }

  findByName(name: string, kind: Model['kind']): Model | undefined {
    return this.list().find((model) => model.name === name && model.kind === kind);
  }
}

function modelOf(id: string, kind: Model['kind']): Model {
  return {
    id,
    kind,
    name: `the ${id}`,
    path: `/models/${id}.safetensors`,
    sizeBytes: 1,
    parts: [
      { part: 'transformer', summary: 'XUT' },
      { part: 'text encoder', summary: 'Qwen3' },
    ],
    isOwned: false,
  };
}

export class FakeSettings implements SettingsStore {
  #settings: Settings;

  constructor(places: Places) {
    this.#settings = {
      language: 'en',
      theme: 'dark',
      device: 'auto',
      precision: 'auto',
      picturesFolder: places.pictures,
      modelsFolder: places.models,
      format: 'png',
      showPreviews: true,
      wildcardFolder: places.wildcards,
      hubAddress: '',
      shortcuts: {},
      isWelcomed: true,
      isToured: true,
    };
  }

  get(): Settings {
    return this.#settings;
  }

  change(patch: Partial<Settings>): Settings {
    this.#settings = { ...this.#settings, ...patch };
    return this.#settings;
  }
}

export class FakeUploads implements Uploads {
  readonly #folder: string;
  readonly #files = new Map<string, string>();

  constructor(places: Places) {
    this.#folder = places.uploads;
  }

  /** As if a window had sent a file. */
  async receive(id: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.#folder, `${id}.png`);
    mkdirSync(dirname(path), { recursive: true });
    await writeFile(path, bytes);
    this.#files.set(id, path);
  }

  fileOf(id: string): string {
    const path = this.#files.get(id);
    if (path !== undefined) return path;
    throw new HdmError('bad-usage', `upload ${id}`, 'there is no such file', 'Send it again');
  }
}

/** Jobs on fakes, with the database and the files in `folder`. Not started. */
export class TestHost {
  readonly places: Places;
  readonly database: DatabaseSync;
  readonly events = new Events();
  readonly engine = new FakeEngine();
  readonly arbiter = new DeviceArbiter();
  readonly library: FakeLibrary;
  readonly models = new FakeModels();
  readonly settings: FakeSettings;
  readonly uploads: FakeUploads;
  readonly jobs: Jobs;
  readonly remembered: string[] = [];
  readonly logged: string[] = [];
  readonly told: { name: EventName; value: unknown }[] = [];

  constructor(folder: string, options: Partial<JobsOptions> = {}) {
    this.places = openPlaces(folder);
    this.database = openDatabase(this.places.database);
    this.library = new FakeLibrary(this.database, this.events, this.places);
    this.settings = new FakeSettings(this.places);
    this.uploads = new FakeUploads(this.places);
    this.jobs = new Jobs({
      ...this,
      expand: (text, seed) => text.replaceAll('{seed}', String(seed)),
      remember: (prompt) => this.remembered.push(prompt),
      log: (line) => this.logged.push(line),
      ...options,
    });
    this.events.listen((name, value) => this.told.push({ name, value }));
  }

  get call(): Jobs['handlers'] {
    return this.jobs.handlers;
  }

  /** Resolves with the first value of an event, now on, that `test` likes. */
  heard<N extends EventName>(
    name: N,
    test: (value: EventValue<N>) => boolean = () => true,
  ): Promise<EventValue<N>> {
    return new Promise((resolve) => {
      const stop = this.events.listen((heard, value) => {
        if ((heard as string) !== name || !test(value as unknown as EventValue<N>)) return;
        stop();
        resolve(value as unknown as EventValue<N>);
      });
    });
  }

  /** Resolves when no job runs or waits. */
  async idle(): Promise<void> {
    const isIdle = () => this.jobs.list().every(({ state }) => state !== 'running' && state !== 'queued');
    if (!isIdle()) await this.heard('jobs', isIdle);
  }

  /** Seeds in the order of the list, with their states. */
  states(): string[] {
    return this.jobs.list().map(({ drawing, state }) => `${drawing.seed} ${state}`);
  }

  async close(): Promise<void> {
    await this.jobs.close();
    if (this.database.isOpen) this.database.close();
  }
}
