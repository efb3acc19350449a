/** @file One part of a model made into a program. */
import type { ModelPart } from '../checkpoints/checkpoint.ts';
import type { FloatDType } from '../graph/dtype.ts';
import { Graph, type Tensor } from '../graph/graph.ts';
import type { Program, Runtime } from '../runtime/runtime.ts';
import { graphWeights, type Weights } from '../weights/weights.ts';

/** Compiles what `build` adds to a graph; `adapt` may change each weight on its way in. */
export async function compilePart(
  runtime: Runtime,
  { weights }: ModelPart<unknown>,
  precision: FloatDType,
  build: (graph: Graph, weights: Weights) => void,
  adapt?: (name: string, weight: Tensor) => Tensor,
): Promise<Program> {
  const graph = new Graph();
  build(graph, graphWeights(graph, weights, precision, adapt));
  return runtime.compile(graph, weights);
}
