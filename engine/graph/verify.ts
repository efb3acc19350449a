/** @file What a legal graph is, as a list of rules. Building keeps them; whatever else writes a graph is checked here. */
import { HdmError } from '../errors.ts';
import { namesIn, type Dim } from './dim.ts';
import { INPUT, WEIGHT, formatType, type Graph, type Tensor } from './graph.ts';

/** Throws `internal` with the first node that breaks a rule, and the rule. */
export function verifyGraph(graph: Graph): void {
  graph.nodes.forEach((node, position) => {
    const broken = NODE_RULES.find(({ holds }) => !holds(node, position, graph));
    if (broken) throw illegal(`node %${position} ${node.op.name}`, broken.rule);
  });
  for (const { kind, list, isKind } of NAMED) {
    for (const [name, tensor] of graph[list]) {
      const isThere = graph.nodes[tensor.id] === tensor && isKind(tensor);
      if (!isThere) throw illegal(`${kind} "${name}" %${tensor.id}`, `it names an ${kind} of this graph`);
    }
  }
}

interface NodeRule {
  readonly rule: string;
  readonly holds: (node: Tensor, position: number, graph: Graph) => boolean;
}

const NODE_RULES: readonly NodeRule[] = [
  { rule: 'its id is its position', holds: ({ id }, position) => id === position },
  { rule: 'it belongs to this graph', holds: (node, _position, graph) => node.graph === graph },
  {
    rule: 'its operands are earlier nodes of this graph',
    holds: ({ inputs }, position, { nodes }) =>
      inputs.every((input) => input.id < position && nodes[input.id] === input),
  },
  {
    rule: 'its type is what its op infers',
    holds: (node) => formatType(node) === formatType(node.op.infer(node.inputs, node.attributes)),
  },
  {
    rule: 'every named size is told by an input, where it stands alone or as a plain multiple',
    holds: (node, _position, graph) => sizesOf(node).flatMap(namesIn).every((name) => isTold(name, graph)),
  },
];

const NAMED = [
  { kind: 'input', list: 'inputs', isKind: ({ op }: Tensor) => op === INPUT },
  { kind: 'weight', list: 'weights', isKind: ({ op }: Tensor) => op === WEIGHT },
  { kind: 'output', list: 'outputs', isKind: () => true },
] as const;

/** The sizes that a run needs for a node: those of its shape, and those that its attributes name. */
function sizesOf({ shape, attributes }: Tensor): Dim[] {
  const values = Object.values(attributes ?? {}).flat() as unknown[];
  return [...shape, ...values.filter(isPolynomial)];
}

function isPolynomial(value: unknown): value is Dim {
  return typeof value === 'object' && value !== null && 'terms' in value;
}

function isTold(name: string, { inputs }: Graph): boolean {
  const sizes = [...inputs.values()].flatMap(({ shape }) => shape);
  return sizes.some((dim) => typeof dim !== 'number' && dim.terms.size === 1 && dim.terms.has(name));
}

function illegal(where: string, rule: string): HdmError {
  return new HdmError('internal', where, `the graph breaks the rule "${rule}"`);
}
