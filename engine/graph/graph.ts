/**
 * @file A graph is data: a list of tensors in the order they are computed. Models, gradients and training
 * steps are built once as graphs; runtimes compile them.
 */
import { HdmError } from '../errors.ts';
import { fromNumbers, toFloat64, type DType, type TensorData } from './dtype.ts';
import { isComposite, type Composite, type Op, type Primitive } from './op.ts';
import { count, formatShape, type Shape } from './shape.ts';

/** One value of a graph: what it is, and the op and operands it comes from. */
export interface Tensor {
  readonly graph: Graph;
  /** Position in `graph.nodes`. */
  readonly id: number;
  readonly op: Op;
  readonly inputs: readonly Tensor[];
  readonly attributes: unknown;
  readonly dtype: DType;
  readonly shape: Shape;
}

export interface GraphOptions {
  /** Which composite ops stay in one piece; the others are written out when they are added. Default: all. */
  readonly keep?: Keep;
}

export type Keep = (op: Composite, inputs: readonly Tensor[]) => boolean;

/** Positions of the first node and of the one after the last. */
export interface Segment {
  readonly start: number;
  readonly end: number;
}

export class Graph {
  readonly nodes: Tensor[] = [];
  /** Given anew at each run. */
  readonly inputs = new Map<string, Tensor>();
  /** Given once, when the graph is compiled. */
  readonly weights = new Map<string, Tensor>();
  /** Stay on the device from run to run; `assignments` says what they become at the end of a run. */
  readonly variables = new Map<string, Tensor>();
  readonly assignments = new Map<string, Tensor>();
  readonly outputs = new Map<string, Tensor>();
  /** Runs of nodes that a backward pass may compute again instead of keeping them: see `checkpoint`. */
  readonly segments: Segment[] = [];
  readonly #keep: Keep;

  constructor(options: GraphOptions = {}) {
    this.#keep = options.keep ?? (() => true);
  }

  /** Adds one op; its shape rule runs now, so a mistake shows at the line that made it. */
  add<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A): Tensor {
    const stranger = inputs.find((input) => input.graph !== this);
    if (stranger) throw new HdmError('internal', op.name, 'an operand belongs to another graph');
    const type = op.infer(inputs, attributes);
    if (isComposite(op as Op) && !this.#keep(op as Composite, inputs)) {
      return (op as Composite<A>).compose(inputs, attributes);
    }
    const tensor: Tensor = { graph: this, id: this.nodes.length, op: op as Op, inputs, attributes, ...type };
    this.nodes.push(tensor);
    return tensor;
  }

  /** A value given at each run. Named sizes in `shape` are read from what is given. */
  input(name: string, dtype: DType, shape: Shape): Tensor {
    return this.#named(this.inputs, 'input', name, () => this.add(INPUT, [], { name, dtype, shape }));
  }

  /** A value given once. Asked for again, the same tensor. */
  weight(name: string, dtype: DType, shape: readonly number[]): Tensor {
    const known = this.weights.get(name);
    if (known) return known;
    return this.#named(this.weights, 'weight', name, () => this.add(WEIGHT, [], { name, dtype, shape }));
  }

  /**
   * A value that stays on the device from run to run. Asked for again, the same tensor. Named sizes in `shape` are
   * read from what it holds.
   */
  variable(name: string, dtype: DType, shape: Shape): Tensor {
    const known = this.variables.get(name);
    if (known) return known;
    return this.#named(this.variables, 'variable', name, () =>
      this.add(VARIABLE, [], { name, dtype, shape }),
    );
  }

  /** At the end of a run the variable `name`, new or not, takes this value; all reads of the run see the old one. */
  assign(name: string, tensor: Tensor): void {
    const variable = this.variables.get(name);
    if (variable && formatType(variable) !== formatType(tensor)) {
      const problem = `it is ${formatType(variable)} and cannot become ${formatType(tensor)}`;
      throw new HdmError('bad-shape', `variable "${name}"`, problem);
    }
    this.#named(this.assignments, 'assignment', name, () => tensor);
  }

  /**
   * Marks what `build` adds as one segment. `gradients` with checkpointing keeps what enters a segment and computes
   * the rest of it again when the backward pass needs it (Chen et al. 2016).
   */
  checkpoint<T>(build: () => T): T {
    const start = this.nodes.length;
    const result = build();
    this.segments.push({ start, end: this.nodes.length });
    return result;
  }

  /** A value that is part of the graph. */
  constant(value: TensorData): Tensor {
    return this.add(CONSTANT, [], { value });
  }

  /** A single number. */
  scalar(value: number, dtype: DType = 'f32'): Tensor {
    return this.constant(fromNumbers(dtype, [], [value]));
  }

  output(name: string, tensor: Tensor): void {
    this.#named(this.outputs, 'output', name, () => tensor);
  }

  #named(list: Map<string, Tensor>, kind: string, name: string, make: () => Tensor): Tensor {
    if (list.has(name)) throw new HdmError('internal', `${kind} "${name}"`, 'the name is taken');
    const tensor = make();
    list.set(name, tensor);
    return tensor;
  }
}

/** The same graph with composite ops that `keep` refuses written out, without its segments. */
export function expandGraph(graph: Graph, keep: Keep): Graph {
  const copy = new Graph({ keep });
  const copies: Tensor[] = [];
  for (const node of graph.nodes) {
    copies.push(
      copy.add(
        node.op,
        node.inputs.map((input) => copies[input.id]!),
        node.attributes,
      ),
    );
  }
  for (const [name, tensor] of graph.inputs) copy.inputs.set(name, copies[tensor.id]!);
  for (const [name, tensor] of graph.weights) copy.weights.set(name, copies[tensor.id]!);
  for (const [name, tensor] of graph.variables) copy.variables.set(name, copies[tensor.id]!);
  for (const [name, tensor] of graph.assignments) copy.assignments.set(name, copies[tensor.id]!);
  for (const [name, tensor] of graph.outputs) copy.outputs.set(name, copies[tensor.id]!);
  return copy;
}

/** The nodes that outputs and assignments need, in order, with every input and variable: they are given all the same. */
export function reachable(graph: Graph): Tensor[] {
  const lists = [graph.outputs, graph.assignments, graph.inputs, graph.variables];
  const needed = new Set(lists.flatMap((list) => [...list.values()]));
  for (const node of graph.nodes.toReversed()) {
    if (needed.has(node)) node.inputs.forEach((input) => needed.add(input));
  }
  return graph.nodes.filter((node) => needed.has(node));
}

export interface NamedType {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

export const INPUT: Primitive<NamedType> = {
  name: 'input',
  infer: (_inputs, { dtype, shape }) => ({ dtype, shape }),
  evaluate: () => notComputed('input'),
  gradient: null,
  onnx: (emit, _inputs, _node, { name, dtype, shape }) => emit.input(name, dtype, shape),
};

export const WEIGHT: Primitive<NamedType> = {
  name: 'weight',
  infer: (_inputs, { dtype, shape }) => ({ dtype, shape }),
  evaluate: () => notComputed('weight'),
  gradient: null,
  onnx: (emit, _inputs, _node, { name }) => emit.weight(name),
};

export const VARIABLE: Primitive<NamedType> = {
  name: 'variable',
  infer: (_inputs, { dtype, shape }) => ({ dtype, shape }),
  evaluate: () => notComputed('variable'),
  gradient: null,
  onnx: (emit, _inputs, _node, { name, dtype, shape }) => emit.variable(name, dtype, shape),
};

export const CONSTANT: Primitive<{ readonly value: TensorData }> = {
  name: 'constant',
  infer(_inputs, { value: { dtype, shape, data } }) {
    if (count(shape) !== data.length) {
      const problem = `${data.length} numbers given for the shape ${formatShape(shape)}`;
      throw new HdmError('bad-shape', 'constant', problem);
    }
    return { dtype, shape };
  },
  evaluate: (_inputs, { value }, output) => output.data.set(toFloat64(value)),
  gradient: null,
  onnx: (emit, _inputs, _node, { value }) => emit.constant(value),
};

/** The type of a tensor as text: `f32 [b, 2*h, 64]`. */
export function formatType({ dtype, shape }: { dtype: DType; shape: Shape }): string {
  return `${dtype} ${formatShape(shape)}`;
}

function notComputed(kind: string): never {
  throw new HdmError('internal', kind, 'it is given, not computed');
}
