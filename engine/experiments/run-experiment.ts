/**
 * @file An experiment from its first training to its results. What is done already is not done again: a finished run
 * is known by its log, an unfinished one goes on from its last state, an evaluation has a file. All of it lies in one
 * folder, which experiments may share.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { openCheckpoint } from '../checkpoints/checkpoint.ts';
import { readJson } from '../checkpoints/tensors.ts';
import { HdmError, toHdmError } from '../errors.ts';
import type { EvaluationOptions, EvaluationProgress } from '../eval/evaluate.ts';
import { writeWhole } from '../image/save.ts';
import { openPipeline, type Pipeline } from '../pipeline/pipeline.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { newestCheckpoint } from '../training/run/checkpoint.ts';
import type { TrainingEvent } from '../training/run/events.ts';
import { isRun, openRunFolder, RUN_FILES } from '../training/run/folder.ts';
import { readLog } from '../training/run/log.ts';
import { RunRequests } from '../training/run/requests.ts';
import { trainRun } from '../training/run/run.ts';
import type { Experiment } from './document.ts';
import { autoencoderName, hashOf, jobsOf, type Job } from './jobs.ts';
import { scoreOf, trainingOf } from './measure-run.ts';
import type { Results } from './results.ts';
import { scoreSchema, type RunResult, type Score } from './run-result.ts';

export interface ExperimentOptions {
  /** Of all its runs and scores. */
  readonly folder: string;
  readonly seeds: number;
  /** File or folder of the autoencoder; without one it is the recipe's own. */
  readonly vaePath?: string | undefined;
  /** For the settings in samples. */
  readonly appVersion: string;
}

export interface ExperimentHooks {
  /** Ends the work after the step or picture under way; `runExperiment` then throws `cancelled`. */
  readonly signal: AbortSignal;
  /** Before each run, done already or not. */
  readonly onJob?: (job: Job, number: number, of: number) => void;
  readonly onEvent?: (event: TrainingEvent) => void;
  readonly onPicture?: (evaluation: string, progress: EvaluationProgress) => void;
}

const INSIDE = { runs: 'runs', scores: 'scores' } as const;

/**
 * Trains and evaluates what is missing. Throws `cancelled` when its signal ended it, and whatever training and drawing
 * throw; what was done is kept.
 */
export async function runExperiment(
  runtime: Runtime,
  experiment: Experiment,
  options: ExperimentOptions,
  hooks: ExperimentHooks,
): Promise<Results> {
  const { folder, seeds, vaePath } = options;
  makeFolders(folder);
  const jobs = jobsOf(experiment, { seeds, vaePath, device: runtime.device });
  const runs: RunResult[] = [];
  for (const [index, job] of jobs.entries()) {
    hooks.onJob?.(job, index + 1, jobs.length);
    const run = join(folder, INSIDE.runs, job.folder);
    if (!isFinished(run, job)) await train(runtime, run, job, options, hooks);
    discardScaffold(run);
    const scores = await evaluations(runtime, run, job, experiment, options, hooks);
    const { variant, seed } = job;
    runs.push({ variant, seed, folder: job.folder, ...trainingOf(run), scores });
  }
  return {
    version: 1,
    name: experiment.name,
    finishedAt: new Date().toISOString(),
    device: runtime.device,
    precision: openRunFolder(join(folder, INSIDE.runs, jobs[0]!.folder)).info.precision,
    autoencoder: autoencoderName(jobs[0]!.recipe),
    seeds,
    document: experiment.document,
    runs,
  };
}

function makeFolders(folder: string): void {
  try {
    for (const inside of Object.values(INSIDE)) mkdirSync(join(folder, inside), { recursive: true });
  } catch (error) {
    throw toHdmError(error, folder, 'disk');
  }
}

/** Throws `bad-usage` when the folder holds another run. */
function isFinished(run: string, { recipe }: Job): boolean {
  if (!isRun(run)) return false;
  if (!isDeepStrictEqual(openRunFolder(run).recipe, recipe)) {
    const problem = 'the run in it has another recipe than its name says';
    throw new HdmError('bad-usage', run, problem, 'Remove it, or choose another folder with --out');
  }
  return readLog(join(run, RUN_FILES.log)).some((event) => event.kind === 'ended' && event.reason === 'done');
}

async function train(
  runtime: Runtime,
  run: string,
  { recipe, data }: Job,
  { appVersion }: ExperimentOptions,
  { signal, onEvent }: ExperimentHooks,
): Promise<void> {
  const requests = new RunRequests();
  const leave = (): void => requests.ask('leave');
  signal.addEventListener('abort', leave);
  if (signal.aborted) leave();
  try {
    const known = { folder: run, isResumed: isRun(run), appVersion };
    const { reason } = await trainRun(runtime, { ...known, recipe, data }, requests, onEvent);
    if (reason === 'stopped') throw new HdmError('cancelled', run, 'stopped', 'Start it again to go on');
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** What only a run that goes on needs: many times the size of its model. */
function discardScaffold(run: string): void {
  for (const inside of [RUN_FILES.state, RUN_FILES.latents]) {
    rmSync(join(run, inside), { recursive: true, force: true });
  }
}

/** The scores of a run by the names of the evaluations. */
async function evaluations(
  runtime: Runtime,
  run: string,
  job: Job,
  { evaluations }: Experiment,
  { folder }: ExperimentOptions,
  hooks: ExperimentHooks,
): Promise<Record<string, Score>> {
  const places = [...evaluations].map(([name, asked]) => {
    return { name, asked, path: join(folder, INSIDE.scores, `${job.folder}-${hashOf(asked)}.json`) };
  });
  const missing = places.filter(({ path }) => !existsSync(path));
  if (missing.length > 0) {
    const pipeline = await openPipeline(runtime, openCheckpoint(newestCheckpoint(run)));
    try {
      for (const { name, asked, path } of missing) await measure(pipeline, name, asked, path, hooks);
    } finally {
      await pipeline.dispose();
    }
  }
  return Object.fromEntries(places.map(({ name, path }) => [name, readJson(path, scoreSchema)]));
}

async function measure(
  pipeline: Pipeline,
  name: string,
  asked: EvaluationOptions,
  path: string,
  { signal, onPicture }: ExperimentHooks,
): Promise<void> {
  const score = await scoreOf(pipeline, asked, {
    signal,
    onProgress: (progress) => onPicture?.(name, progress),
  });
  await writeWhole(path, Buffer.from(`${JSON.stringify(score)}\n`));
}
