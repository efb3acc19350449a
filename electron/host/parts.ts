/** @file What the parts of the host know of each other; each is made once in `studio.ts`, and by itself in tests. */
import type { FoundSettings, Model, Picture, Settings } from '../contract.ts';
import type { PictureSettings } from '../../engine/image/settings.ts';
import type { DeviceReport } from '../../engine/runtime/devices.ts';
import type { CheckResult, EngineState, Progress } from '../contract.ts';
import type { RunRequest, TrainingEvent } from '../../engine/training/run/events.ts';
import type {
  Draft,
  DraftTask,
  DrawResult,
  DrawTask,
  Loadable,
  MeasuredCost,
  ScoreResult,
  ScoreTask,
  TrainResult,
  TrainTask,
} from '../engine/protocol.ts';

/** The engine's process, started when it is first needed and again after it ended. */
export interface Engine {
  readonly state: EngineState;
  /**
   * Throws `cancelled` after the signal (a picture that was being saved then is finished all the same), `device` when
   * the process ended meanwhile, and the engine's own errors.
   */
  draw(task: DrawTask, hooks: DrawHooks): Promise<DrawResult>;
  draft(task: DraftTask, signal: AbortSignal): Promise<Draft>;
  devices(): Promise<DeviceReport[]>;
  check(device: string, folder: string): Promise<CheckResult[]>;
  unload(): Promise<void>;
  close(): Promise<void>;
}

/** The engine as work needs it that stands aside between two of its steps. */
export interface SharedEngine {
  /** Fulfilled with true when the work stands; false: it went on, or there is none. */
  giveWay(taskId: string): Promise<boolean>;
  goOn(taskId: string): void;
}

/** The engine as a training run needs it. */
export interface TrainingEngine extends SharedEngine {
  /** Throws as `draw`; after the signal it saves first, which may take a while. */
  train(task: TrainTask, hooks: TrainHooks): Promise<TrainResult>;
  ask(runId: string, request: RunRequest): void;
  measure(task: TrainTask, signal: AbortSignal): Promise<MeasuredCost>;
  /** Throws as `draw`. Steps of its progress are pictures. */
  score(task: ScoreTask, hooks: DrawHooks): Promise<ScoreResult>;
}

export interface TrainHooks {
  readonly signal: AbortSignal;
  readonly onEvents: (events: readonly TrainingEvent[]) => void;
}

export interface DrawHooks {
  readonly signal: AbortSignal;
  /** `preview` is a PNG. */
  readonly onProgress: (progress: Omit<Progress, 'preview' | 'secondsLeft'>, preview?: Uint8Array) => void;
}

/** Who uses the device. One at a time; a draft goes before the next picture, never into one. */
export type DeviceUser = 'picture' | 'draft' | 'check' | 'score' | 'training';

export interface Arbiter {
  /** Waits for its turn. Throws `cancelled` after the signal. */
  take(user: DeviceUser, signal?: AbortSignal): Promise<Lease>;
}

export interface Lease {
  /** Somebody more urgent waits: a long user (training) gives way at its next step. */
  readonly isWanted: boolean;
  /** Fulfilled as soon as that is so. */
  readonly wanted: Promise<void>;
  release(): void;
}

export interface NewPicture {
  readonly id: string;
  /** Inside the pictures folder at that time, absolute. */
  readonly file: string;
  readonly settings: Pick<PictureSettings, 'prompt' | 'negativePrompt' | 'width' | 'height' | 'seed'>;
  readonly modelName: string;
  readonly createdAt: number;
}

export interface Library {
  /** Adds a finished file; the caller may be inside a transaction and tells windows afterwards (`announce`). */
  add(picture: NewPicture): Picture;
  /** Tells every window that the library changed; `added` is shown at once. */
  announce(added?: Picture): void;
  /** Throws `bad-usage` for an unknown id, as all of these. */
  get(id: string): Picture;
  fileOf(id: string): string;
  /** Where the thumbnail of a picture is or will be. */
  thumbnailOf(id: string): string;
  /** Undefined when there is none of that id. */
  find(id: string): Picture | undefined;
  readonly count: number;
  readonly revision: number;
}

export interface Models {
  list(): Model[];
  get(id: string): Model;
  /** Everything but device and precision, which settings say. Throws `bad-model` when the model cannot draw. */
  loadable(
    id: string,
    adapters: readonly { readonly modelId: string; readonly strength: number }[],
  ): Omit<Loadable, 'device' | 'precision'>;
  /** A model by the name that a picture's settings give. */
  findByName(name: string, kind: Model['kind']): Model | undefined;
}

export interface SettingsStore {
  get(): Settings;
  change(patch: Partial<Settings>): Settings;
}

export interface Uploads {
  /** Path of a file that a window sent. Throws `bad-usage` for an unknown id. */
  fileOf(id: string): string;
}

/** Settings of a picture file as a drawing, with names resolved to the models here. */
export type ReadDrawing = (file: string) => Promise<FoundSettings>;
