/** @file Kernels that compute every element by itself. */
import { count } from '../../../graph/shape.ts';
import { Emitter, lanes } from '../emit.ts';
import type { Group } from '../fuse.ts';
import { plus, times, variable, type Index } from '../indexing.ts';
import { MAIN } from '../kernels/wgsl.ts';
import { FORMAT_BYTES, type Node } from '../node.ts';
import type { Width } from '../elementwise.ts';
import { groupNumber, spread, type WriteContext, type Written } from './written.ts';

const THREADS = 256;

export function writeMap(group: Group, context: WriteContext): Written {
  const { features } = context;
  const width: Width = group.size % 4 === 0 ? 4 : 1;
  const number = group.size / width;
  const threads = Math.min(THREADS, features.workgroupThreads);
  const emitter = new Emitter(context);
  const position = positionAt('v_at', number, width);
  const values = group.outputs.map((node) => emitter.valueAt(node, position, width));
  group.outputs.forEach((node, index) => emitter.store(node, position, values[index]!, width));
  const workgroups = spread(Math.ceil(number / threads), features);
  const source = `${preamble(emitter)}
@compute @workgroup_size(${threads})
${MAIN}
  let v_at = ${groupNumber(workgroups)} * ${threads}u + thread;
  if (v_at >= ${number}u) { return; }
${emitter.body()}
}
`;
  return written(emitter, {
    name: `map ${nameOf(group)} ${group.size}`,
    source,
    workgroups,
    flops: group.size * group.members.size,
    aligned: [position.text],
  });
}

/** Position number `name` of `number`, in vectors or single. */
export function positionAt(name: string, number: number, width: Width): Index {
  const at = variable(name, number);
  return width === 4 ? plus(times(at, 4), lanes) : at;
}

/** Extensions, buffers and helpers of a kernel. */
export function preamble(emitter: Emitter): string {
  const half = emitter.bound.some(({ node }) => node.format === 'f16') ? 'enable f16;\n' : '';
  return `${half}${emitter.declarations()}${emitter.helpers()}`;
}

interface Facts {
  readonly name: string;
  readonly source: string;
  readonly workgroups: readonly [number, number, number];
  readonly flops: number;
  /** Texts of the positions that are written. */
  readonly aligned: readonly string[];
}

/** One kernel from what an emitter has gathered. */
export function written(emitter: Emitter, { aligned, ...kernel }: Facts): Written {
  const { bound } = emitter;
  const step = {
    kernel: {
      ...kernel,
      bindings: bound.map(({ access }) => access),
      bytes: bytesOf(bound.map(({ node }) => node)),
    },
    buffers: bound.map(({ node }) => node),
  };
  return { steps: [step], buffers: bound.length, isAligned: isAlignedIn(emitter, aligned) };
}

export function isAlignedIn(emitter: Emitter, aligned: readonly string[]): (node: Node) => boolean {
  return (node) => [...(emitter.reads.get(node) ?? [])].every((text) => aligned.includes(text));
}

export function bytesOf(nodes: readonly Node[]): number {
  return [...new Set(nodes)].reduce(
    (total, { shape, format }) => total + count(shape) * FORMAT_BYTES[format],
    0,
  );
}

/** The ops of a group, as far as a person wants to read them: `mul add … exp`. */
export function nameOf({ members }: Group): string {
  const names = [...members].toReversed().map(({ work }) => (work.kind === 'map' ? work.rule : work.kind));
  return names.length <= 4
    ? names.join(' ')
    : `${names.slice(0, 2).join(' ')} … ${names.at(-1)} (${names.length})`;
}
