/** @file What the list shows of a run, from what it told. */
import type { Phase, TrainingEvent } from '../../../engine/training/run/events.ts';
import type { Run } from '../../contract.ts';
import type { RunLog } from './run-log.ts';
import { scoredAfter } from './scores.ts';
import type { RunProgress, StoredRun } from './store.ts';

/** Each event makes the next progress from the one before. */
export function progressAfter(before: RunProgress, event: TrainingEvent, log: RunLog): RunProgress {
  switch (event.kind) {
    case 'step': {
      const { step, loss, images, stepMs, memoryBytes } = event;
      const imagesPerSecond = stepMs > 0 ? (images / stepMs) * 1000 : undefined;
      return {
        ...before,
        step,
        loss,
        memoryBytes,
        ...(imagesPerSecond !== undefined && { imagesPerSecond }),
      };
    }
    case 'started': {
      const { step, device, precision, parameters } = event;
      return { ...before, step, device, precision, parameters, warnings: [] };
    }
    case 'validation':
      return { ...before, validationLoss: event.loss };
    case 'checkpoint':
    case 'removed':
      return { ...before, checkpoints: log.checkpoints.map(({ folder: _folder, ...rest }) => rest) };
    case 'rehearsed':
      return { ...before, rehearsed: { tensors: event.tensors, seconds: event.ms / 1000 } };
    case 'warning': {
      const { warning, step, detail } = event;
      const others = (before.warnings ?? []).filter((other) => other.warning !== warning);
      return { ...before, warnings: [...others, { warning, step, detail }] };
    }
    default:
      return before;
  }
}

/** What is known of a run while it is live. */
export interface Liveness {
  readonly phase: Phase | undefined;
  readonly log: RunLog;
}

export function toRun(stored: StoredRun, live: Liveness | undefined): Run {
  const { progress, ...rest } = stored;
  const { step = 0, checkpoints = [], scores = [], warnings = [], ...measured } = progress;
  const totalSteps = stored.plan.settings.stages.reduce((sum, { steps }) => sum + steps, 0);
  const pace = live?.log.pace.secondsPerStep;
  const left = Math.max(0, totalSteps - step);
  const after = scoredAfter(stored);
  return {
    ...rest,
    ...measured,
    ...{ step, totalSteps, checkpoints, scores, warnings },
    ...(after !== undefined && { scoredAfter: after }),
    ...(live?.phase && { phase: live.phase }),
    ...(pace && { secondsLeft: { low: pace.low * left, high: pace.high * left } }),
  };
}
