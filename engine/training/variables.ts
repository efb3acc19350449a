/**
 * @file What training keeps on the device, by name. Every trained tensor NAME has a value, its gradient, and what the
 * optimizer remembers of it.
 */
import type { Graph, Tensor } from '../graph/graph.ts';
import type { FloatDType } from '../graph/dtype.ts';
import { cast } from '../ops/elementwise.ts';
import type { Weights } from '../weights/weights.ts';

/** The kinds of tensor that are kept for each trained one, all in float32 and of its shape. */
export const KINDS = {
  value: 'value',
  gradient: 'gradient',
  /** Running mean of the gradient (Adam's m), and of its square (v). */
  mean: 'mean',
  square: 'square',
  /** Running mean of the values (EMA). */
  average: 'average',
} as const;

export type Kind = keyof typeof KINDS;

/** The shapes of what is trained, by name. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

export function variableName(kind: Kind, name: string): string {
  return `${kind} ${name}`;
}

export function variableOf(graph: Graph, kind: Kind, name: string, shape: readonly number[]): Tensor {
  return graph.variable(variableName(kind, name), 'f32', shape);
}

/** Weights of a model that read the variables of one kind, converted to `precision` where they are used. */
export function variableWeights(
  graph: Graph,
  prefix: string,
  precision: FloatDType,
  kind: Kind = 'value',
): Weights {
  const scoped = (path: string): Weights => {
    const raw = (name: string, shape: readonly number[]): Tensor =>
      variableOf(graph, kind, `${prefix}${path}${name}`, shape);
    return {
      raw,
      get: (name, shape) => cast(raw(name, shape), precision),
      at: (next) => scoped(`${path}${next}.`),
    };
  };
  return scoped('');
}
