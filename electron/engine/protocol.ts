/**
 * @file What host and engine process say to each other, through birpc over the pipe of `child_process.fork` with
 * 'advanced' serialization (bytes cross as Uint8Array). The process holds one opened model at a time.
 */
import type { Evaluation, EvaluationOptions } from '../../engine/eval/evaluate.ts';
import type { FloatDType } from '../../engine/graph/dtype.ts';
import type { PictureRequest } from '../../engine/pipeline/request.ts';
import type { PictureLabel } from '../../engine/pipeline/picture-settings.ts';
import type { StartingFiles } from '../../engine/pipeline/starting-picture.ts';
import type { DeviceReport } from '../../engine/runtime/devices.ts';
import type { DatasetSource } from '../../engine/training/data/dataset.ts';
import type { Recipe } from '../../engine/training/recipe.ts';
import type { RunRequest, TrainingEvent } from '../../engine/training/run/events.ts';
import type { CheckResult, Failure, Progress, TrainingCost } from '../contract.ts';

/** A model and where it runs: what decides whether the one in memory serves. */
export interface Loadable {
  /** File or folder. */
  readonly path: string;
  readonly textEncoder?: string;
  readonly vae?: string;
  readonly tokenizer?: string;
  readonly adapters: readonly { readonly path: string; readonly strength: number }[];
  readonly device: string;
  readonly precision: 'auto' | 'f32' | 'f16';
}

export type StartingImage = StartingFiles;

export interface DrawTask {
  readonly id: string;
  readonly model: Loadable;
  readonly request: Omit<PictureRequest, 'from'>;
  readonly from?: StartingImage;
  readonly withPreviews: boolean;
  /**
   * Where the picture goes, whole or not at all; the ending chooses the format. It is the last thing written: where
   * it lies, all is done. Folders must be there.
   */
  readonly file: string;
  /** WebP, longest side `THUMBNAIL_SIDE`. */
  readonly thumbnail: string;
  /** What the engine cannot know of the settings inside the file. */
  readonly label: Omit<PictureLabel, 'appVersion'>;
}

export const THUMBNAIL_SIDE = 384;

export interface DrawResult {
  readonly device: string;
  readonly precision: FloatDType;
  /** Passes of the denoiser and how long they took, without waiting for anything else. */
  readonly passes: number;
  readonly denoiseMs: number;
  readonly decodeMs: number;
  /** 0 when the model was in memory. */
  readonly loadMs: number;
  /** Highest resident memory of the process while it drew. */
  readonly peakBytes: number;
}

export interface DraftTask extends Pick<DrawTask, 'id' | 'model' | 'request' | 'from'> {
  /** Pixels of the picture that this is a draft of: its noise decides what is where. */
  readonly of: { readonly width: number; readonly height: number };
}

export interface Draft {
  /** WebP. */
  readonly bytes: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export interface TrainTask {
  /** Of the run. */
  readonly id: string;
  /** Where everything of the run lies; made when it is not there, else the run goes on. */
  readonly folder: string;
  /** Whole, with the person's settings and the paths of the model. */
  readonly recipe: Recipe;
  readonly source: DatasetSource;
  readonly device: string;
}

export interface TrainResult {
  readonly reason: 'done' | 'stopped';
}

export interface ScoreTask {
  readonly id: string;
  readonly model: Loadable;
  /** What it does not say is as usual. */
  readonly options: Partial<EvaluationOptions>;
}

export interface ScoreResult {
  readonly device: string;
  readonly evaluation: Evaluation;
}

export type MeasuredCost = Omit<TrainingCost, 'freeBytes'>;

/** A class does not cross the pipe, so errors are answers; `trace`, for the log, comes with a bug of ours. */
export type Answer<T> = { readonly value: T } | { readonly error: Failure; readonly trace?: string };

/** What the process holds, told whenever it changed. */
export interface EngineStatus {
  /** Path of the model in memory. */
  readonly model?: string;
  /** The device that was used last, and how it was chosen. */
  readonly device?: string;
  readonly reason?: string;
  /** Resident memory of the process. */
  readonly memoryBytes: number;
}

export interface EngineFunctions {
  draw(task: DrawTask): Promise<Answer<DrawResult>>;
  draft(task: DraftTask): Promise<Answer<Draft>>;
  /** Ends a task within one step; it then answers `cancelled`, unless it was saving already. */
  cancel(taskId: string): void | Promise<void>;
  /** Gives the memory of the model back. */
  unload(): Promise<void>;
  /** Answers when the run has ended. Its events come by `trained`. `cancel` saves first, then it answers `cancelled`. */
  train(task: TrainTask): Promise<Answer<TrainResult>>;
  /** Done between two steps. */
  ask(runId: string, request: RunRequest): void | Promise<void>;
  /**
   * Holds a run between two steps, or a scoring between two pictures, so that others have the device. False: it went
   * on, or there is none.
   */
  giveWay(taskId: string): Promise<boolean>;
  goOn(taskId: string): void | Promise<void>;
  /** Some steps of a run that does not begin. */
  measure(task: TrainTask): Promise<Answer<MeasuredCost>>;
  /** How well a model that learned toy scenes draws them. Steps of its progress are pictures. */
  score(task: ScoreTask): Promise<Answer<ScoreResult>>;
  devices(): Promise<Answer<DeviceReport[]>>;
  /** Every golden file in `folder`, on a device; those that need the trainer are left out. */
  check(device: string, folder: string): Promise<Answer<CheckResult[]>>;
}

export interface HostOfEngineFunctions {
  /** The process can be asked. */
  ready(): void;
  /** What a task does now; `preview` is a PNG. */
  progress(taskId: string, progress: Omit<Progress, 'preview' | 'secondsLeft'>, preview?: Uint8Array): void;
  status(status: EngineStatus): void;
  /** What a run tells, in order. */
  trained(runId: string, events: readonly TrainingEvent[]): void;
}
