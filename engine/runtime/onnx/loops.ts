/**
 * @file Updates as loops. A graph that treats all numbers of its variables alike, as an optimizer's update does, falls
 * into groups that share no variable. Each group becomes one loop in WebAssembly, which reads and writes every number
 * once. ONNX Runtime would walk through all of memory for every op, and copy all that it has assigned.
 */
import { toFloat32, type TensorData } from '../../graph/dtype.ts';
import {
  CONSTANT,
  INPUT,
  reachable,
  VARIABLE,
  type Graph,
  type NamedType,
  type Tensor,
} from '../../graph/graph.ts';
import { sameShape } from '../../graph/shape.ts';
import { bindSizes } from '../bind.ts';
import type { Program, Values } from '../runtime.ts';
import { overwritable, type OnnxVariables } from './variables.ts';
import { code, compileLoop, FIRST_VECTOR, loopMemory, VECTOR_OPS, type LoopMemory } from './wasm.ts';

/** Bytes of each variable that are in the loop's memory at a time; with all of a group they stay in the cache. */
const PIECE_BYTES = 2 ** 16;
/** Numbers of one variable in a piece. */
export const PIECE = PIECE_BYTES / 4;
/** The numbers that all share lie in front of the pieces. */
const SHARED_BYTES = 2 ** 16;

interface Loop {
  /** The variables, in the order of their pieces. */
  readonly names: readonly string[];
  /** Computes a piece up to the byte `end`. */
  readonly run: (end: number) => void;
}

/** The graph as loops over `variables`; undefined when some of it is more than the same few ops for each number. */
export function compileLoops(graph: Graph, variables: OnnxVariables): Program | undefined {
  if (!isLoop(graph)) return undefined;
  const groups = groupsOf(graph);
  const most = Math.max(...groups.map((names) => names.length));
  const memory = loopMemory(addressOf(most));
  const numbers = new Float32Array(memory.buffer);
  const loops = groups.map((names) => ({ names, run: compileGroup(graph, names, memory) }));
  return {
    run(inputs) {
      bindSizes(graph, inputs, (name) => variables.typeOf(name));
      numbers.set(sharedNumbers(graph, inputs));
      for (const loop of loops) runLoop(graph, loop, numbers, variables);
      return Promise.resolve({});
    },
    dispose: () => Promise.resolve(),
  };
}

function runLoop(graph: Graph, { names, run }: Loop, numbers: Float32Array, variables: OnnxVariables): void {
  const arrays = names.map((name) => variables.tensor(name)!.data as Float32Array);
  const { length } = arrays[0]!;
  for (let start = 0; start < length; start += PIECE) {
    const end = Math.min(length, start + PIECE);
    arrays.forEach((array, slot) => numbers.set(array.subarray(start, end), addressOf(slot) / 4));
    run((end - start) * 4);
    arrays.forEach((array, slot) => {
      if (!graph.assignments.has(names[slot]!)) return;
      const first = addressOf(slot) / 4;
      array.set(numbers.subarray(first, first + end - start), start);
    });
  }
}

// --- which graphs -----------------------------------------------------------------------------------------

function isLoop(graph: Graph): boolean {
  const { outputs, assignments, variables } = graph;
  if (outputs.size > 0 || assignments.size === 0) return false;
  if (![...assignments.keys()].every((name) => variables.has(name))) return false;
  return reachable(graph).every(isAlike) && overwritable(graph).size === assignments.size;
}

/** In float32, a number for all or made of what lies at the same place. */
function isAlike({ op, dtype, inputs, shape }: Tensor): boolean {
  if (dtype !== 'f32') return false;
  if (op.name === INPUT.name || op.name === CONSTANT.name) return shape.length === 0;
  if (op.name === VARIABLE.name) return shape.length > 0;
  return (
    op.name in VECTOR_OPS &&
    inputs.every((input) => input.shape.length === 0 || sameShape(input.shape, shape))
  );
}

/** Names of variables that depend on each other. */
function groupsOf(graph: Graph): string[][] {
  const groupOf = new Map([...graph.variables.keys()].map((name) => [name, new Set([name])]));
  for (const [name, next] of graph.assignments) {
    const group = groupOf.get(name)!;
    for (const other of variablesOf(next)) {
      for (const member of groupOf.get(other)!) {
        group.add(member);
        groupOf.set(member, group);
      }
    }
  }
  return [...new Set(groupOf.values())].map((group) => [...group]);
}

function variablesOf(tensor: Tensor): string[] {
  const needed = new Set([tensor]);
  for (const node of needed) node.inputs.forEach((input) => needed.add(input)); // grows while it is gone through
  return [...needed].filter(({ op }) => op.name === VARIABLE.name).map(nameOf);
}

// --- their code -------------------------------------------------------------------------------------------

/** Every value is a vector of its own: what all numbers share is computed before the loop. */
function compileGroup(graph: Graph, names: readonly string[], memory: LoopMemory): Loop['run'] {
  const places = new Map<Tensor, number>();
  const [before, body]: number[][] = [[], []];
  const inputNames = [...graph.inputs.keys()];
  const compute = (node: Tensor): number[] => {
    const { op, attributes, inputs } = node;
    if (op.name === INPUT.name) return code.splat(4 * inputNames.indexOf(nameOf(node)));
    if (op.name === CONSTANT.name)
      return code.constant(toFloat32((attributes as { value: TensorData }).value)[0]!);
    if (op.name === VARIABLE.name) return code.load(addressOf(names.indexOf(nameOf(node))));
    return [...inputs.flatMap((input) => code.get(places.get(input)!)), ...code.vectorOp(op.name)];
  };
  const place = (node: Tensor): void => {
    if (places.has(node)) return;
    node.inputs.forEach(place);
    const local = FIRST_VECTOR + places.size;
    (node.shape.length === 0 ? before : body)!.push(...compute(node), ...code.set(local));
    places.set(node, local);
  };
  const assigned = names.flatMap((name, slot) => {
    const next = graph.assignments.get(name);
    return next ? [{ next, slot }] : [];
  });
  for (const { next } of assigned) place(next);
  for (const { next, slot } of assigned) body!.push(...code.store(addressOf(slot), places.get(next)!));
  return compileLoop(memory, places.size, before!, body!);
}

function addressOf(slot: number): number {
  return SHARED_BYTES + slot * PIECE_BYTES;
}

function sharedNumbers(graph: Graph, inputs: Values): Float32Array {
  return Float32Array.from([...graph.inputs.keys()], (name) => toFloat32(inputs[name]!)[0]!);
}

function nameOf({ attributes }: Tensor): string {
  return (attributes as NamedType).name;
}
