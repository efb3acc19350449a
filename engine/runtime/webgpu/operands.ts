/**
 * @file Makes sure that what must lie in a buffer can: operands of heavy kernels that are no plain strides, and outputs
 * that are views, become copies.
 */
import { count } from '../../graph/shape.ts';
import { flatten, stridesIn, unflatten, variable, type Index } from './indexing.ts';
import { isHeavy, type Kind, type Node } from './node.ts';
import { stretched, type Resolved } from './resolve.ts';

/** A buffer, and where a number lies in it. */
export interface Place {
  readonly base: Node;
  readonly position: Index;
}

/** Follows views to the node that has the numbers. */
export function placeOf(node: Node, coordinates: readonly Index[]): Place {
  let [base, at] = [node, coordinates];
  while (base.work.kind === 'view') {
    at = base.work.place(at);
    base = base.inputs[0]!;
  }
  return { base, position: flatten(at, base.shape) };
}

/** Strides in a buffer along the axes `axes`, whose product is the node; undefined when it is no plain strides. */
export interface Strided {
  readonly base: Node;
  readonly offset: number;
  readonly strides: readonly number[];
}

export function stridedBy(
  node: Node,
  axes: readonly number[],
  coordinatesOf: (variables: readonly Index[]) => readonly Index[],
): Strided | undefined {
  const names = axes.map((_, axis) => `s_${axis}`);
  const { base, position } = placeOf(
    node,
    coordinatesOf(axes.map((size, axis) => variable(names[axis]!, size))),
  );
  if (base.work.kind === 'literal') return undefined;
  const plain = stridesIn(position, names);
  return plain && { base, ...plain };
}

/** An operand of a product as [batch, rows, columns], leading axes stretched to `batch`. */
export function asMatrix(node: Node, batch: readonly number[]): Strided | undefined {
  const [rows, columns] = node.shape.slice(-2) as [number, number];
  const found = stridedBy(node, [count(batch), rows, columns], ([b, row, column]) => {
    const all = [...unflatten(b!, batch), row!, column!];
    return stretched(all, node.shape);
  });
  if (!found) return undefined;
  const isInner = (axis: number): boolean => found.strides[axis] === 1 || [rows, columns][axis - 1] === 1;
  return isInner(1) || isInner(2) ? found : undefined;
}

/** An operand with its own axes, the last of which must be dense. */
export function asRows(node: Node): Strided | undefined {
  const found = stridedBy(node, node.shape, (variables) => variables);
  return found && (found.strides.at(-1) === 1 || node.shape.at(-1) === 1) ? found : undefined;
}

/** An operand in one piece, row after row, from the start of its buffer. */
export function asWhole(node: Node): Strided | undefined {
  const found = stridedBy(node, [count(node.shape)], ([at]) => unflatten(at!, node.shape));
  if (!found || found.offset !== 0) return undefined;
  return found.strides[0] === 1 || count(node.shape) === 1 ? found : undefined;
}

/** The same graph, with copies where they are needed. */
export function prepareOperands(resolved: Resolved): Resolved {
  const replaced = new Map<Node, Node>();
  const nodes: Node[] = [];
  const keep = (node: Omit<Node, 'id'>): Node => {
    const numbered = { ...node, id: nodes.length };
    nodes.push(numbered);
    return numbered;
  };
  const copyOf = ({ shape, format, ...node }: Node): Node =>
    keep({ work: { kind: 'map', rule: 'cast' }, inputs: [{ shape, format, ...node }], shape, format });
  for (const node of resolved.nodes) {
    const inputs = node.inputs.map((input) => replaced.get(input)!);
    const moved = { ...node, inputs };
    replaced.set(node, keep(isHeavy(node) ? { ...moved, inputs: heavyInputs(moved, copyOf) } : moved));
  }
  const bases = new Set<Node>();
  const stored = (list: ReadonlyMap<string, Node>, isOwn: boolean): Map<string, Node> => {
    const entries = [...list].map(([name, node]) => {
      const whole = asWhole(replaced.get(node)!);
      const isFree = whole && whole.base.work.kind !== 'given' && !(isOwn && bases.has(whole.base));
      const base = isFree ? whole.base : copyOf(replaced.get(node)!);
      bases.add(base);
      return [name, base] as const;
    });
    return new Map(entries);
  };
  const assignments = stored(resolved.assignments, true);
  return { nodes, assignments, outputs: stored(resolved.outputs, false) };
}

/** A view, which whoever copies it gives its place among the nodes. */
function stretchedTo(input: Node, shape: readonly number[]): Node {
  const place = (coordinates: readonly Index[]): Index[] => stretched(coordinates, input.shape);
  return { ...input, work: { kind: 'view', key: 'broadcast', place }, inputs: [input], shape };
}

function heavyInputs(node: Node, copyOf: (node: Node) => Node): Node[] {
  const batch = node.shape.slice(0, -2);
  const { kind } = node.work;
  return node.inputs.map((input, index) => {
    const isRows = HAS_ROWS.has(kind) && index < 3;
    const found = kind === 'matmul' ? asMatrix(input, batch) : isRows ? asRows(input) : asWhole(input);
    if (found) return input;
    return copyOf(kind === 'matmul' ? stretchedTo(input, [...batch, ...input.shape.slice(-2)]) : input);
  });
}

/** Their q, k and v may have any strides. */
const HAS_ROWS = new Set<Kind>(['attention', 'attentionToQueries', 'attentionToKeysAndValues']);
