/**
 * @file Variables as ONNX Runtime's tensors. A run takes them as inputs and writes what it assigns into memory that is
 * there already: over the old value where nothing can read that any more, else into a second buffer that then takes
 * its place. Results that ONNX Runtime allocates would stay until JavaScript collects them.
 */
import type * as ort from 'onnxruntime-node';
import { HdmError } from '../../errors.ts';
import type { Sizes } from '../../graph/dim.ts';
import type { TensorData } from '../../graph/dtype.ts';
import { reachable, type Graph, type Tensor } from '../../graph/graph.ts';
import { evaluateShape, sameShape } from '../../graph/shape.ts';
import { isElementwise } from '../../ops/elementwise.ts';
import type { GivenType } from '../bind.ts';
import type { Variables } from '../runtime.ts';
import { dtypeOf, emptyTensor, fromOrt, toOrt } from './tensors.ts';

export class OnnxVariables implements Variables {
  readonly #tensors = new Map<string, ort.Tensor>();
  /** Second buffers, of variables whose old value a run reads while it writes the new one. */
  readonly #spares = new Map<string, ort.Tensor>();

  write(name: string, value: TensorData): Promise<void> {
    this.#tensors.set(name, toOrt({ ...value, data: value.data.slice() }));
    return Promise.resolve();
  }

  read(name: string): Promise<TensorData> {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new HdmError('internal', `variable "${name}"`, 'it is read before it was written');
    const { shape, data, dtype } = fromOrt(tensor);
    return Promise.resolve({ dtype, shape, data: data.slice() });
  }

  names(): string[] {
    return [...this.#tensors.keys()];
  }

  dispose(): Promise<void> {
    this.#tensors.clear();
    this.#spares.clear();
    return Promise.resolve();
  }

  /** For ONNX Runtime: the tensor of a variable, or undefined before it was written. */
  tensor(name: string): ort.Tensor | undefined {
    return this.#tensors.get(name);
  }

  typeOf(name: string): GivenType | undefined {
    const tensor = this.#tensors.get(name);
    return tensor && { dtype: dtypeOf(tensor), shape: tensor.dims };
  }

  /** Where the value that a run assigns is to be written. */
  target(name: string, { dtype, shape }: Tensor, sizes: Sizes, isInPlace: boolean): ort.Tensor {
    const dims = evaluateShape(shape, sizes);
    const own = (isInPlace ? this.#tensors : this.#spares).get(name);
    if (own?.dims.join() === dims.join()) return own;
    return emptyTensor(dtype, dims);
  }

  /** What was assigned takes its place; what was there before serves the next run. */
  accept(name: string, tensor: ort.Tensor): void {
    const before = this.#tensors.get(name);
    if (before === tensor) return;
    if (before) this.#spares.set(name, before);
    this.#tensors.set(name, tensor);
  }
}

/** The variables of ours that a graph needs; undefined when it needs none. */
export function ownVariables(graph: Graph, variables: Variables | undefined): OnnxVariables | undefined {
  if (graph.variables.size === 0 && graph.assignments.size === 0) return undefined;
  if (variables instanceof OnnxVariables) return variables;
  throw new HdmError('internal', 'onnx runtime', 'a graph with variables was compiled without its own');
}

/**
 * The variables whose new value may overwrite the old one: nothing reads it, or everything that does comes before the
 * new value is computed, or is that computation itself, number by number.
 */
export function overwritable(graph: Graph): Set<string> {
  const nodes = reachable(graph);
  const names = [...graph.assignments].filter(([name, next]) => {
    const variable = graph.variables.get(name);
    const readers = variable ? nodes.filter(({ inputs }) => inputs.includes(variable)) : [];
    if (readers.length === 0)
      return variable === undefined || ![...graph.outputs.values()].includes(variable);
    const isOutput = [...graph.outputs.values(), ...otherAssignments(graph, name)].includes(variable!);
    return !isOutput && comesBefore(readers, next);
  });
  return new Set(names.map(([name]) => name));
}

function otherAssignments(graph: Graph, name: string): Tensor[] {
  return [...graph.assignments].filter(([other]) => other !== name).map(([, tensor]) => tensor);
}

/** Does `next` need all of `readers`? */
function comesBefore(readers: readonly Tensor[], next: Tensor): boolean {
  const open = new Set(readers);
  if (
    open.has(next) &&
    !(isElementwise(next) && next.inputs.every(({ shape }) => sameOrNumber(shape, next)))
  ) {
    return false;
  }
  const seen = new Set<Tensor>();
  const queue = [next];
  const first = Math.min(...readers.map(({ id }) => id));
  while (queue.length > 0 && open.size > 0) {
    const node = queue.pop()!;
    open.delete(node);
    for (const input of node.inputs) {
      if (input.id < first || seen.has(input)) continue;
      seen.add(input);
      queue.push(input);
    }
  }
  return open.size === 0;
}

function sameOrNumber(shape: Tensor['shape'], next: Tensor): boolean {
  return shape.length === 0 || sameShape(shape, next.shape);
}
