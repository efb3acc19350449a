/** @file The numbers of one run: those of its training out of its log, those of its pictures by drawing them. */
import { join } from 'node:path';
import { HdmError } from '../errors.ts';
import { median } from '../median.ts';
import { evaluate, type EvaluationHooks, type EvaluationOptions, type Painter } from '../eval/evaluate.ts';
import type { Property } from '../eval/judge.ts';
import type { CategoryScore, Count } from '../eval/scores.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { RUN_FILES } from '../training/run/folder.ts';
import { readLog } from '../training/run/log.ts';
import type { RunResult, Score } from './run-result.ts';

/** Of the run in a folder. Throws `bad-file` when its log does not say them. */
export function trainingOf(run: string): Pick<RunResult, 'parameters' | 'steps' | 'trainMs' | 'curve'> {
  const path = join(run, RUN_FILES.log);
  const curve: RunResult['curve'] = [];
  let [steps, trainMs, parameters] = [0, 0, 0];
  for (const event of readLog(path)) {
    if (event.kind === 'started') parameters = event.parameters;
    if (event.kind === 'step') [steps, trainMs] = [event.step, trainMs + event.stepMs];
    if (event.kind === 'validation') curve.push({ step: event.step, ms: trainMs, loss: event.loss });
  }
  if (curve.length > 0 && parameters > 0) return { parameters, steps, trainMs, curve };
  const advice = 'Let the recipe hold out pictures, or remove the run and start again';
  throw new HdmError('bad-file', path, 'it tells of no validation loss', advice);
}

/** Draws and judges pictures. Errors as `evaluate`. */
export async function scoreOf(
  pipeline: Pipeline,
  options: EvaluationOptions,
  hooks: EvaluationHooks,
): Promise<Score> {
  let passes = 0;
  const times: number[] = [];
  const counting: Painter = {
    checkpoint: pipeline.checkpoint,
    async generate(request, inner) {
      const picture = await pipeline.generate(request, inner);
      passes += picture.cost.passes;
      times.push(picture.cost.denoiseMs);
      return picture;
    },
  };
  const { categories } = await evaluate(counting, options, hooks);
  const scores = Object.values(categories);
  return {
    all: total(scores.map(({ all }) => all)),
    properties: propertiesOf(scores),
    passes,
    pictureMs: median(times),
  };
}

function propertiesOf(scores: readonly CategoryScore[]): Score['properties'] {
  const entries = scores.flatMap(({ properties }) => Object.entries(properties)) as [Property, Count][];
  const counts = Map.groupBy(entries, ([property]) => property);
  return Object.fromEntries(
    [...counts].map(([property, found]) => [property, total(found.map(([, count]) => count))]),
  );
}

function total(counts: readonly Count[]): { right: number; of: number } {
  return counts.reduce((sum, { right, of }) => ({ right: sum.right + right, of: sum.of + of }), {
    right: 0,
    of: 0,
  });
}
