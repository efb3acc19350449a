/** @file AdamW with a learning rate per tensor, and how the rate changes over a run. */
import { z } from 'zod';
import { Graph, type Tensor } from '../graph/graph.ts';
import { count } from '../graph/shape.ts';
import { add, div, like, mul, sqrt, sub } from '../ops/elementwise.ts';
import { variableName, variableOf, type Shapes } from './variables.ts';

/** Settings of AdamW (Loshchilov & Hutter 2019), with the values of the report's first stage as defaults. */
export const optimizerSettings = z.object({
  /** Before it is divided by each tensor's fan-in (report §4.2: muP with base width 1). */
  learningRate: z.number().positive().default(0.5),
  betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).default([0.9, 0.98]),
  weightDecay: z.number().nonnegative().default(0.02),
  epsilon: z.number().positive().default(1e-8),
  /** Largest norm of all gradients together. */
  clip: z.number().positive().default(3),
  /** Steps over which the rate rises from 0. */
  warmUp: z.int().nonnegative().default(1000),
  /** What remains of the rate at the end of its cosine; 1: it stays. */
  final: z.number().min(0).max(1).default(0.01),
});

export type OptimizerSettings = z.infer<typeof optimizerSettings>;

/** The scalars that one update needs; each is an input of the update's graph. */
export interface UpdateScalars {
  readonly learningRate: number;
  /** What gradients are multiplied by: undoes loss scale and accumulation, and clips. */
  readonly gradientScale: number;
  /** How many updates there were, this one included. */
  readonly updates: number;
  /** How far the running mean of the values moves; 1: it becomes them. */
  readonly averageRate: number;
}

/**
 * The graph of one AdamW update of every tensor: values, means and squares are variables and are assigned anew.
 * The learning rate of a tensor is that of the run over its fan-in.
 */
export function updateGraph(shapes: Shapes, settings: OptimizerSettings, hasAverages: boolean): Graph {
  const graph = new Graph();
  const [beta1, beta2] = settings.betas;
  const scalar = (name: string): Tensor => graph.input(name, 'f32', []);
  const [rate, gradientScale] = [scalar('rate'), scalar('gradientScale')];
  const [meanCorrection, epsilon] = [scalar('meanCorrection'), scalar('epsilon')];
  const averageRate = hasAverages ? scalar('averageRate') : undefined;

  for (const [name, shape] of shapes) {
    const of = (kind: Parameters<typeof variableOf>[1]): Tensor => variableOf(graph, kind, name, shape);
    const gradient = mul(of('gradient'), gradientScale);
    const ownRate = mul(rate, like(rate, 1 / fanIn(shape)));
    const nextMean = mix(of('mean'), beta1, gradient);
    const nextSquare = mix(of('square'), beta2, mul(gradient, gradient));
    // Numerator and denominator of Adam's step are both divided by the root of the square's correction.
    const step = div(mul(nextMean, mul(ownRate, meanCorrection)), add(sqrt(nextSquare), epsilon));
    const decay = sub(like(rate, 1), mul(ownRate, like(rate, settings.weightDecay)));
    const nextValue = sub(mul(of('value'), decay), step);

    graph.assign(variableName('mean', name), nextMean);
    graph.assign(variableName('square', name), nextSquare);
    graph.assign(variableName('value', name), nextValue);
    if (averageRate) {
      const average = of('average');
      graph.assign(variableName('average', name), add(average, mul(sub(nextValue, average), averageRate)));
    }
  }
  return graph;
}

/** The scalars as values of the graph's inputs; bias corrections are 1 / (1 - beta^updates). */
export function updateValues(
  { betas, epsilon }: OptimizerSettings,
  { learningRate, gradientScale, updates, averageRate }: UpdateScalars,
  hasAverages: boolean,
): Record<string, number> {
  const root = Math.sqrt(1 - betas[1] ** updates);
  return {
    rate: learningRate,
    gradientScale,
    meanCorrection: root / (1 - betas[0] ** updates),
    epsilon: epsilon * root,
    ...(hasAverages && { averageRate }),
  };
}

/** Rate of update number `update` (from 0) of `total`: linear warm-up, then a cosine down to the final part. */
export function learningRateAt(settings: OptimizerSettings, update: number, total: number): number {
  const { learningRate, warmUp, final } = settings;
  if (update < warmUp) return (learningRate * (update + 1)) / warmUp;
  const progress = Math.min(1, (update - warmUp) / Math.max(1, total - warmUp));
  return learningRate * (final + ((1 - final) * (1 + Math.cos(Math.PI * progress))) / 2);
}

/** Numbers that one output of a tensor is made of: a vector's length, else all axes but the first. */
export function fanIn(shape: readonly number[]): number {
  return shape.length > 1 ? count(shape.slice(1)) : (shape[0] ?? 1);
}

/** beta · x + (1 - beta) · y */
function mix(x: Tensor, beta: number, y: Tensor): Tensor {
  return add(mul(x, like(x, beta)), mul(y, like(y, 1 - beta)));
}
