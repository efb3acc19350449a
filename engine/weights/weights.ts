/** @file How a model asks for its weights: by the names of the released files, with the shapes it expects. */
import { HdmError } from '../errors.ts';
import { isFloat, type FloatDType } from '../graph/dtype.ts';
import { Graph, type Tensor } from '../graph/graph.ts';
import { formatShape, sameShape } from '../graph/shape.ts';
import { cast } from '../ops/elementwise.ts';
import type { WeightSources } from '../runtime/runtime.ts';

export interface Weights {
  /** The weight `name` in the format of the computation. Throws `bad-model` when missing or of another shape. */
  get(name: string, shape: readonly number[]): Tensor;
  /** The weight in the format of the file: for tables of which a few rows are read. */
  raw(name: string, shape: readonly number[]): Tensor;
  /** The weights below `prefix`. */
  at(prefix: string | number): Weights;
}

/** Weights of a graph from `sources`, converted to `precision` where they are used. */
export function graphWeights(
  graph: Graph,
  sources: WeightSources,
  precision: FloatDType,
  adapt: (name: string, weight: Tensor) => Tensor = (_name, weight) => weight,
): Weights {
  return scoped('');

  function scoped(prefix: string): Weights {
    return {
      get: (name, shape) => {
        const weight = cast(read(prefix + name, shape), precision);
        return adapt(prefix + name, weight);
      },
      raw: (name, shape) => read(prefix + name, shape),
      at: (next) => scoped(`${prefix}${next}.`),
    };
  }

  function read(name: string, shape: readonly number[]): Tensor {
    const source = sources.get(name);
    if (!source) {
      const advice = 'The file is incomplete, or its config.json belongs to another model';
      throw new HdmError('bad-model', placeOf(sources), `the weight "${name}" is missing`, advice);
    }
    if (!isFloat(source.dtype)) {
      const problem = `expected floating-point numbers in the weight "${name}", got ${source.dtype}`;
      throw new HdmError('bad-model', placeOf(sources), problem, 'Use the model as f32, f16 or bf16');
    }
    if (!sameShape(source.shape, shape)) {
      const [expected, found] = [formatShape(shape), formatShape(source.shape)];
      const problem = `expected the weight "${name}" as ${expected} by the config, got ${found}`;
      throw new HdmError(
        'bad-model',
        placeOf(sources),
        problem,
        'Use the config.json that belongs to the file',
      );
    }
    return graph.weight(name, source.dtype, source.shape);
  }
}

/** The names and shapes of all weights that `build` asks for. */
export function declaredWeights(
  build: (graph: Graph, weights: Weights) => void,
): Map<string, readonly number[]> {
  const graph = new Graph();
  const declared = new Map<string, readonly number[]>();
  const scoped = (prefix: string): Weights => {
    const declare = (name: string, shape: readonly number[]): Tensor => {
      declared.set(prefix + name, shape);
      return graph.weight(prefix + name, 'f32', shape);
    };
    return { get: declare, raw: declare, at: (next) => scoped(`${prefix}${next}.`) };
  };
  build(graph, scoped(''));
  return declared;
}

/** For messages: the file of the weights. */
function placeOf(sources: WeightSources): string {
  const file = [...sources.values()].find(({ place }) => place.kind === 'file')?.place;
  return file?.kind === 'file' ? file.path : 'weights in memory';
}
