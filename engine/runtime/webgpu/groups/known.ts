/**
 * @file Groups that are alike but for the nodes they are made of have the same kernel. A network repeats its blocks, and an
 * optimizer its update: each kernel is written once.
 */
import { NotHere } from '../emit.ts';
import type { Group } from '../fuse.ts';
import type { Kernel } from '../kernel.ts';
import type { Node } from '../node.ts';
import type { Step, Writer, WriteContext, Written } from './written.ts';

/** Nodes by their numbers within a group; memory of the kernels alone is described in place. */
type Place = number | Node;

interface Known {
  readonly steps: readonly { readonly kernel: Kernel; readonly buffers: readonly Place[] }[];
  readonly buffers: number;
  readonly aligned: ReadonlySet<number>;
}

export type KnownGroups = Map<string, Known | { readonly missing: number }>;

/** What `write` would write, from `known` if a group like this was written before. */
export function writeOnce(known: KnownGroups, write: Writer, group: Group, context: WriteContext): Written {
  const numbering = new Numbering();
  const key = numbering.describe(group, context.inPlace);
  const found = known.get(key);
  if (found)
    return found && 'missing' in found ? refuse(numbering.node(found.missing)) : restored(found, numbering);
  try {
    const written = write(group, context);
    known.set(key, stored(written, numbering));
    return written;
  } catch (error) {
    if (error instanceof NotHere) known.set(key, { missing: numbering.numberOf(error.node) });
    throw error;
  }
}

function refuse(node: Node): never {
  throw new NotHere(node);
}

function stored({ steps, buffers, isAligned }: Written, numbering: Numbering): Known {
  const place = (node: Node): Place => (node.work.kind === 'scratch' ? node : numbering.numberOf(node));
  return {
    steps: steps.map(({ kernel, buffers: own }) => ({ kernel, buffers: own.map(place) })),
    buffers,
    aligned: new Set(numbering.nodes.keys().filter((number) => isAligned(numbering.node(number)))),
  };
}

function restored({ steps, buffers, aligned }: Known, numbering: Numbering): Written {
  const copies = new Map<Node, Node>();
  const nodeAt = (place: Place): Node => {
    if (typeof place === 'number') return numbering.node(place);
    const own = copies.get(place) ?? { ...place };
    copies.set(place, own);
    return own;
  };
  const restore = ({ kernel, buffers: own }: Known['steps'][number]): Step => ({
    kernel,
    buffers: own.map(nodeAt),
  });
  return { steps: steps.map(restore), buffers, isAligned: (node) => aligned.has(numbering.numberOf(node)) };
}

/** The nodes of a group and what it reads, numbered in the order in which its description comes to them. */
class Numbering {
  readonly nodes: Node[] = [];
  readonly #numbers = new Map<Node, number>();

  describe(group: Group, inPlace: ReadonlyMap<Node, Node> = new Map()): string {
    const members = [...group.members].sort((a, b) => a.id - b.id);
    const lines = members.map((node) => {
      const inputs = node.inputs.map((input) => this.#operand(input)).join();
      return `${this.numberOf(node)}=${detailsOf(node)}(${inputs})`;
    });
    const outputs = group.outputs.map((node) => this.numberOf(node)).join();
    const product = group.product ? this.numberOf(group.product) : '';
    const aliases = [...inPlace].map(([node, old]) => `${this.numberOf(node)}@${this.numberOf(old)}`);
    return [group.kind, group.size, group.rowLength, outputs, product, ...aliases, ...lines].join('\n');
  }

  numberOf(node: Node): number {
    const known = this.#numbers.get(node);
    if (known !== undefined) return known;
    this.#numbers.set(node, this.nodes.length);
    return this.nodes.push(node) - 1;
  }

  node(number: number): Node {
    return this.nodes[number]!;
  }

  #operand(node: Node): string {
    const { work, shape, format } = node;
    if (work.kind === 'literal') return `${work.value} ${format}`;
    if (work.kind === 'view') return `${work.key}[${shape.join()}](${this.#operand(node.inputs[0]!)})`;
    const isNew = !this.#numbers.has(node);
    const number = this.numberOf(node);
    return isNew ? `${number}[${shape.join()}]${format}` : String(number);
  }
}

/** All of a node that shapes its kernel, but for its operands. */
function detailsOf(node: Node): string {
  const known = DETAILS.get(node);
  if (known) return known;
  const details = `${Object.values(node.work).flat().join(' ')}[${node.shape.join()}]${node.format}`;
  DETAILS.set(node, details);
  return details;
}

const DETAILS = new WeakMap<Node, string>();
