/** @file The oracle: computes a graph op by op in float64, from the reference rule of each op. Slow. */
import { HdmError } from '../errors.ts';
import { evaluateShape, count } from '../graph/shape.ts';
import { fromNumbers, toFloat64, type TensorData } from '../graph/dtype.ts';
import { expandGraph, type Graph, type Tensor } from '../graph/graph.ts';
import { isComposite, type Primitive, type ReferenceValue } from '../graph/op.ts';
import { bindSizes } from './bind.ts';
import type { Values } from './runtime.ts';

/** Values of the outputs of `graph` in float64; `weights` holds those of the variables, too. */
export function evaluateGraph(
  graph: Graph,
  inputs: Values,
  weights: Values = {},
): Map<string, ReferenceValue> {
  const expanded = expandGraph(graph, () => false);
  const sizes = bindSizes(expanded, inputs, (name) => weights[name]);
  const given = new Map<Tensor, TensorData>();
  for (const [name, tensor] of expanded.inputs) given.set(tensor, inputs[name]!);
  for (const [name, tensor] of expanded.weights) given.set(tensor, weights[name] ?? missing(name));
  for (const [name, tensor] of expanded.variables) given.set(tensor, weights[name] ?? missing(name));
  const values: ReferenceValue[] = [];
  for (const node of expanded.nodes) {
    const shape = evaluateShape(node.shape, sizes);
    const known = given.get(node);
    const output = { shape, data: known ? toFloat64(known) : new Float64Array(count(shape)), sizes };
    if (!known) {
      const operands = node.inputs.map((input) => values[input.id]!);
      primitive(node).evaluate(operands, node.attributes, output);
    }
    values.push(output);
  }
  return new Map([...expanded.outputs].map(([name, tensor]) => [name, values[tensor.id]!]));
}

/** The outputs in the formats the graph declares. */
export function evaluateToData(
  graph: Graph,
  inputs: Values,
  weights: Values = {},
): Record<string, TensorData> {
  const results = [...evaluateGraph(graph, inputs, weights)].map(([name, { shape, data }]) => {
    return [name, fromNumbers(graph.outputs.get(name)!.dtype, shape, data)] as const;
  });
  return Object.fromEntries(results);
}

function primitive(node: Tensor): Primitive {
  if (isComposite(node.op)) throw new HdmError('internal', node.op.name, 'a composite op was left');
  return node.op;
}

function missing(name: string): never {
  throw new HdmError('bad-model', `weight "${name}"`, 'it was not given');
}
