/** @file A graph as text, for people: one line for each node, then outputs and assignments. */
import { formatDim, type Dim } from './dim.ts';
import { toFloat64, type TensorData } from './dtype.ts';
import {
  CONSTANT,
  INPUT,
  VARIABLE,
  WEIGHT,
  formatType,
  type Graph,
  type NamedType,
  type Tensor,
} from './graph.ts';

/**
 * Lines such as `%12 = linear(%3, weight:qkv) f32 [b, h*w + l, 1024]  {attributes}`. Inputs and weights go by
 * their names, everything else by its position.
 */
export function printGraph(graph: Graph): string {
  const nodes = graph.nodes.map(printNode);
  const outputs = [...graph.outputs].map(([name, tensor]) => `output:${name} = ${label(tensor)}`);
  const assignments = [...graph.assignments].map(([name, tensor]) => `variable:${name} := ${label(tensor)}`);
  return [...nodes, ...outputs, ...assignments].join('\n');
}

function printNode(node: Tensor): string {
  const { op, inputs, attributes } = node;
  if (isNamed(node)) return `${label(node)} ${formatType(node)}`;
  if (op === CONSTANT) {
    return `${label(node)} = constant(${numbers((attributes as { value: TensorData }).value)}) ${formatType(node)}`;
  }
  const call = `${op.name}(${inputs.map(label).join(', ')})`;
  const details = attributes === null ? '' : `  ${format(attributes)}`;
  return `${label(node)} = ${call} ${formatType(node)}${details}`;
}

function label(node: Tensor): string {
  return isNamed(node) ? `${node.op.name}:${(node.attributes as NamedType).name}` : `%${node.id}`;
}

function isNamed({ op }: Tensor): boolean {
  return op === INPUT || op === WEIGHT || op === VARIABLE;
}

const SHOWN_NUMBERS = 4;

/** The first numbers of a constant, and how many there are: `1, 0.5, 0.25, 0.125, … 512 numbers`. */
function numbers(value: TensorData): string {
  const { length } = value.data;
  const shown = Array.from(toFloat64(value).subarray(0, SHOWN_NUMBERS), shorten).join(', ');
  return length > SHOWN_NUMBERS ? `${shown}, … ${length} numbers` : shown;
}

/** The number without the digits that a float32 does not have. */
function shorten(value: number): number {
  return Number(value.toPrecision(7));
}

/** Attributes are numbers, words, sizes, and lists and records of them. */
function format(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(format).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  if ('terms' in value) return formatDim(value as Dim);
  const fields = Object.entries(value).map(([name, inner]) => `${name}: ${format(inner)}`);
  return `{${fields.join(', ')}}`;
}
