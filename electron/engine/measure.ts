/** @file What a run will cost: a few steps of each of its stages are really done, in a folder that is thrown away. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Runtime } from '../../engine/runtime/runtime.ts';
import type { Phase, StepEvent, TrainingEvent } from '../../engine/training/run/events.ts';
import { stepsOf, type Recipe } from '../../engine/training/recipe.ts';
import { PeakMemory } from './memory.ts';
import type { MeasuredCost, TrainTask } from './protocol.ts';
import { Training } from './training.ts';

/** The first ones of a stage warm up and do not count. */
const [STEPS, WARM_UP] = [6, 2];

export async function measureCost(
  task: TrainTask,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<MeasuredCost> {
  const { recipe } = task;
  const stages = recipe.stages.map(({ samples: _samples, ...stage }) => ({
    ...stage,
    steps: Math.min(STEPS, stepsOf(stage as Recipe['stages'][number])),
  }));
  const events: TrainingEvent[] = [];
  const memory = new PeakMemory();
  const training = new Training({ ...task, recipe: { ...recipe, stages } }, signal, (event) => {
    memory.sample();
    events.push(event);
  });
  await training.run(runtime);
  return {
    device: runtime.device,
    stages: recipe.stages.map((_, stage) => paceOf(events, stage, recipe)),
    memoryBytes: memory.read(),
    diskBytes: diskOf(events, task),
  };
}

function paceOf(
  events: readonly TrainingEvent[],
  stage: number,
  recipe: Recipe,
): { low: number; high: number } {
  const steps = events.filter((event) => event.kind === 'step' && event.stage === stage) as StepEvent[];
  const measured = steps.slice(Math.min(WARM_UP, steps.length - 1)).map(({ stepMs }) => stepMs / 1000);
  const { samples, saving, validation } = recipe;
  const [sampling, saved, validated] = (['sampling', 'saving', 'validating'] as const).map((phase) =>
    longest(events, phase),
  );
  const beside =
    (samples.prompts.length > 0 ? sampling! / samples.everySteps : 0) +
    (saved! + validated!) / saving.everySteps +
    validated! / validation.everySteps;
  return { low: Math.min(...measured), high: Math.max(...measured) + beside };
}

/** Seconds of a phase: until the next thing that another phase did. */
function longest(events: readonly TrainingEvent[], phase: Phase): number {
  const times = events.flatMap((event, i) => {
    if (event.kind !== 'phase' || event.phase !== phase) return [];
    const end = events.slice(i + 1).find(({ kind }) => ['phase', 'step', 'ended'].includes(kind));
    return end ? [(end.at - event.at) / 1000] : [];
  });
  return Math.max(0, ...times);
}

/** Checkpoints that are kept, one that is being written, the state and the one before it, samples. */
function diskOf(events: readonly TrainingEvent[], { folder, recipe }: TrainTask): number {
  const checkpoint = Math.max(
    0,
    ...events.map((event) => (event.kind === 'checkpoint' ? event.sizeBytes : 0)),
  );
  const kept = recipe.saving.keepLast + Number(recipe.saving.keepBest) + 1;
  const total = recipe.stages.reduce((sum, stage) => sum + stepsOf(stage), 0);
  const rounds = Math.ceil(total / recipe.samples.everySteps) + Math.ceil(total / recipe.saving.everySteps);
  const samples = (bytesIn(join(folder, 'samples')) / recipe.stages.length) * rounds;
  return Math.round(checkpoint * kept + 2 * bytesIn(join(folder, 'state')) + samples);
}

function bytesIn(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
