/** @file Runs that take seconds: a tiny model, toy scenes, few steps. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { onnxRuntime } from '../../../engine/runtime/onnx/runtime.ts';
import { xutConfig } from '../../../engine/models/xut-config.ts';
import { parseRecipe, type Method, type Recipe } from '../../../engine/training/recipe.ts';
import type { TrainingEvent } from '../../../engine/training/run/events.ts';
import type { RunOptions } from '../../../engine/training/run/open-run.ts';
import { RunRequests } from '../../../engine/training/run/requests.ts';
import { trainRun, type RunEnd } from '../../../engine/training/run/run.ts';
import { TINY_CONFIGS, writeTinyModel } from '../../helpers/tiny-model.ts';

// Graphs are compiled for each run, which a busy machine takes its time for.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

export const TOY = { kind: 'toy', seed: 0, count: 1000 } as const;

const TRANSFORMER = xutConfig.parse({ ...TINY_CONFIGS.transformer, depth: 1, dec_blocks: 1 });

/** Writes a model with one block of each kind, and returns its folder. */
export function tinyModel(folder: string): string {
  return writeTinyModel(join(folder, 'model'), { transformer: TRANSFORMER }).folder;
}

export function tinyRecipe(model: string, method: Method, changes: object = {}): Recipe {
  return parseRecipe({
    method,
    model: { path: model },
    stages: [
      {
        size: 64,
        steps: 20,
        batch: 2,
        context: 16,
        tread: 0.5,
        optimizer: { learningRate: 0.05, warmUp: 2 },
      },
    ],
    adapter: { rank: 2 },
    average: 0.9,
    validation: { pictures: 0 },
    saving: { everySteps: 1000 },
    ...changes,
  });
}

export interface Ran {
  readonly end: RunEnd;
  readonly events: readonly TrainingEvent[];
}

/** Trains in this process. `onEvent` may ask something of the run. */
export async function train(
  options: Omit<RunOptions, 'appVersion'>,
  onEvent: (event: TrainingEvent, requests: RunRequests) => void = () => {},
): Promise<Ran> {
  const events: TrainingEvent[] = [];
  const requests = new RunRequests();
  const end = await trainRun(onnxRuntime('cpu'), { ...options, appVersion: 'test' }, requests, (event) => {
    events.push(event);
    onEvent(event, requests);
  });
  return { end, events };
}

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));

/** Trains in another process, which is killed for good as soon as `isDue` says so; resolves when it is gone. */
export function trainAndKill(
  options: Omit<RunOptions, 'appVersion'>,
  isDue: (event: TrainingEvent) => boolean,
): Promise<NodeJS.Signals | null> {
  const child = spawn(process.execPath, [CHILD, JSON.stringify({ ...options, appVersion: 'test' })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let rest = '';
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop()!;
    const events = lines.map((line) => JSON.parse(line) as TrainingEvent);
    if (events.some(isDue)) child.kill('SIGKILL');
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (_code, signal) => resolve(signal));
  });
}
