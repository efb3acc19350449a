/** @file From a graph to an ONNX model in memory. Weights that lie in files are named, not copied. */
import { dirname, basename } from 'node:path';
import { HdmError } from '../../errors.ts';
import { factors, formatDim, type Dim } from '../../graph/dim.ts';
import { DTYPES, i64, isFloat, type DType, type TensorData, type TypedArray } from '../../graph/dtype.ts';
import { expandGraph, reachable, type Graph, type Tensor } from '../../graph/graph.ts';
import { isComposite, type Composite, type Primitive } from '../../graph/op.ts';
import { count, formatShape, type Shape } from '../../graph/shape.ts';
import { asMultiple } from '../bind.ts';
import type { WeightSources } from '../runtime.ts';
import type { OnnxAttribute, OnnxEmitter } from './emitter.ts';
import { atBorder } from './tensors.ts';
import {
  ATTRIBUTE_TYPES,
  encodeModel,
  externalTensor,
  type AttributeProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from './proto.ts';

export interface OnnxModel {
  readonly bytes: Uint8Array;
  /** Folder of the weight files, if there are any. */
  readonly folder: string | undefined;
}

/** What a provider can do. */
export interface Abilities {
  /** Which composite ops it runs in one piece; default: all that have a fused lowering. */
  readonly fuses?: (op: Composite) => boolean;
  /** Whether it can hold weights in half precision; if not, they are widened when they are loaded. */
  readonly holdsHalf?: boolean;
}

/** `graph` as an ONNX model. */
export function lowerToOnnx(
  graph: Graph,
  weights: WeightSources,
  { fuses = () => true, holdsHalf = true }: Abilities = {},
): OnnxModel {
  const expanded = expandGraph(graph, (op) => op.onnx !== undefined && fuses(op));
  const lowering = new Lowering(expanded, weights, holdsHalf);
  const names = new Map<Tensor, string>();
  const nodes = reachable(expanded);
  const left = nodes.find(({ op }) => isComposite(op) && !op.onnx);
  if (left) throw new HdmError('internal', left.op.name, 'a composite op was left');
  for (const node of nodes) {
    const inputs = node.inputs.map((input) => names.get(input)!);
    names.set(node, (node.op as Primitive).onnx(lowering, inputs, node, node.attributes));
  }
  for (const [name, tensor] of expanded.outputs) lowering.output(name, names.get(tensor)!, tensor);
  for (const [name, tensor] of expanded.assignments) {
    lowering.output(nextOf(name), names.get(tensor)!, tensor);
  }
  return lowering.finish();
}

/** ONNX Runtime knows a variable as an input, and what it becomes as an output. */
export function variableInput(name: string): string {
  return `variable ${name}`;
}

export function nextOf(name: string): string {
  return `next ${name}`;
}

class Lowering implements OnnxEmitter {
  readonly #graph: Graph;
  readonly #weights: WeightSources;
  readonly #holdsHalf: boolean;
  readonly #folder: string | undefined;
  readonly #nodes: NodeProto[] = [];
  readonly #initializers: TensorProto[] = [];
  readonly #inputs: ValueInfoProto[] = [];
  readonly #outputs: ValueInfoProto[] = [];
  /** What was emitted once and may be used again, by a key that says what it is. */
  readonly #known = new Map<string, string>();
  /** Values that are outputs as well, by the names they had first. */
  readonly #renamed = new Map<string, string>();
  #counter = 0;

  constructor(graph: Graph, weights: WeightSources, holdsHalf: boolean) {
    this.#graph = graph;
    this.#weights = weights;
    this.#holdsHalf = holdsHalf;
    this.#folder = commonFolder(graph, weights);
  }

  node(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    domain = '',
  ): string {
    const output = this.#fresh();
    const attribute = Object.entries(attributes).map(([name, value]) => encodeAttribute(name, value));
    this.#nodes.push({ input: inputs, output: [output], opType, domain, attribute });
    return output;
  }

  float(value: number): OnnxAttribute {
    return { float: value };
  }

  shape(shape: Shape): string {
    if (shape.every((dim) => typeof dim === 'number')) return this.integers(shape);
    return this.#once(`shape ${formatShape(shape)}`, () => {
      const parts = shape.map((dim) => this.#list(dim));
      return parts.length === 1 ? parts[0]! : this.node('Concat', parts, { axis: 0 });
    });
  }

  dim(dim: Dim): string {
    if (typeof dim === 'number') return this.scalarI64(dim);
    return this.#once(`dim ${formatDim(dim)}`, () =>
      this.node('Reshape', [this.#list(dim), this.#initializer(i64([0], []))]),
    );
  }

  scalarI64(value: number): string {
    return this.#once(`scalar ${value}`, () => this.#initializer(i64([], [value])));
  }

  integers(values: readonly number[]): string {
    return this.#once(`integers ${values.join()}`, () => this.#initializer(i64([values.length], values)));
  }

  constant(value: TensorData): string {
    return this.#initializer(value);
  }

  cast(name: string, from: DType, to: DType): string {
    return from === to ? name : this.node('Cast', [name], { to: DTYPES[to].onnx });
  }

  input(name: string, dtype: DType, shape: Shape): string {
    this.#inputs.push(valueInfo(name, atBorder(dtype), shape));
    return this.cast(name, atBorder(dtype), dtype);
  }

  variable(name: string, dtype: DType, shape: Shape): string {
    return this.input(variableInput(name), dtype, shape);
  }

  /** What a node makes for one output only gets its name; everything else is copied. */
  output(name: string, value: string, { dtype, shape }: Tensor): void {
    const wide = this.cast(value, dtype, atBorder(dtype));
    this.#outputs.push(valueInfo(name, atBorder(dtype), shape));
    const isMade = this.#nodes.some(({ output }) => output[0] === wide);
    if (isMade && !this.#renamed.has(wide)) this.#renamed.set(wide, name);
    else this.#nodes.push({ input: [wide], output: [name], opType: 'Identity', domain: '', attribute: [] });
  }

  weight(name: string, rows?: { readonly start: number; readonly length: number }): string {
    return this.#once(`weight ${name} ${rows ? `${rows.start}+${rows.length}` : ''}`, () => {
      const source = this.#weights.get(name);
      if (!source) throw new HdmError('internal', `weight "${name}"`, 'no source was given for it');
      const { dtype, shape, place } = source;
      const dims = rows ? [rows.length, ...shape.slice(1)] : shape;
      const row = count(shape.slice(1));
      const first = rows ? rows.start * row : 0;
      const stored =
        place.kind === 'memory'
          ? this.#initializer({ dtype, shape: dims, data: place.data.subarray(first, first + count(dims)) })
          : this.#external(dtype, dims, place.path, place.offset + first * DTYPES[dtype].bytes);
      return isFloat(dtype) && !this.#holdsHalf ? this.cast(stored, dtype, 'f32') : stored;
    });
  }

  finish(): OnnxModel {
    // A weight of which only rows are read was emitted whole, too.
    const used = new Set(this.#nodes.flatMap(({ input }) => input));
    const bytes = encodeModel({
      name: 'graph',
      node: this.#nodes.map((node) => this.#withNewNames(node)),
      initializer: this.#initializers.filter(({ name }) => used.has(name)),
      input: this.#inputs,
      output: this.#outputs,
    });
    return { bytes, folder: this.#folder };
  }

  #withNewNames(node: NodeProto): NodeProto {
    const rename = (name: string): string => this.#renamed.get(name) ?? name;
    return { ...node, input: node.input.map(rename), output: node.output.map(rename) };
  }

  /** A size as a list of one i64, computed from the shapes of the inputs. */
  #list(dim: Dim): string {
    if (typeof dim === 'number') return this.integers([dim]);
    return this.#once(`list ${formatDim(dim)}`, () => {
      const terms = [...dim.terms].map(([monomial, coefficient]) => {
        const named = factors(monomial).map((name) => this.#namedSize(name));
        const all = coefficient === 1 && named.length > 0 ? named : [this.integers([coefficient]), ...named];
        return all.reduce((a, b) => this.node('Mul', [a, b]));
      });
      return terms.reduce((a, b) => this.node('Add', [a, b]));
    });
  }

  #namedSize(name: string): string {
    return this.#once(`size ${name}`, () => {
      const variables = [...this.#graph.variables].map(([own, node]) => [variableInput(own), node] as const);
      for (const [input, { shape }] of [...this.#graph.inputs, ...variables]) {
        const axis = shape.findIndex((dim) => asMultiple(dim)?.name === name);
        if (axis < 0) continue;
        const length = this.node('Shape', [input], { start: axis, end: axis + 1 });
        const { coefficient } = asMultiple(shape[axis]!)!;
        return coefficient === 1 ? length : this.node('Div', [length, this.integers([coefficient])]);
      }
      throw new HdmError('internal', `size "${name}"`, 'no input or variable tells its value');
    });
  }

  #initializer({ dtype, shape, data }: TensorData): string {
    const name = this.#fresh();
    this.#initializers.push({ name, dims: shape, dataType: DTYPES[dtype].onnx, rawData: bytesOf(data) });
    return name;
  }

  #external(dtype: DType, dims: readonly number[], path: string, offset: number): string {
    const { bytes, onnx: dataType } = DTYPES[dtype];
    const tensor = { name: this.#fresh(), dims, dataType };
    const place = { location: basename(path), offset, sizeBytes: count(dims) * bytes };
    this.#initializers.push(externalTensor(tensor, place));
    return tensor.name;
  }

  #once(key: string, make: () => string): string {
    const known = this.#known.get(key);
    if (known) return known;
    const name = make();
    this.#known.set(key, name);
    return name;
  }

  #fresh(): string {
    return `_${this.#counter++}`;
  }
}

/** ONNX Runtime reads weights from one folder only; a file elsewhere must be loaded into memory first. */
function commonFolder(graph: Graph, weights: WeightSources): string | undefined {
  const folders = new Set<string>();
  for (const name of graph.weights.keys()) {
    const place = weights.get(name)?.place;
    if (place?.kind === 'file') folders.add(dirname(place.path));
  }
  if (folders.size > 1) {
    throw new HdmError('internal', 'weights', `they lie in several folders: ${[...folders].join(', ')}`);
  }
  return [...folders][0];
}

function bytesOf(data: TypedArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function encodeAttribute(name: string, value: OnnxAttribute): AttributeProto {
  if (typeof value === 'number') return { name, type: ATTRIBUTE_TYPES.INT, i: value };
  if (typeof value === 'string') {
    return { name, type: ATTRIBUTE_TYPES.STRING, s: new TextEncoder().encode(value) };
  }
  if ('float' in value) return { name, type: ATTRIBUTE_TYPES.FLOAT, f: value.float };
  return { name, type: ATTRIBUTE_TYPES.INTS, ints: value };
}

function valueInfo(name: string, dtype: DType, shape: Shape): ValueInfoProto {
  const dim = shape.map((size) =>
    typeof size === 'number' ? { dimValue: size } : { dimParam: formatDim(size) },
  );
  return { name, type: { tensorType: { elemType: DTYPES[dtype].onnx, shape: { dim } } } };
}
