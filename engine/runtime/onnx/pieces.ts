/**
 * @file Updates in pieces. A graph that treats all numbers of its variables alike, as an optimizer's update does, falls
 * into parts that share no variable. Each runs over a stretch of its numbers at a time, and these stay in the cache of
 * the processor from op to op; run whole, every op would read and write all of memory.
 */
import { size } from '../../graph/dim.ts';
import { CONSTANT, Graph, INPUT, reachable, VARIABLE, type Tensor } from '../../graph/graph.ts';
import { sameShape } from '../../graph/shape.ts';
import { isElementwise } from '../../ops/elementwise.ts';
import { overwritable } from './variables.ts';

/** Numbers of one variable that are computed at a time: a megabyte of float32. */
export const PIECE = 2 ** 17;

/** Variables that are updated together, number by number. */
export interface Part {
  /** The update of a stretch of any length; its variables are called by their place in `names`. */
  readonly graph: Graph;
  readonly names: readonly string[];
}

/** The parts of `graph`; undefined when some of it is more than the same few ops for each number. */
export function partsOf(graph: Graph): Part[] | undefined {
  if (graph.outputs.size > 0 || graph.assignments.size === 0) return undefined;
  if (!reachable(graph).every(isAlike) || overwritable(graph).size < graph.assignments.size) return undefined;
  const known = [...graph.assignments.keys()].every((name) => graph.variables.has(name));
  return known ? groups(graph).map((names) => partOf(graph, names)) : undefined;
}

/** Parts with the same key have the same graph. */
export function keyOf({ graph }: Part): string {
  const nodes = graph.nodes.map(({ op, inputs, attributes }) => [
    op.name,
    inputs.map(({ id }) => id),
    attributes,
  ]);
  return JSON.stringify([nodes, [...graph.assignments].map(([name, { id }]) => [name, id])]);
}

/** A number for all, or made of what lies at the same place. */
function isAlike(node: Tensor): boolean {
  const isGiven = [INPUT.name, CONSTANT.name].includes(node.op.name);
  if (isGiven) return node.shape.length === 0;
  if (node.op.name === VARIABLE.name) return node.shape.length > 0;
  return (
    isElementwise(node) &&
    node.inputs.every(({ shape }) => shape.length === 0 || sameShape(shape, node.shape))
  );
}

/** Names of variables that depend on each other. */
function groups(graph: Graph): string[][] {
  const groupOf = new Map([...graph.variables.keys()].map((name) => [name, new Set([name])]));
  for (const [name, tensor] of graph.assignments) {
    const all = groupOf.get(name)!;
    for (const other of variablesOf(graph, tensor)) {
      for (const member of groupOf.get(other)!) {
        all.add(member);
        groupOf.set(member, all);
      }
    }
  }
  return [...new Set(groupOf.values())].map((group) => [...group]);
}

function variablesOf(graph: Graph, tensor: Tensor): string[] {
  const open = [tensor];
  const seen = new Set(open);
  for (const node of open) {
    for (const input of node.inputs) {
      if (!seen.has(input)) open.push(input);
      seen.add(input);
    }
  }
  return [...graph.variables].filter(([, variable]) => seen.has(variable)).map(([name]) => name);
}

function partOf(graph: Graph, names: readonly string[]): Part {
  const part = new Graph();
  const copies = new Map<Tensor, Tensor>();
  const stretch = [size('stretch')];
  const copyOf = (node: Tensor): Tensor => {
    const known = copies.get(node);
    if (known) return known;
    const copy = make(node);
    copies.set(node, copy);
    return copy;
  };
  const make = (node: Tensor): Tensor => {
    const { op, dtype, inputs, attributes } = node;
    if (op.name === INPUT.name) return part.input((attributes as { name: string }).name, dtype, []);
    if (op.name !== VARIABLE.name) return part.add(op, inputs.map(copyOf), attributes);
    return part.variable(String(names.indexOf((attributes as { name: string }).name)), dtype, stretch);
  };
  names.forEach((name, place) => {
    const next = graph.assignments.get(name);
    if (next) part.assign(String(place), copyOf(next));
  });
  return { graph: part, names };
}
