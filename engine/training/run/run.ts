/**
 * @file A training run from its first to its last step. The loop is here; what it calls lies beside it. Everything that
 * happens is told as an event (events.ts), everything asked for is answered between two steps (requests.ts), be they
 * rehearsed or trained.
 */
import { HdmError, toHdmError } from '../../errors.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { stepsOf, totalSteps } from '../recipe.ts';
import type { Phase, StepEvent } from './events.ts';
import type { Listener } from './log.ts';
import { closeRun, openRun, type Run, type RunOptions } from './open-run.ts';
import { rehearse } from './rehearsal.ts';
import { RunRequests } from './requests.ts';
import { keepState, saveCheckpoint, sampleNow, takeVae, tryCheckpoint } from './saving.ts';
import { openSession, type Session } from './session.ts';
import { restoreState } from './state.ts';
import { trainStep, type StepResult } from './step.ts';
import { validate } from './validation.ts';
import { warn } from './watch.ts';

export type RunEnd = { readonly reason: 'done' | 'stopped'; readonly step: number };

/** Updates skipped in a row after which nothing will come of it: with a loss scale it has first to come down. */
const MOST_SKIPPED = { scaled: 24, unscaled: 8 };

/**
 * Trains. Throws `bad-usage` before anything is written for what cannot be, later what stopped it; the last state is
 * then whole on the disk, and the log says why.
 */
export async function trainRun(
  runtime: Runtime,
  options: RunOptions,
  requests = new RunRequests(),
  listen: Listener = () => {},
): Promise<RunEnd> {
  const run = await openRun(runtime, options, listen);
  try {
    const reason = await trainStages(run, requests);
    run.log.record({ kind: 'ended', step: run.position.step, reason });
    return { reason, step: run.position.step };
  } catch (error) {
    tellFailure(run, toHdmError(error, 'training'));
    throw error;
  } finally {
    closeRun(run);
  }
}

/** The disk that stopped the run may refuse the log as well. */
function tellFailure({ log, position }: Run, { message }: HdmError): void {
  try {
    log.record({ kind: 'ended', step: position.step, reason: 'failed', detail: message });
  } catch {
    // The error itself is thrown on.
  }
}

async function trainStages(run: Run, requests: RunRequests): Promise<RunEnd['reason']> {
  for (;;) {
    const session = await beginStage(run, requests).catch((error: unknown) => {
      if (requests.isEnding && error instanceof HdmError && error.code === 'cancelled') return undefined;
      throw error;
    });
    if (!session) return 'stopped'; // the last state is that of the stage before
    try {
      const reason = await trainStage(run, session, requests);
      if (reason === 'stopped') return reason;
      if (run.position.stage + 1 === run.recipe.stages.length) return 'done';
    } finally {
      await session.close();
    }
  }
}

/** Opens the stage that the position says, or the next when that one is done. */
async function beginStage(run: Run, requests: RunRequests): Promise<Session> {
  const { stages } = run.recipe;
  const before = run.position;
  const isOver = before.stageStep === stepsOf(stages[before.stage]!) && before.stage + 1 < stages.length;
  if (isOver) run.position = { ...before, stage: before.stage + 1, stageStep: 0 };
  phase(run, 'opening');
  const session = await openSession(run, {
    onBegin: () => phase(run, 'encoding'),
    async mayGoOn() {
      await requests.gate.pass();
      return !requests.isEnding;
    },
  });
  try {
    await prepare(run, session, isOver ? stages[before.stage]!.trains === session.stage.trains : false);
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** Brings the trainer to where the run is. */
async function prepare(run: Run, session: Session, isInherited: boolean): Promise<void> {
  const { trainer } = session.learner;
  const isNew = run.position.stageStep === 0;
  if (isNew && isInherited) await restoreState(trainer, run.found!, true);
  if (isNew && !isInherited) run.best = null;
  if (isNew) await keepState(run, session);
  else await restoreState(trainer, run.found!);
  if (!run.isTold) tellStart(run, session);
}

/**
 * Proves that a step can be saved and done again. False when it was given up for what somebody asked: on a slow device
 * a step takes long, and nobody should wait for two.
 */
async function proveStep(run: Run, session: Session, requests: RunRequests): Promise<boolean> {
  phase(run, 'rehearsing');
  const { trainer } = session.learner;
  const restore = (): Promise<void> => restoreState(trainer, run.found!);
  const step = async (): Promise<number> => (await trainStep(session, run.position, run.recipe)).loss;
  const mayGoOn = async (): Promise<boolean> => {
    await requests.gate.pass();
    return !requests.isWaiting;
  };
  const rehearsal = await rehearse(trainer, restore, step, mayGoOn);
  if (!rehearsal) return false;
  if (run.position.stageStep === 0) await tryCheckpoint(run, session);
  run.log.record({ kind: 'rehearsed', step: run.position.step, ...rehearsal });
  return true;
}

function tellStart(run: Run, { learner }: Session): void {
  run.isTold = true;
  const sizes = [...learner.trainer.shapes.values()].map((shape) => shape.reduce((a, b) => a * b, 1));
  run.log.record({
    kind: 'started',
    step: run.position.step,
    device: run.runtime.device,
    precision: run.precision,
    isResumed: run.isResumed,
    totalSteps: totalSteps(run.recipe),
    parameters: sizes.reduce((a, b) => a + b, 0),
  });
}

async function trainStage(run: Run, session: Session, requests: RunRequests): Promise<'done' | 'stopped'> {
  let isProven = false;
  for (;;) {
    await requests.gate.pass();
    const end = await answer(run, session, requests);
    if (end === 'leave') {
      await keepState(run, session);
      return 'stopped';
    }
    const isStopped = end === 'stop' || run.position.step >= run.maxSteps;
    const isDone = run.position.stageStep === session.steps;
    if (isStopped || isDone) {
      await saveAll(run, session);
      if (isDone && session.stage.trains === 'vae') takeVae(run);
      return isDone ? 'done' : 'stopped';
    }
    if (!isProven) {
      isProven = await proveStep(run, session, requests);
      if (isProven && run.position.stageStep === 0) await validateNow(run, session); // what is to be beaten
      if (isProven) phase(run, 'training');
      continue; // somebody may have asked for something meanwhile
    }
    const result = await trainStep(session, run.position, run.recipe);
    run.position = {
      ...run.position,
      stageStep: run.position.stageStep + 1,
      step: run.position.step + 1,
      seen: run.position.seen + result.images * run.position.worldSize,
    };
    tellStep(run, session, result);
    await afterStep(run, session);
  }
}

/** What a recipe asks for at this step, and the state as often as it is cheap. */
async function afterStep(run: Run, session: Session): Promise<void> {
  const { validation, samples, saving } = run.recipe;
  const { step, stageStep } = run.position;
  const isDue = (every: number): boolean => step % every === 0 && stageStep < session.steps;
  if (isDue(saving.everySteps)) await saveAll(run, session);
  else if (isDue(validation.everySteps)) await validateNow(run, session);
  if (isDue(samples.everySteps) && !isDue(saving.everySteps)) await sampleNow(run, session);
  if (run.stateClock.isDue()) await keepState(run, session);
  if (isDue(saving.everySteps) || isDue(samples.everySteps)) phase(run, 'training');
}

/** A checkpoint with its validation loss and samples, and the state. */
async function saveAll(run: Run, session: Session): Promise<void> {
  if (run.position.stageStep === 0) return keepState(run, session);
  const loss = await validateNow(run, session);
  if (loss !== undefined && (run.best === null || loss < run.best.loss)) {
    run.best = { step: run.position.step, loss };
  }
  phase(run, 'saving');
  await saveCheckpoint(run, session);
  await keepState(run, session);
  await sampleNow(run, session);
}

async function validateNow(run: Run, { learner, heldOut, watch }: Session): Promise<number | undefined> {
  if (heldOut.length === 0) return undefined;
  phase(run, 'validating');
  const { loss, bands } = await validate(learner, heldOut, run.recipe.validation.times);
  run.log.record({ kind: 'validation', step: run.position.step, loss, bands: [...bands] });
  warn(run, watch.validation(loss));
  return loss;
}

/** Does what was asked for; returns how the run shall end, if it shall. */
async function answer(
  run: Run,
  session: Session,
  requests: RunRequests,
): Promise<'stop' | 'leave' | undefined> {
  let isPaused = false;
  for (let request = requests.take(); request || isPaused; request = requests.take()) {
    request ??= await requests.next();
    if (request === 'stop' || request === 'leave') return request;
    if (request === 'continue') isPaused = false;
    if (request === 'sample') await sampleNow(run, session);
    if (request === 'save') await saveAll(run, session);
    if (request === 'pause') {
      await keepState(run, session);
      isPaused = true;
    }
    phase(run, isPaused ? 'paused' : 'training');
  }
  return undefined;
}

function tellStep(run: Run, session: Session, result: StepResult): void {
  const { loss, norm, isUpdated, learningRate, stepMs, waitedMs, images } = result;
  const { learner, watch, stage } = session;
  const { lossScale, skipped } = learner.trainer.counters;
  run.skippedInRow = isUpdated ? 0 : run.skippedInRow + 1;
  const event: StepEvent = {
    kind: 'step',
    step: run.position.step,
    stage: run.position.stage,
    loss,
    norm: isUpdated ? norm : null,
    learningRate,
    lossScale,
    stepMs,
    waitedMs,
    images,
    seen: run.position.seen,
    memoryBytes: process.memoryUsage().rss,
  };
  if (Number.isFinite(loss)) run.log.record(event); // what is no number cannot be told as one
  warn(run, [
    ...(isUpdated ? watch.step(event) : watch.skipped(skipped)),
    ...watch.pictures(result.skipped),
    ...watch.captions(result.cut, stage.context),
  ]);
  const most = run.precision === 'f16' ? MOST_SKIPPED.scaled : MOST_SKIPPED.unscaled;
  if (run.skippedInRow < most) return;
  const problem = `${run.skippedInRow} updates in a row were skipped, as their gradients were no numbers`;
  const advice = 'Go on from an earlier checkpoint with a smaller learning rate, or in float32';
  throw new HdmError('bad-number', run.folder, problem, advice);
}

export function phase({ log, position }: Run, name: Phase): void {
  log.record({ kind: 'phase', phase: name, step: position.step });
}
