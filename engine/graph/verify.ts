/** @file What a legal graph is, as rules. Building keeps them; whatever else writes a graph is checked here. */
import { HdmError, toHdmError } from '../errors.ts';
import { namesIn, type Dim } from './dim.ts';
import { INPUT, VARIABLE, WEIGHT, formatType, type Graph, type Tensor } from './graph.ts';

/** Throws `internal` with the first node that breaks a rule, and the rule. */
export function verifyGraph(graph: Graph): void {
  graph.nodes.forEach((node, position) => {
    const broken = Object.entries(NODE_RULES).find(([, holds]) => !holds(node, position, graph));
    if (broken) throw illegal(`node %${position} ${node.op.name}`, broken[0]);
  });
  for (const { kind, list, isKind } of NAMED) {
    for (const [name, node] of graph[list]) {
      if (graph.nodes[node.id] === node && isKind(node)) continue;
      throw illegal(`${kind} "${name}" %${node.id}`, 'it is a node of this graph and of its kind');
    }
  }
}

type NodeRule = (node: Tensor, position: number, graph: Graph) => boolean;

const NODE_RULES: Readonly<Record<string, NodeRule>> = {
  'its id is its position': ({ id }, position) => id === position,
  'it belongs to this graph': (node, _position, graph) => node.graph === graph,
  'its operands are earlier nodes of this graph': ({ inputs }, position, { nodes }) =>
    inputs.every((input) => input.id < position && nodes[input.id] === input),
  'its type is what its op infers': (node) => formatType(node) === inferredType(node),
  'each of its named sizes stands in an input or variable, alone or times a number': (
    node,
    _position,
    graph,
  ) => namesOf(node).every((name) => isTold(name, graph)),
};

const NAMED = [
  { kind: 'input', list: 'inputs', isKind: ({ op }: Tensor) => op === INPUT },
  { kind: 'weight', list: 'weights', isKind: ({ op }: Tensor) => op === WEIGHT },
  { kind: 'variable', list: 'variables', isKind: ({ op }: Tensor) => op === VARIABLE },
  { kind: 'assignment', list: 'assignments', isKind: () => true },
  { kind: 'output', list: 'outputs', isKind: () => true },
] as const;

function inferredType({ op, inputs, attributes }: Tensor): string {
  try {
    return formatType(op.infer(inputs, attributes));
  } catch (error) {
    return toHdmError(error, op.name).message;
  }
}

/** The named sizes that a run needs for a node: those of its shape and of its attributes. */
function namesOf({ shape, attributes }: Tensor): string[] {
  const values = Object.values(attributes ?? {}).flat() as unknown[];
  return [...shape, ...values.filter(isPolynomial)].flatMap(namesIn);
}

function isPolynomial(value: unknown): value is Dim {
  return typeof value === 'object' && value !== null && 'terms' in value;
}

function isTold(name: string, { inputs, variables }: Graph): boolean {
  const sizes = [...inputs.values(), ...variables.values()].flatMap(({ shape }) => shape);
  return sizes.some((dim) => typeof dim !== 'number' && dim.terms.size === 1 && dim.terms.has(name));
}

function illegal(where: string, rule: string): HdmError {
  return new HdmError('internal', where, `the graph breaks the rule "${rule}"`);
}
