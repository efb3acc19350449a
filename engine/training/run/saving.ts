/** @file What a run writes: states, checkpoints that are read back, samples; and what it removes again. */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { HdmError } from '../../errors.ts';
import { convert } from '../../graph/dtype.ts';
import { isAdapterMethod } from '../recipe.ts';
import {
  folderBytes,
  linkFolder,
  writeCheckpoint,
  type CheckpointContent,
  type Finish,
} from './checkpoint.ts';
import { RUN_FILES, stepName, stepsIn, UNFINISHED } from './folder.ts';
import { storeLatentStatistics } from './latent-statistics.ts';
import type { Run } from './open-run.ts';
import { drawSamples } from './samples.ts';
import type { Session } from './session.ts';
import { saveState } from './state.ts';
import { warn } from './watch.ts';
import { checkpointBefore, readBack, requireOpens, valuesBefore, type Before } from './verify.ts';

/** Saves the state of this moment. */
export async function keepState(run: Run, { learner }: Session): Promise<void> {
  const started = performance.now();
  const { position, skippedInRow, best } = run;
  const saved = await saveState(run.folder, learner.trainer, { position, skippedInRow, best });
  run.found = saved;
  run.stateClock.saved(performance.now() - started, saved.sizeBytes);
}

/** Whether a checkpoint can be written and read back, before the time of training is spent on it. */
export async function tryCheckpoint(run: Run, session: Session): Promise<void> {
  await withDraft(run, session, (folder) => {
    readBack(folder, session.learner.trainer.shapes, () => undefined);
    return Promise.resolve();
  });
}

/** Writes the checkpoint of this step, reads it back, and removes those that are not to be kept. */
export async function saveCheckpoint(run: Run, session: Session): Promise<void> {
  const { step } = run.position;
  const home = join(run.folder, RUN_FILES.checkpoints);
  const folder = join(home, stepName(step));
  const before = valuesOfLast(run, session);
  if (!existsSync(folder)) await writeCheckpoint(folder, contentOf(run, session), finishing(run, session));
  const change = readBack(folder, session.learner.trainer.shapes, before);
  if (change === 0) {
    const advice = 'Give the recipe a larger learning rate, or more steps between two saves';
    throw new HdmError('bad-number', folder, 'training has changed nothing since the last save', advice);
  }
  if (session.stage.trains === 'denoiser' && !isAdapterMethod(run.recipe.method)) requireOpens(folder);
  const sizeBytes = folderBytes(folder);
  const isBest = run.best?.step === step;
  const name = `${RUN_FILES.checkpoints}/${stepName(step)}`;
  run.log.record({ kind: 'checkpoint', step, folder: name, change, sizeBytes, isBest });
  removeOld(run, home);
  warn(run, session.watch.disk(run.folder, sizeBytes));
}

/** Draws the prompts of the recipe with the weights of this step. */
export async function sampleNow(run: Run, session: Session): Promise<void> {
  const { prompts } = run.recipe.samples;
  if (prompts.length === 0 || session.stage.trains === 'vae') return;
  const { step } = run.position;
  run.log.record({ kind: 'phase', phase: 'sampling', step });
  const folder = join(run.folder, RUN_FILES.checkpoints, stepName(step));
  const draw = (checkpoint: string): Promise<void> =>
    drawSamples(checkpoint, { ...run, stage: session.stage, step }, (event) => run.log.record(event));
  if (existsSync(folder)) await draw(folder);
  else await withDraft(run, session, draw);
}

/** The autoencoder of the last checkpoint becomes a part of the run, which the next stages use. */
export function takeVae({ folder, position }: Run): void {
  const place = join(folder, RUN_FILES.parts, 'vae');
  const unfinished = `${place}${UNFINISHED}`;
  linkFolder(join(folder, RUN_FILES.checkpoints, stepName(position.step), 'vae'), unfinished);
  rmSync(place, { recursive: true, force: true });
  renameSync(unfinished, place);
}

function contentOf({ recipe, position }: Run, { stage, model, learner }: Session): CheckpointContent {
  return { recipe, stage, model, learner, step: position.step };
}

function finishing(run: Run, { stage, loader, watch }: Session): Finish {
  if (stage.trains === 'denoiser') return () => Promise.resolve();
  return async (folder) => {
    const noise = await storeLatentStatistics(run.runtime, run.precision, folder, loader);
    warn(run, watch.latents(noise));
  };
}

/** A checkpoint that nobody keeps. */
async function withDraft(run: Run, session: Session, use: (folder: string) => Promise<void>): Promise<void> {
  const folder = join(run.folder, RUN_FILES.checkpoints, `draft${UNFINISHED}`);
  rmSync(folder, { recursive: true, force: true });
  await writeCheckpoint(folder, contentOf(run, session));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Of the checkpoint before this one; at first, of the model that the stage began with. */
function valuesOfLast(run: Run, { learner }: Session): Before {
  const home = join(run.folder, RUN_FILES.checkpoints);
  const last = stepsIn(home).findLast((step) => step < run.position.step);
  const before = last === undefined ? undefined : checkpointBefore(join(home, stepName(last)));
  const [name] = learner.trainer.shapes.keys();
  if (before?.(name!)) return before; // else it is one of another kind of stage
  return valuesBefore(
    new Map([...learner.firstValues()].map(([name, value]) => [name, convert(value, 'f16')])),
  );
}

function removeOld(run: Run, home: string): void {
  const { keepLast, keepBest } = run.recipe.saving;
  const kept = keepBest && run.best ? [run.best.step] : [];
  for (const step of stepsIn(home).slice(0, -keepLast)) {
    if (kept.includes(step)) continue;
    rmSync(join(home, stepName(step)), { recursive: true, force: true });
    const folder = `${RUN_FILES.checkpoints}/${stepName(step)}`;
    run.log.record({ kind: 'removed', step, folder });
  }
}
