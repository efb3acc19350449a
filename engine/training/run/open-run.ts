/** @file Opens a run: a new folder, or one that goes on from its last whole state. */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { HdmError } from '../../errors.ts';
import type { FloatDType } from '../../graph/dtype.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { openDataset, type DatasetSource } from '../data/dataset.ts';
import type { Recipe } from '../recipe.ts';
import { createRun, discardUnfinished, lockRun, openRunFolder, RUN_FILES, type RunInfo } from './folder.ts';
import { splitDataset, type SplitDataset } from './held-out.ts';
import { RunLog, type Listener } from './log.ts';
import { StateClock } from './state-clock.ts';
import { findState, type FoundState, type Position, type SavedState } from './state.ts';

export interface RunOptions {
  readonly folder: string;
  /** Left out when resumed: those of the run. */
  readonly recipe?: Recipe;
  readonly data?: DatasetSource;
  readonly isResumed?: boolean;
  /** Ends, as if stopped, when the run has so many steps. */
  readonly maxSteps?: number;
  /** For the settings in samples. */
  readonly appVersion: string;
}

/** A run under way. What changes from step to step is not readonly. */
export interface Run {
  readonly runtime: Runtime;
  readonly precision: FloatDType;
  readonly folder: string;
  readonly recipe: Recipe;
  readonly data: SplitDataset;
  readonly log: RunLog;
  readonly maxSteps: number;
  readonly appVersion: string;
  readonly isResumed: boolean;
  readonly stateClock: StateClock;
  readonly unlock: () => void;
  position: Position;
  skippedInRow: number;
  best: SavedState['best'];
  /** The last state on the disk. */
  found: FoundState | undefined;
  /** Whether its start was told. */
  isTold: boolean;
}

const BEGINNING: Position = { stage: 0, stageStep: 0, step: 0, seen: 0, rank: 0, worldSize: 1 };

/** Throws `bad-usage` for what cannot be, `disk` and `bad-file` for a folder or state that cannot be used. */
export async function openRun(runtime: Runtime, options: RunOptions, listen: Listener): Promise<Run> {
  const { folder } = options;
  const known = options.isResumed ? openRunFolder(folder) : undefined;
  const recipe = known
    ? sameRecipe(folder, known.recipe, options.recipe)
    : required(options.recipe, 'a recipe');
  const source = known?.info.data ?? required(options.data, 'data');
  const precision = precisionOf(recipe, runtime);
  if (known) requireSameDevice(folder, known.info, runtime, precision);
  const dataset = await openDataset(source);
  const pictures = dataset.length;
  const info = {
    version: 1,
    data: source,
    pictures,
    device: runtime.device,
    precision,
    startedAt: Date.now(),
  } as const;
  if (known) requireSamePictures(folder, known.info, pictures);
  else createRun(folder, recipe, info);
  const unlock = lockRun(folder);
  try {
    discardUnfinished(folder);
    const state = known && findState(folder);
    const log = new RunLog(join(folder, RUN_FILES.log), listen);
    const saved = state?.found.state;
    for (const detail of state?.damaged ?? []) {
      log.record({ kind: 'warning', step: saved!.position.step, warning: 'state', detail });
    }
    return {
      runtime,
      precision,
      folder,
      recipe,
      data: splitDataset(dataset, recipe.validation.pictures, recipe.seed),
      log,
      maxSteps: options.maxSteps ?? Infinity,
      appVersion: options.appVersion,
      isResumed: known !== undefined,
      stateClock: new StateClock(),
      unlock,
      position: saved?.position ?? BEGINNING,
      skippedInRow: saved?.skippedInRow ?? 0,
      best: saved?.best ?? null,
      found: state?.found,
      isTold: false,
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

export function closeRun({ unlock }: Run): void {
  unlock();
}

function precisionOf({ precision }: Recipe, runtime: Runtime): FloatDType {
  return precision === 'auto' ? runtime.precision : precision;
}

function required<T>(value: T | undefined, what: string): T {
  if (value !== undefined) return value;
  throw new HdmError('bad-usage', 'training', `a new run needs ${what}`);
}

/** A run goes on with its own recipe; another one would be another run. */
function sameRecipe(folder: string, own: Recipe, given: Recipe | undefined): Recipe {
  if (given === undefined || isDeepStrictEqual(withoutModel(given), withoutModel(own))) return own;
  const keys = Object.keys(own) as (keyof Recipe)[];
  const other = keys.filter((key) => !isDeepStrictEqual(given[key], own[key]));
  const problem = `the recipe is not the one of the run: ${other.map((key) => `"${key}"`).join(', ')} differ`;
  const advice =
    'Leave it out to go on as before, or start a new run from a checkpoint with the method "continue"';
  throw new HdmError('bad-usage', folder, problem, advice);
}

/** Where the model lies may be said otherwise: on the command line, or not again. */
function withoutModel({ model: { path: _path, ...model }, ...rest }: Recipe): object {
  return { ...rest, model };
}

function requireSameDevice(folder: string, info: RunInfo, runtime: Runtime, precision: FloatDType): void {
  if (info.device === runtime.device && info.precision === precision) return;
  const problem = `it was trained on ${info.device} in ${info.precision}, now it would be ${runtime.device} in ${precision}`;
  const advice = `Add --device ${info.device}, or start a new run from a checkpoint with the method "continue"`;
  throw new HdmError('bad-usage', folder, problem, advice);
}

function requireSamePictures(folder: string, info: RunInfo, pictures: number): void {
  if (info.pictures === pictures) return;
  const problem = `its dataset had ${info.pictures} pictures and has ${pictures} now, so its batches would be others`;
  const advice = 'Bring the pictures back, or start a new run from a checkpoint with the method "continue"';
  throw new HdmError('bad-usage', folder, problem, advice);
}
