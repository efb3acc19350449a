/**
 * @file What depends on weights alone is computed once, when a graph is compiled: adapters folded into weights, tables of
 * frequencies. Views of weights stay views, and a converted weight is converted while it is loaded.
 */
import { type NamedType, type Tensor, Graph, CONSTANT, INPUT, VARIABLE, WEIGHT } from '../../graph/graph.ts';
import type { Op } from '../../graph/op.ts';
import { count } from '../../graph/shape.ts';

export interface Prepared {
  /** Its outputs become weights of `rest`, by their names. Undefined when there is nothing to prepare. */
  readonly once?: Graph;
  readonly rest: Graph;
}

/** An expanded graph in two: what is computed once, and what is computed at every run. */
export function splitPrepared(graph: Graph): Prepared {
  const fixed = new Set<Tensor>();
  const needed = new Set<Tensor>();
  const sinks = new Set([...graph.outputs.values(), ...graph.assignments.values()]);
  for (const node of graph.nodes) if (isFixed(node, fixed)) fixed.add(node);
  for (const node of graph.nodes.toReversed()) {
    const isSeen = needed.has(node) || sinks.has(node);
    if (!fixed.has(node) || (isSeen && VIEWS.has(node.op.name))) {
      node.inputs.forEach((input) => needed.add(input));
    }
  }
  const results = graph.nodes.filter(
    (node) =>
      fixed.has(node) && (needed.has(node) || sinks.has(node)) && !VIEWS.has(node.op.name) && isWork(node),
  );
  if (results.length === 0) return { rest: graph };

  const isResult = new Set(results);
  const once = new Graph();
  const copies = new Map<Tensor, Tensor>();
  for (const node of upstreamOf(results, graph)) copies.set(node, copyTo(once, node, copies));
  const rest = new Graph();
  const moved = new Map<Tensor, Tensor>();
  for (const node of upstreamOf([...sinks], graph, isResult)) {
    if (!isResult.has(node)) {
      moved.set(node, copyTo(rest, node, moved));
      continue;
    }
    const name = `prepared ${node.id}`;
    once.output(name, copies.get(node)!);
    moved.set(node, rest.weight(name, node.dtype, node.shape as readonly number[]));
  }
  const lists = ['inputs', 'outputs', 'assignments', 'variables'] as const;
  for (const list of lists) {
    for (const [name, tensor] of graph[list]) {
      const own = moved.get(tensor) ?? copyTo(rest, tensor, moved);
      rest[list].set(name, own);
    }
  }
  return { once, rest };
}

/** Computed from weights and constants only, of a size that is known. */
function isFixed(node: Tensor, fixed: ReadonlySet<Tensor>): boolean {
  if (node.op === (WEIGHT as Op) || node.op === (CONSTANT as Op)) return true;
  if (node.op === (INPUT as Op) || node.op === (VARIABLE as Op) || node.inputs.length === 0) return false;
  return node.inputs.every((input) => fixed.has(input)) && node.shape.every((dim) => typeof dim === 'number');
}

/** Ops that show the same numbers elsewhere. */
export const VIEWS: ReadonlySet<string> = new Set(['reshape', 'transpose', 'broadcast', 'slice', 'after']);

/** Is it more than a weight, a number, or one of them seen or converted in another way? */
function isWork(node: Tensor): boolean {
  if (node.op === (WEIGHT as Op) || node.op === (CONSTANT as Op)) return false;
  const isThrough = VIEWS.has(node.op.name) || node.op.name === 'cast';
  return isThrough ? isWork(node.inputs[0]!) : hasLargeInput(node);
}

/** Constants that are single numbers stay in the kernels. */
function hasLargeInput(node: Tensor): boolean {
  if (node.op === (WEIGHT as Op)) return true;
  if (node.op === (CONSTANT as Op)) return count(node.shape as readonly number[]) > 1;
  return node.inputs.some(hasLargeInput);
}

/** The tensors and what they are computed from, in order; nothing beyond `ends`. */
function upstreamOf(
  tensors: readonly Tensor[],
  graph: Graph,
  ends: ReadonlySet<Tensor> = new Set(),
): Tensor[] {
  const needed = new Set(tensors);
  for (const node of graph.nodes.toReversed()) {
    if (needed.has(node) && !ends.has(node)) node.inputs.forEach((input) => needed.add(input));
  }
  return graph.nodes.filter((node) => needed.has(node));
}

function copyTo(graph: Graph, node: Tensor, copies: ReadonlyMap<Tensor, Tensor>): Tensor {
  const inputs = node.inputs.map((input) => copies.get(input)!);
  const copy = graph.add(node.op, inputs, node.attributes);
  if (node.op === (WEIGHT as Op)) graph.weights.set((node.attributes as NamedType).name, copy);
  return copy;
}
