/** @file What a run will cost, as the window shows it. */
import type { Runtime } from '../../engine/runtime/runtime.ts';
import { estimateRun, type StageEstimate } from '../../engine/training/run/estimate.ts';
import { PeakMemory } from './memory.ts';
import type { MeasuredCost, TrainTask } from './protocol.ts';

/** Some steps of every stage are really done. Throws as `estimateRun`. */
export async function measureCost(
  task: TrainTask,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<MeasuredCost> {
  const { recipe, source } = task;
  const memory = new PeakMemory();
  const { device, stages, diskBytes } = await estimateRun(
    runtime,
    recipe,
    source,
    () => memory.sample(),
    signal,
  );
  const memoryBytes = memory.read();
  return {
    device,
    stages: stages.map((stage) => paceOf(stage, recipe.validation.everySteps)),
    memoryBytes,
    diskBytes,
  };
}

function paceOf(
  { stepMs, validationMs }: StageEstimate,
  validationEvery: number,
): { low: number; high: number } {
  return { low: stepMs / 1000, high: (stepMs + validationMs / validationEvery) / 1000 };
}
