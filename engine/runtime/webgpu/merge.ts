/**
 * @file Products with the same left operand and neighbouring columns of one right operand become one: q, k and v, or the
 * two halves of SwiGLU. One wide product keeps a GPU busier than several narrow ones.
 */
import { count } from '../../graph/shape.ts';
import { fixed, plus, times, unflatten, type Index } from './indexing.ts';
import type { Node } from './node.ts';
import { asMatrix, type Strided } from './operands.ts';
import type { Resolved } from './resolve.ts';

/** Products that can be done as one, in the order of their columns. */
interface Run {
  readonly products: Node[];
  readonly right: Strided;
  columns: number;
}

export function mergeProducts(resolved: Resolved): Resolved {
  const runs = findRuns(resolved.nodes);
  const replaced = new Map<Node, Node>();
  const nodes: Node[] = [];
  const keep = (node: Node): Node => {
    nodes.push(node);
    return node;
  };
  const moved = (node: Node): Node => ({ ...node, inputs: node.inputs.map((input) => replaced.get(input)!) });
  const wholes = new Map<Run, Node>();
  for (const node of resolved.nodes) {
    const run = runs.get(node);
    if (!run) {
      replaced.set(node, keep(moved(node)));
      continue;
    }
    const whole = wholes.get(run) ?? keep(wholeOf(run, moved(node), replaced.get(run.right.base)!, keep));
    wholes.set(run, whole);
    replaced.set(node, keep(partOf(node, run, whole)));
  }
  const named = (list: ReadonlyMap<string, Node>): Map<string, Node> =>
    new Map([...list].map(([name, node]) => [name, replaced.get(node)!]));
  return { nodes, outputs: named(resolved.outputs), assignments: named(resolved.assignments) };
}

/** A run goes on only with the very next columns, so what is computed again later does not join it. */
function findRuns(nodes: readonly Node[]): Map<Node, Run> {
  const open = new Map<string, Run>();
  const runs = new Map<Node, Run>();
  for (const node of nodes) {
    if (node.work.kind !== 'matmul') continue;
    const batch = node.shape.slice(0, -2);
    const [left, right] = node.inputs.map((input) => asMatrix(input, batch)) as [Strided?, Strided?];
    if (!left || !right || count(batch) !== 1) continue;
    const columns = node.shape.at(-1)!;
    const key = [
      left.base.id,
      left.offset,
      left.strides,
      node.shape.at(-2),
      right.base.id,
      right.strides,
    ].join();
    const run = open.get(key);
    const isNext = run && right.offset === run.right.offset + run.columns * right.strides[2]!;
    if (isNext) {
      run.products.push(node);
      run.columns += columns;
    }
    const own = isNext ? run : { products: [node], right, columns };
    open.set(key, own);
    runs.set(node, own);
  }
  for (const [node, { products }] of runs) if (products.length === 1) runs.delete(node);
  return runs;
}

function wholeOf({ right, columns }: Run, first: Node, base: Node, keep: (node: Node) => Node): Node {
  const [left] = first.inputs as [Node];
  const [, ofRow, ofColumn] = right.strides as [number, number, number];
  const place = ([row, column]: readonly Index[]): Index[] => {
    const position = plus(plus(times(row!, ofRow), times(column!, ofColumn)), fixed(right.offset));
    return unflatten(position, base.shape);
  };
  const shape = [left.shape.at(-1)!, columns];
  const key = `strides ${ofRow} ${ofColumn} ${right.offset}`;
  const view = keep({
    ...first,
    work: { kind: 'view', key, place },
    inputs: [base],
    shape,
    format: base.format,
  });
  return { ...first, inputs: [left, view], shape: [...first.shape.slice(0, -1), columns] };
}

function partOf(node: Node, { products }: Run, whole: Node): Node {
  const before = products.slice(0, products.indexOf(node));
  const start = fixed(before.reduce((total, { shape }) => total + shape.at(-1)!, 0));
  const place = (at: readonly Index[]): Index[] => [...at.slice(0, -1), plus(at.at(-1)!, start)];
  return { ...node, work: { kind: 'view', key: `columns ${start.text}`, place }, inputs: [whole] };
}
