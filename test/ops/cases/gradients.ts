/** @file The gradients of a case: of a loss in which every number of the result has a weight of its own. */
import { gradients } from '../../../engine/gradient.ts';
import { isFloat } from '../../../engine/graph/dtype.ts';
import type { Graph, Tensor } from '../../../engine/graph/graph.ts';
import { mul } from '../../../engine/ops/elementwise.ts';
import { sum } from '../../../engine/ops/reduce.ts';
import type { Values } from '../../../engine/runtime/runtime.ts';
import { buildCase, dataOf, float, valuesOf, type Case } from './case.ts';

/** `inputs` are those that the loss can depend on. */
export function buildLoss(example: Case): {
  graph: Graph;
  result: Tensor;
  loss: Tensor;
  inputs: Tensor[];
  values: Values;
} {
  const { graph, inputs, result } = buildCase(example);
  const values = valuesOf(example);
  if (!isFloat(result.dtype)) return { graph, result, loss: result, inputs: [], values };
  const probe = graph.input('probe', 'f32', result.shape);
  const loss = sum(
    mul(result, probe),
    result.shape.map((_, axis) => axis),
  );
  const floats = inputs.filter(({ dtype }) => isFloat(dtype));
  return {
    graph,
    result,
    loss,
    inputs: floats,
    values: { ...values, probe: dataOf(float(result.shape), 9) },
  };
}

/** Its outputs are the gradients: `to x` is that of the input x. */
export function withGradients(example: Case): { graph: Graph; values: Values } {
  const { graph, loss, inputs, values } = buildLoss(example);
  const nameOf = (tensor: Tensor): string => [...graph.inputs].find(([, input]) => input === tensor)![0];
  gradients(loss, inputs).forEach((gradient, index) =>
    graph.output(`to ${nameOf(inputs[index]!)}`, gradient),
  );
  return { graph, values };
}
