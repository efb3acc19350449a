/**
 * @file What a run will take, from steps that were really done: of every stage four, of which the first compiles and the
 * middle one of the others counts; of sizes that take turns two rounds, of which the mean of the second counts. Nothing is
 * kept of them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HdmError } from '../../errors.ts';
import type { FloatDType } from '../../graph/dtype.ts';
import { count } from '../../graph/shape.ts';
import { median } from '../../median.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { openDataset, type DatasetSource } from '../data/dataset.ts';
import type { Recipe, Stage } from '../recipe.ts';
import { linkFolder, writeCheckpoint } from './checkpoint.ts';
import { RUN_FILES } from './folder.ts';
import { splitDataset } from './held-out.ts';
import { storeLatentStatistics } from './latent-statistics.ts';
import { openSession, type Session } from './session.ts';
import { trainStep, type StepResult } from './step.ts';
import { validate } from './validation.ts';

export interface StageEstimate {
  readonly stage: number;
  readonly size: number;
  readonly steps: number;
  readonly stepMs: number;
  readonly validationMs: number;
  readonly imagesPerSecond: number;
  readonly totalMs: number;
  readonly parameters: number;
  readonly stateBytes: number;
  readonly checkpointBytes: number;
}

export interface RunEstimate {
  readonly device: string;
  readonly precision: FloatDType;
  readonly stages: readonly StageEstimate[];
  readonly totalMs: number;
  /** Largest memory of this process while it was measured; a GPU's own is not seen from here. */
  readonly peakMemoryBytes: number;
  readonly diskBytes: number;
}

const STATES = 3; // two generations, and the one being written
const MEASURED = 4;

/** How many steps are measured, and how many of them only compile. */
function measuredSteps({ turns, accumulation }: Stage): { readonly all: number; readonly compiling: number } {
  if (!turns) return { all: MEASURED, compiling: 1 };
  const round = Math.ceil(turns.length / accumulation);
  return { all: 2 * round, compiling: round };
}

/** Measures every stage. Errors as `trainRun`, found before any time was spent; `cancelled` after the signal. */
export async function estimateRun(
  runtime: Runtime,
  recipe: Recipe,
  data: DatasetSource,
  note: (text: string) => void,
  signal?: AbortSignal,
): Promise<RunEstimate> {
  const precision = recipe.precision === 'auto' ? runtime.precision : recipe.precision;
  const split = splitDataset(await openDataset(data), recipe.validation.pictures, recipe.seed);
  const folder = mkdtempSync(join(tmpdir(), 'hdm-train-'));
  try {
    const stages: StageEstimate[] = [];
    for (const [stage, settings] of recipe.stages.entries()) {
      note(`measuring stage ${stage + 1} of ${recipe.stages.length}`);
      const position = { stage, rank: 0, worldSize: 1 };
      const mostCached = measuredSteps(settings).all * settings.batch * settings.accumulation;
      const options = { runtime, precision, recipe, data: split, folder, position, mostCached };
      const session = await openSession(options);
      stages.push(await measureStage(session, stage).finally(() => session.close()));
    }
    const largest = (key: 'stateBytes' | 'checkpointBytes'): number =>
      Math.max(...stages.map((each) => each[key]));
    const kept = recipe.saving.keepLast + 1 + (recipe.saving.keepBest ? 1 : 0);
    return {
      device: runtime.device,
      precision,
      stages,
      totalMs: stages.reduce((sum, { totalMs }) => sum + totalMs, 0),
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
      diskBytes: STATES * largest('stateBytes') + kept * largest('checkpointBytes'),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }

  async function measureStage(session: Session, stage: number): Promise<StageEstimate> {
    const estimate = await measure(session, recipe, stage, signal);
    if (session.stage.trains === 'vae') await keepVae(runtime, precision, folder, recipe, session);
    return estimate;
  }
}

/** The next stages need an autoencoder, be it a bad one. */
async function keepVae(
  runtime: Runtime,
  precision: FloatDType,
  folder: string,
  recipe: Recipe,
  { stage, model, learner, loader }: Session,
): Promise<void> {
  const draft = join(folder, 'draft');
  await writeCheckpoint(draft, { recipe, stage, model, learner, step: 0 }, async (unfinished) => {
    await storeLatentStatistics(runtime, precision, unfinished, loader);
  });
  linkFolder(join(draft, 'vae'), join(folder, RUN_FILES.parts, 'vae'));
}

async function measure(
  session: Session,
  recipe: Recipe,
  stage: number,
  signal: AbortSignal | undefined,
): Promise<StageEstimate> {
  const { steps, learner, heldOut } = session;
  const { all, compiling } = measuredSteps(session.stage);
  const results: StepResult[] = [];
  for (let stageStep = 0; stageStep < all; stageStep++) {
    if (signal?.aborted) throw new HdmError('cancelled', 'training', 'the measurement was stopped');
    const position = { stage, stageStep, step: stageStep, seen: 0, rank: 0, worldSize: 1 };
    results.push(await trainStep(session, position, recipe));
  }
  const counted = results.slice(compiling);
  const times = counted.map((result) => result.stepMs);
  const images = mean(counted.map((result) => result.images));
  const stepMs = session.stage.turns ? mean(times) : median(times);
  const validationMs =
    heldOut.length === 0 ? 0 : await timed(() => validate(learner, heldOut, recipe.validation.times));
  const parameters = [...learner.trainer.shapes.values()].reduce((sum, shape) => sum + count(shape), 0);
  return {
    stage,
    size: session.stage.size,
    steps,
    stepMs,
    validationMs,
    imagesPerSecond: (images * 1000) / stepMs,
    totalMs: steps * stepMs + Math.floor(steps / recipe.validation.everySteps) * validationMs,
    parameters,
    stateBytes: parameters * learner.trainer.remembered.length * Float32Array.BYTES_PER_ELEMENT,
    checkpointBytes: parameters * Uint16Array.BYTES_PER_ELEMENT,
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The second time counts: the first one compiles. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  await work();
  const started = performance.now();
  await work();
  return performance.now() - started;
}
