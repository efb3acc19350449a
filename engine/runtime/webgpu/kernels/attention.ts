/** @file Attention and its gradients as kernels. Scores of all queries with all keys are never in memory at once. */
import type { Features, Kernel } from '../kernel.ts';
import { plainForward, plainToKeysAndValues, plainToQueries, rowProducts } from './attention-plain.ts';
import {
  attentionShapes,
  hasMatrixAttention,
  matrixForward,
  matrixToKeysAndValues,
  matrixToQueries,
  type AttentionShape,
} from './attention-matrices.ts';
import type { AttentionProblem } from './attention-problem.ts';

export type { AttentionProblem, Rows } from './attention-problem.ts';

/**
 * softmax(scale · q kᵀ + bias) v. Bindings: q, k, v, the bias if there is one, y [B, T, H, D], and with `sums` the
 * logarithms of the sums of powers, [B, H, T] in f32 (`attentionSums`), which the gradients need.
 */
export function attentionKernel(p: AttentionProblem, features: Features, sums = false): Kernel {
  const shape = shapeOf(p, 'forward', features);
  return shape ? matrixForward(p, sums, shape, features) : plainForward(p, sums, features);
}

export interface AttentionBackward {
  /** y, g, products: the sums of their products, [B, H, T] in f32, which both others need. */
  readonly products: Kernel;
  /** q, k, v, g, sums, products, the bias if there is one, and the gradient of q, [B, T, H, D]. */
  readonly toQueries: Kernel;
  /** The same inputs, and the gradients of k and v, [2, B, S, H, D]. */
  readonly toKeysAndValues: Kernel;
}

/** `g`, the gradient of y, lies in one piece, as y and all results do. */
export function attentionBackwardKernels(p: AttentionProblem, features: Features): AttentionBackward {
  const shape = shapeOf(p, 'backward', features);
  return {
    products: rowProducts(p, features),
    toQueries: shape ? matrixToQueries(p, shape, features) : plainToQueries(p, features),
    toKeysAndValues: shape ? matrixToKeysAndValues(p, shape, features) : plainToKeysAndValues(p, features),
  };
}

function shapeOf(
  p: AttentionProblem,
  kind: 'forward' | 'backward',
  features: Features,
): AttentionShape | undefined {
  return hasMatrixAttention(p, features) ? attentionShapes(p, kind, features)[0] : undefined;
}
