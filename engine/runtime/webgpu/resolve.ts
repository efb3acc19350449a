/** @file From a graph with named sizes to nodes with plain ones: only what outputs and assignments need. */
import { HdmError } from '../../errors.ts';
import { evaluateDim, type Dim, type Sizes } from '../../graph/dim.ts';
import { DTYPES, isFloat, toFloat64, type DType, type TensorData } from '../../graph/dtype.ts';
import type { Graph, NamedType, Tensor } from '../../graph/graph.ts';
import { count, evaluateShape } from '../../graph/shape.ts';
import { ELEMENTWISE_RULES } from '../../ops/elementwise.ts';
import { piecesOf, rowLengthOf } from './reduction.ts';
import { fixed, flatten, plus, unflatten, ZERO, type Index } from './indexing.ts';
import { CONVOLUTION_KINDS, type Format, type Node, type Source, type Work } from './node.ts';

export interface Resolved {
  /** In the order of the graph. */
  readonly nodes: readonly Node[];
  readonly outputs: ReadonlyMap<string, Node>;
  readonly assignments: ReadonlyMap<string, Node>;
}

/** All inputs that are single f32 numbers are one buffer: a kernel may use few buffers, an update needs many numbers. */
export const SCALARS = '(scalars)';

/** The inputs in that buffer, in their order. */
export function scalarsOf({ inputs }: Graph): string[] {
  const isScalar = ([, { dtype, shape }]: [string, Tensor]): boolean => dtype === 'f32' && shape.length === 0;
  return [...inputs].filter(isScalar).map(([name]) => name);
}

/** How a format of the graph lies in a buffer. */
export function formatOf(dtype: DType, hasHalf: boolean): Format {
  if (dtype === 'f16' && hasHalf) return 'f16';
  if (isFloat(dtype)) return 'f32';
  return dtype === 'bool' ? 'u32' : 'i32';
}

/** How a weight lies in a buffer: bfloat16, which no GPU knows, in half of the memory where it can. */
export function weightFormat(dtype: DType, hasHalf: boolean): Format {
  return formatOf(dtype === 'bf16' ? 'f16' : dtype, hasHalf);
}

/** The nodes of an expanded graph for these sizes. */
export function resolve(graph: Graph, sizes: Sizes, hasHalf: boolean): Resolved {
  const maker = new NodeMaker(hasHalf);
  const resolved: Node[] = [];
  const needed = neededBy([...graph.outputs.values(), ...graph.assignments.values()], graph);
  for (const tensor of graph.nodes) {
    if (!needed.has(tensor)) continue;
    const rule = RULES[tensor.op.name];
    if (!rule) throw new HdmError('internal', tensor.op.name, 'the WebGPU runtime does not know this op');
    resolved[tensor.id] = rule({
      maker,
      sizes,
      tensor,
      shape: evaluateShape(tensor.shape, sizes),
      format: formatOf(tensor.dtype, hasHalf),
      inputs: tensor.inputs.map(({ id }) => resolved[id]!),
    });
  }
  const named = (list: ReadonlyMap<string, Tensor>): Map<string, Node> =>
    new Map([...list].map(([name, { id }]) => [name, resolved[id]!]));
  return { nodes: maker.nodes, outputs: named(graph.outputs), assignments: named(graph.assignments) };
}

/** What these tensors are computed from, themselves included. */
function neededBy(tensors: readonly Tensor[], graph: Graph): Set<Tensor> {
  const needed = new Set(tensors);
  for (const tensor of graph.nodes.toReversed()) {
    if (needed.has(tensor)) tensor.inputs.forEach((input) => needed.add(input));
  }
  return needed;
}

/** Makes nodes; the same buffer and the same number are one node each. */
export class NodeMaker {
  readonly nodes: Node[] = [];
  readonly hasHalf: boolean;
  readonly #known = new Map<string, Node>();

  constructor(hasHalf: boolean) {
    this.hasHalf = hasHalf;
  }

  make(work: Work, inputs: readonly Node[], shape: readonly number[], format: Format): Node {
    const node: Node = { id: this.nodes.length, work, inputs, shape, format };
    this.nodes.push(node);
    return node;
  }

  given(source: Source & { name: string }, shape: readonly number[], format: Format): Node {
    const key = `${source.kind} ${source.name} ${format}`;
    return this.#once(key, () => this.make({ kind: 'given', source }, [], shape, format));
  }

  literal(value: number, format: Format): Node {
    return this.#once(`${value} ${format}`, () => this.make({ kind: 'literal', value }, [], [], format));
  }

  view(
    key: string,
    input: Node,
    shape: readonly number[],
    place: (coordinates: readonly Index[]) => readonly Index[],
  ): Node {
    return this.make({ kind: 'view', key, place }, [input], shape, input.format);
  }

  reshape(input: Node, shape: readonly number[]): Node {
    return this.view('reshape', input, shape, (coordinates) =>
      unflatten(flatten(coordinates, shape), input.shape),
    );
  }

  slice(input: Node, axis: number, start: number, length: number): Node {
    const shape = input.shape.map((size, index) => (index === axis ? length : size));
    return this.view(`slice ${axis} ${start}`, input, shape, (coordinates) =>
      coordinates.map((at, index) => (index === axis ? plus(at, fixed(start)) : at)),
    );
  }

  /** Known by q, k and bias, so that `sums` finds it. */
  attention(inputs: readonly Node[], scale: number): Node {
    const [{ shape, format }] = inputs as [Node];
    const node = this.make({ kind: 'attention', scale }, inputs, shape, format);
    this.#known.set(attentionKey(inputs, scale), node);
    return node;
  }

  /** The logarithms of the sums of an attention: with the attention itself, where there is one. */
  sums(inputs: readonly Node[], scale: number): Node {
    const y = this.#known.get(attentionKey(inputs, scale)) ?? this.attention(inputs, scale);
    const [batch, queries, heads] = y.shape as [number, number, number];
    return this.make({ kind: 'attentionSums', scale }, [y], [batch, heads, queries], 'f32');
  }

  /** Sums of products of an attention and its gradient, which both of its gradients need. */
  rows(y: Node, g: Node): Node {
    const [batch, queries, heads] = y.shape as [number, number, number];
    return this.#once(`rows ${y.id} ${g.id}`, () =>
      this.make({ kind: 'attentionRows', scale: 1 }, [y, g], [batch, heads, queries], 'f32'),
    );
  }

  #once(key: string, make: () => Node): Node {
    const known = this.#known.get(key);
    if (known) return known;
    const node = make();
    this.#known.set(key, node);
    return node;
  }
}

function attentionKey([q, k, , bias]: readonly Node[], scale: number): string {
  return `attention ${q!.id} ${k!.id} ${bias?.id} ${scale}`;
}

interface Context {
  readonly maker: NodeMaker;
  readonly sizes: Sizes;
  readonly tensor: Tensor;
  readonly inputs: readonly Node[];
  readonly shape: readonly number[];
  readonly format: Format;
}

type Rule = (context: Context) => Node;

const RULES: Readonly<Record<string, Rule>> = {
  input(context) {
    const { maker, tensor, shape, format } = context;
    const names = scalarsOf(tensor.graph);
    const position = names.indexOf((tensor.attributes as NamedType).name);
    if (position < 0) return given('input', context, format);
    const all = maker.given({ kind: 'input', name: SCALARS }, [names.length], 'f32');
    return maker.reshape(maker.slice(all, 0, position, 1), shape);
  },
  variable: (context) => given('variable', context, context.format),
  weight: (context) => given('weight', context, weightFormat(context.tensor.dtype, context.maker.hasHalf)),
  constant({ maker, tensor, shape, format }) {
    const { value } = tensor.attributes as { value: TensorData };
    const numbers = toFloat64(value);
    if (numbers.length === 1) return maker.reshape(maker.literal(numbers[0]!, format), shape);
    return maker.make({ kind: 'given', source: { kind: 'constant', data: numbers } }, [], shape, format);
  },
  ...Object.fromEntries(Object.keys(ELEMENTWISE_RULES).map((name) => [name, elementwise])),
  where: elementwise,
  cast({ maker, inputs: [x], tensor, shape, format }) {
    const recast = recastWeight(maker, x!, format);
    if (recast) return recast;
    const { dtype } = tensor.attributes as { dtype: DType };
    const number = literalOf(x!);
    if (number !== undefined)
      return maker.reshape(maker.literal(CASTS[DTYPES[dtype].kind](number), format), shape);
    return maker.make({ kind: 'map', rule: 'cast' }, [x!], shape, format);
  },
  reshape: ({ maker, inputs: [x], shape }) => maker.reshape(x!, shape),
  transpose({ maker, inputs: [x], tensor, shape }) {
    const { order } = tensor.attributes as { order: readonly number[] };
    return maker.view(`transpose ${order.join()}`, x!, shape, (coordinates) =>
      order.map((_, axis) => coordinates[order.indexOf(axis)]!),
    );
  },
  broadcast: ({ maker, inputs: [x], shape }) =>
    maker.view('broadcast', x!, shape, (coordinates) => stretched(coordinates, x!.shape)),
  slice({ maker, inputs: [x], tensor, sizes, shape }) {
    const { axis, start } = tensor.attributes as { axis: number; start: Dim };
    return maker.slice(x!, axis, evaluateDim(start, sizes), shape[axis]!);
  },
  pad({ maker, inputs, tensor, sizes, shape, format }) {
    const { axis, before } = tensor.attributes as { axis: number; before: Dim };
    return maker.make({ kind: 'pad', axis, before: evaluateDim(before, sizes) }, inputs, shape, format);
  },
  concat({ maker, inputs, tensor, shape, format }) {
    const { axis } = tensor.attributes as { axis: number };
    const filled = inputs.filter((input) => count(input.shape) > 0);
    return maker.make({ kind: 'concat', axis }, filled, shape, format);
  },
  // Kernels run in the order of the nodes, and nothing is computed before what reads it needs it: that is late enough.
  after: ({ inputs: [x] }) => x!,
  dimension({ maker, tensor, sizes, format }) {
    const { dim } = tensor.attributes as { dim: Dim };
    return maker.literal(evaluateDim(dim, sizes), format);
  },
  range: ({ maker, shape, format }) => maker.make({ kind: 'range' }, [], shape, format),
  gather: ({ maker, inputs, shape }) => maker.make({ kind: 'gather' }, inputs, shape, inputs[0]!.format),
  scatter({ maker, inputs, tensor, shape, format }) {
    const [x, index, updates] = inputs as [Node, Node, Node];
    const { mode } = tensor.attributes as { mode: 'replace' | 'add' };
    if (mode === 'add') return maker.make({ kind: 'scatterAdd' }, inputs, shape, format);
    const rows = shape[0]!;
    const inverse = maker.make({ kind: 'inverse', rows }, [index], [rows], 'u32');
    return maker.make({ kind: 'choose' }, [x, inverse, updates], shape, format);
  },
  sum: (context) => reduction('sum', context),
  largest: (context) => reduction('largest', context),
  matmul({ maker, inputs, shape, format }) {
    const [a, b] = inputs as [Node, Node];
    if (a.shape.at(-1)! > FEW_TERMS) return maker.make({ kind: 'matmul' }, inputs, shape, format);
    return outerProducts(maker, a, b, shape, format);
  },
  attention: ({ maker, inputs, tensor }) => maker.attention(inputs, scaleOf(tensor)),
  attentionSums: ({ maker, inputs: [q, k, ...bias], tensor }) =>
    maker.sums([q!, k!, k!, ...bias], scaleOf(tensor)),
  attentionToQueries: attentionGradient,
  attentionToKeysAndValues: attentionGradient,
  ...Object.fromEntries(CONVOLUTION_KINDS.map((kind) => [kind, convolution])),
};

/** Products with a shorter inner axis are written out: they fuse with what is around them. */
const FEW_TERMS = 4;

/** Σ a[…, i] b[i, …] as elementwise ops. */
function outerProducts(maker: NodeMaker, a: Node, b: Node, shape: readonly number[], format: Format): Node {
  const terms = Array.from({ length: a.shape.at(-1)! }, (_, i) => {
    const column = maker.slice(a, a.shape.length - 1, i, 1);
    const row = maker.slice(b, b.shape.length - 2, i, 1);
    return maker.make({ kind: 'map', rule: 'mul' }, [column, row], shape, format);
  });
  if (terms.length === 0) return maker.reshape(maker.literal(0, format), shape);
  return terms.reduce((x, y) => maker.make({ kind: 'map', rule: 'add' }, [x, y], shape, format));
}

function given(
  kind: 'input' | 'weight' | 'variable',
  { maker, tensor, shape }: Context,
  format: Format,
): Node {
  return maker.given({ kind, name: (tensor.attributes as NamedType).name }, shape, format);
}

const CASTS = { float: (x: number) => x, integer: Math.trunc, boolean: (x: number) => Number(x !== 0) };

function elementwise({ maker, tensor, inputs, shape, format }: Context): Node {
  const numbers = inputs.map(literalOf);
  const rule = (ELEMENTWISE_RULES as Record<string, { value: (...x: number[]) => number }>)[tensor.op.name];
  if (rule && numbers.every((number) => number !== undefined)) {
    return maker.reshape(maker.literal(rule.value(...numbers), format), shape);
  }
  return maker.make({ kind: 'map', rule: tensor.op.name }, inputs, shape, format);
}

/** The number that a node is everywhere. */
function literalOf({ work, inputs }: Node): number | undefined {
  if (work.kind === 'literal') return work.value;
  return work.kind === 'view' ? literalOf(inputs[0]!) : undefined;
}

/** A weight, or a view of one, in another format: it is converted when it is loaded. */
function recastWeight(maker: NodeMaker, node: Node, format: Format): Node | undefined {
  const { work, inputs, shape } = node;
  if (work.kind === 'given' && work.source.kind === 'weight') return maker.given(work.source, shape, format);
  if (work.kind !== 'view') return undefined;
  const input = recastWeight(maker, inputs[0]!, format);
  return input && maker.view(work.key, input, shape, work.place);
}

/** The coordinates in an operand of `shape` that was stretched. */
export function stretched(coordinates: readonly Index[], shape: readonly number[]): Index[] {
  const lead = coordinates.length - shape.length;
  return shape.map((size, axis) => (size === 1 ? ZERO : coordinates[axis + lead]!));
}

function reduction(rule: 'sum' | 'largest', { maker, inputs, tensor, shape, format }: Context): Node {
  const { axes } = tensor.attributes as { axes: readonly number[] };
  const whole = maker.make({ kind: 'reduce', rule, axes }, inputs, shape, format);
  const pieces = rowLengthOf(whole) === undefined ? piecesOf(inputs[0]!.shape, axes) : 1;
  if (pieces === 1) return whole;
  const length = Math.ceil(count(inputs[0]!.shape) / count(shape) / pieces);
  const parts = maker.make({ kind: 'partial', rule, axes, length }, inputs, [pieces, ...shape], 'f32');
  const total = maker.make({ kind: 'reduce', rule, axes: [0] }, [parts], [1, ...shape], format);
  return maker.reshape(total, shape);
}

function scaleOf({ attributes }: Tensor): number {
  return (attributes as { scale: number }).scale;
}

function attentionGradient({ maker, inputs, tensor, shape, format }: Context): Node {
  const [q, k, v, y, g, sums, ...bias] = inputs as [Node, Node, Node, Node, Node, Node, Node?];
  const scale = scaleOf(tensor);
  const kind = tensor.op.name as 'attentionToQueries' | 'attentionToKeysAndValues';
  const known = [q, k, v, g, sums, maker.rows(y, g), ...(bias as Node[])];
  return maker.make({ kind, scale }, known, shape, format);
}

/** The bias of a convolution is an op of its own: it becomes part of what the kernel does with its results. */
function convolution({ maker, inputs, tensor, shape, format }: Context): Node {
  const { stride, padding } = tensor.attributes as {
    stride: number;
    padding: readonly [number, number];
  };
  const kind = tensor.op.name as (typeof CONVOLUTION_KINDS)[number];
  const [x, weight, bias] = inputs as [Node, Node, Node?];
  const product = maker.make({ kind, stride, before: padding[0] }, [x, weight], shape, format);
  if (!bias) return product;
  const perChannel = maker.reshape(bias, [shape[1]!, 1, 1]);
  return maker.make({ kind: 'map', rule: 'add' }, [product, perChannel], shape, format);
}
