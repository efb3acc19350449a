/** @file Training runs that were never trained, the same in every test: for what is looked at. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Score, TrainingPlan } from '../../electron/contract.ts';
import { fromPixels } from '../../engine/image/pixels.ts';
import { readPicture } from '../../engine/training/data/pictures.ts';
import type { TrainingEvent } from '../../engine/training/run/events.ts';
import type { Prepared } from './data.ts';

/** 1 March 2026, noon in UTC. */
const FIRST_MOMENT = 1_772_366_400_000;
const STEP_MS = 420;
const SIDE = 128;
const PROMPTS = ['a large red circle on a blue background', 'two green triangles beside a yellow star'];

export const MADE_UP_RUNS = ['Quiet watercolours', 'First try'] as const;

/** One that was interrupted at 1200 of 2000 steps, and an older one that is done. */
export async function addMadeUpRuns({ database, places }: Prepared): Promise<void> {
  const states = ['interrupted', 'done'] as const;
  for (const [index, name] of MADE_UP_RUNS.entries()) {
    const folder = join(places.runs, name);
    mkdirSync(join(folder, 'samples'), { recursive: true });
    const steps = index === 0 ? 1200 : 2000;
    const events = [...eventsOf(steps, index)];
    for (const event of events)
      if (event.kind === 'sample') await writeSample(join(folder, event.file), event.step);
    writeFileSync(join(folder, 'log.jsonl'), `${events.map((event) => JSON.stringify(event)).join('\n')}\n`);
    const row = [`made-up-run-${index}`, JSON.stringify(planOf(name)), 'lokr', folder, states[index]!];
    const progress = JSON.stringify(progressOf(steps, index === 0));
    database
      .prepare(
        'INSERT INTO runs (id, plan, method, folder, state, progress, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
      )
      .run(...row, progress, FIRST_MOMENT - index * 1000);
  }
}

function planOf(name: string): TrainingPlan {
  const stage = { trains: 'denoiser', steps: 2000, batch: 4, size: 256, learningRate: 0.05 } as const;
  const settings = { stages: [stage], rank: 16, prompts: PROMPTS, sampleEvery: 100, saveEvery: 400, seed: 0 };
  return { name, recipeId: 'lokr', source: { kind: 'toy', seed: 0, count: 100_000 }, settings };
}

function* eventsOf(steps: number, seed: number): Generator<TrainingEvent> {
  let at = FIRST_MOMENT;
  const start = {
    device: 'webgpu',
    precision: 'f16',
    isResumed: false,
    totalSteps: 2000,
    parameters: 1_843_200,
  };
  yield { kind: 'started', step: 0, at, ...start };
  yield { kind: 'rehearsed', step: 0, at: at + 900, tensors: 412, ms: 2300 };
  for (let step = 1; step <= steps; step++) {
    at += STEP_MS;
    const noise = wave(step * 12.9898 + seed);
    const isSkipped = step === 317;
    yield {
      ...{ kind: 'step', at, step, stage: 0, loss: lossAt(step) * (1 + 0.25 * noise), lossScale: 65_536 },
      norm: isSkipped ? null : 0.4 + 14 / (step + 20) + 0.15 * Math.abs(noise),
      learningRate: 0.05 * Math.min(1, step / 200) * (0.55 + 0.45 * Math.cos((Math.PI * step) / 2000)),
      ...{ stepMs: STEP_MS - 20 + 15 * noise, waitedMs: 6 + 5 * noise, images: 4, seen: step * 4 },
      memoryBytes: 5.1e9 + 8e7 * noise,
    };
    if (isSkipped) yield { kind: 'warning', at, step, warning: 'overflow', detail: '1 update was skipped' };
    if (step % 100 !== 0) continue;
    const bands = [0.1, 0.3, 0.5, 0.7, 0.9].map((t, i) => ({
      ...{ from: t - 0.1, to: t + 0.1, loss: lossAt(step) * (1.5 - 0.22 * i) },
    }));
    yield { kind: 'validation', at, step, loss: lossAt(step) * 1.04, bands };
    for (const [i, prompt] of PROMPTS.entries()) {
      yield { kind: 'sample', at, step, prompt, seed: i, file: `samples/${step}-${i}.webp` };
    }
    if (step % 400 !== 0) continue;
    const folder = `checkpoints/step-${step}`;
    yield {
      kind: 'checkpoint',
      at,
      step,
      folder,
      change: 3.2 / (step / 400),
      sizeBytes: 7_400_000,
      isBest: true,
    };
  }
}

function progressOf(step: number, isInterrupted: boolean) {
  const checkpoints = Array.from({ length: Math.floor(step / 400) }, (_, i) => ({
    ...{ step: (i + 1) * 400, sizeBytes: 7_400_000, change: 3.2 / (i + 1), isBest: (i + 1) * 400 === step },
    savedAt: FIRST_MOMENT + (i + 1) * 400 * STEP_MS,
  }));
  return {
    ...{
      step,
      device: 'webgpu',
      precision: 'f16',
      parameters: 1_843_200,
      loss: 0.2841,
      validationLoss: 0.2794,
    },
    ...{ imagesPerSecond: 9.6, memoryBytes: 5.1e9, rehearsed: { tensors: 412, seconds: 2.3 }, checkpoints },
    scores: [scoreOf(400, 0.4), scoreOf(800, 0.7)],
    warnings: isInterrupted ? [{ warning: 'overflow', step: 317, detail: '1 update was skipped' }] : [],
  };
}

/** Of a checkpoint that draws so much of everything right. */
function scoreOf(step: number, share: number): Score {
  const of = 24;
  const rightOf = (part: number) => ({ right: Math.round(of * part), of });
  const category = (part: number) => ({
    all: rightOf(share * part),
    properties: { background: rightOf(1), color: rightOf((1 + share * part) / 2), kind: rightOf(share) },
  });
  return {
    ...{ step, scoredAt: FIRST_MOMENT + step * STEP_MS, device: 'webgpu' },
    categories: { one: category(1), small: category(0.8), two: category(0.5), world: category(0.6) },
    camera: { x: 1 - share / 10, y: 0.97, zoom: null },
  };
}

function lossAt(step: number): number {
  return 0.26 + 0.9 / (1 + step / 45);
}

/** -1 to 1, without a pattern that an eye finds. */
function wave(x: number): number {
  const value = Math.sin(x) * 43_758.5453;
  return 2 * (value - Math.floor(value)) - 1;
}

async function writeSample(file: string, number: number): Promise<void> {
  const view = { width: SIDE, height: SIDE, left: 0, top: 0, partWidth: SIDE, partHeight: SIDE };
  await fromPixels(await readPicture({ kind: 'toy', seed: 5, number }, view))
    .webp()
    .toFile(file);
}
