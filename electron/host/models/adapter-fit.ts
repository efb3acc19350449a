/** @file Which adapters were made for the models that are here. Headers are enough to tell. */
import type { Checkpoint } from '../../../engine/checkpoints/checkpoint.ts';
import { HdmError } from '../../../engine/errors.ts';
import { countChanges, outlineAdapter } from '../../../engine/weights/adapters.ts';
import { problemText } from './inspect.ts';

const ADVICE = 'Use an adapter that was trained for HDM, or import the model it was made for first';

export class AdapterFit {
  readonly #known = new Map<string, { readonly key: unknown[]; readonly problem: string | undefined }>();

  /** Throws `bad-model` naming the first layer when no model here has any of them. Without models, all pass. */
  requireLayers(path: string, models: readonly Checkpoint[]): void {
    if (models.length === 0 || models.some((model) => changes(path, model) !== 0)) return;
    const { layers } = outlineAdapter(path);
    const first = `the first is "${layers[0]?.slice(0, 100)}"`;
    const problem = `none of its ${layers.length} layers is in a model here (${first})`;
    throw new HdmError('bad-model', path, problem, ADVICE);
  }

  /** Why none of the models can use it; undefined when one can. `version` changes with the file. */
  problemOf(path: string, version: unknown, models: readonly Checkpoint[]): string | undefined {
    const key = [version, ...models];
    const known = this.#known.get(path);
    if (known && isEqual(known.key, key)) return known.problem;
    const problem = problemWith(path, models);
    this.#known.set(path, { key, problem });
    return problem;
  }
}

/** Weights that it changes; an error where it has the wrong shape for one. */
function changes(path: string, model: Checkpoint): number | HdmError {
  try {
    return countChanges(path, model.transformer.weights);
  } catch (error) {
    if (error instanceof HdmError) return error;
    throw error;
  }
}

function problemWith(path: string, models: readonly Checkpoint[]): string | undefined {
  const results = models.map((model) => changes(path, model));
  if (results.some((result) => typeof result === 'number' && result > 0)) return undefined;
  const misfit = results.find((result) => result instanceof HdmError);
  return misfit ? problemText(misfit, path) : `No model here has its layers. ${ADVICE}.`;
}

/** A checkpoint is the same object until its files change. */
function isEqual(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
