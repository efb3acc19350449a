/** @file Where everything lies: in buffers that were there before, or in buffers that are used again and again. */
import { count } from '../../graph/shape.ts';
import type { Gpu } from './device.ts';
import { fuse, type Group } from './fuse.ts';
import { writeOnce, type KnownGroups } from './groups/known.ts';
import { writeHeavy } from './groups/heavy.ts';
import { writeMap } from './groups/map.ts';
import { writeReduction } from './groups/reduce.ts';
import { writeRows } from './groups/row.ts';
import type { Step, WriteContext, Writer, Written } from './groups/written.ts';
import { FORMAT_BYTES, type Node, type Source } from './node.ts';
import type { Resolved } from './resolve.ts';
import { sliced, submissions, type Dispatch } from './slices.ts';

/** What a binding of a step shows. */
export type Location = { readonly kind: 'slot'; readonly slot: number } | Source;

export interface Plan {
  readonly steps: readonly Step[];
  /** What is given to the GPU at a time. */
  readonly submissions: readonly (readonly Dispatch[])[];
  readonly locations: ReadonlyMap<Node, Location>;
  /** Bytes of the buffers for intermediate results, largest first. */
  readonly slots: readonly number[];
  /** Variables whose new value is elsewhere at the end of a run: it is copied then. */
  readonly copies: readonly { readonly name: string; readonly from: Node }[];
  readonly outputs: ReadonlyMap<string, Node>;
}

const WRITERS: Readonly<Record<Group['kind'], Writer>> = {
  map: writeMap,
  row: writeRows,
  reduce: writeReduction,
  heavy: writeHeavy,
};

/** Kernels in order, and a buffer for everything that they read and write. */
export function plan(
  resolved: Resolved,
  { features, buffersPerKernel }: Pick<Gpu, 'features' | 'buffersPerKernel'>,
  known: KnownGroups = new Map(),
): Plan {
  const write = (group: Group, context: Omit<WriteContext, 'features'>): Written =>
    writeOnce(known, WRITERS[group.kind], group, { features, ...context });
  const fused = fuse(resolved, {
    buffers: buffersPerKernel,
    attempt: (group, isStored) => write(group, { isStored }),
  });
  const groups = fused.filter(({ outputs }) => outputs.some(({ shape }) => count(shape) > 0));
  const isStoredFor = (group: Group) => (node: Node) => !group.members.has(node);
  const written = groups.map((group) => write(group, { isStored: isStoredFor(group) }));
  const inPlace = placeVariables(resolved, groups, written);
  const whole = groups.flatMap((group, index) => {
    const own = inPlace.within.get(group);
    if (!own) return written[index]!.steps;
    const aliased = write(group, { isStored: isStoredFor(group), inPlace: own });
    const isSound = aliased.steps.every(({ buffers }) => new Set(buffers).size === buffers.length);
    if (isSound) return aliased.steps;
    own.forEach((_, node) => inPlace.variables.delete(node));
    return written[index]!.steps;
  });
  const steps = whole.map(({ kernel, buffers }) => ({ kernel: sliced(kernel, features), buffers }));
  const assigned = [...resolved.assignments].filter(([, node]) => !inPlace.variables.has(node));
  const copies = assigned.map(([name, from]) => ({ name, from }));
  const kept = new Set([...resolved.outputs.values(), ...copies.map(({ from }) => from)]);
  const parts = submissions(
    steps.map(({ kernel }) => kernel),
    features.speeds,
  );
  const places = locate(steps, inPlace.variables, kept);
  return { steps, submissions: parts, copies, outputs: resolved.outputs, ...places };
}

interface InPlace {
  /** New values that may be written where the old ones are. */
  readonly variables: Map<Node, Source>;
  /** Of each group, those whose old value it reads itself: both are one binding then. */
  readonly within: Map<Group, Map<Node, Node>>;
}

/** A new value takes the place of the old one when no later kernel reads that, and its own only where it writes. */
function placeVariables(resolved: Resolved, groups: readonly Group[], written: readonly Written[]): InPlace {
  const result: InPlace = { variables: new Map(), within: new Map() };
  const lastRead = new Map<Node, number>();
  written.forEach(({ steps }, position) => {
    steps.forEach(({ buffers }) => buffers.forEach((node) => lastRead.set(node, position)));
  });
  const positions = new Map(
    groups.flatMap((group, index) => group.outputs.map((node) => [node, index] as const)),
  );
  const variables = new Map(resolved.nodes.flatMap((node) => variableEntry(node)));
  for (const [name, node] of resolved.assignments) {
    const old = variables.get(name);
    const at = positions.get(node) ?? -1; // nothing is computed for a tensor without elements
    const last = (old && lastRead.get(old)) ?? -1;
    if (at < 0 || last > at || (last === at && !written[at]!.isAligned(old!))) continue;
    result.variables.set(node, { kind: 'variable', name });
    if (last !== at) continue;
    const group = groups[at]!;
    result.within.set(group, (result.within.get(group) ?? new Map<Node, Node>()).set(node, old!));
  }
  return result;
}

function variableEntry(node: Node): [name: string, Node][] {
  const { work } = node;
  return work.kind === 'given' && work.source.kind === 'variable' ? [[work.source.name, node]] : [];
}

/** Gives every node of the steps a buffer; two share one when they do not live at the same time. */
function locate(
  steps: readonly Step[],
  variables: ReadonlyMap<Node, Source>,
  kept: ReadonlySet<Node>,
): Pick<Plan, 'locations' | 'slots'> {
  const locations = new Map<Node, Location>(variables);
  const lives = new Map<Node, { node: Node; first: number; last: number; bytes: number }>();
  steps.forEach(({ buffers }, position) => {
    for (const node of buffers) {
      if (node.work.kind === 'given') locations.set(node, node.work.source);
      if (locations.has(node)) continue;
      const known = lives.get(node);
      if (known) known.last = position;
      else
        lives.set(node, {
          node,
          first: position,
          last: position,
          bytes: count(node.shape) * FORMAT_BYTES[node.format],
        });
    }
  });
  for (const node of kept) {
    if (locations.has(node)) continue;
    const bytes = count(node.shape) * FORMAT_BYTES[node.format];
    lives.set(node, { node, first: steps.length, bytes, ...lives.get(node), last: Infinity });
  }
  const slots: { bytes: number; lives: { first: number; last: number }[] }[] = [];
  for (const life of [...lives.values()].sort((a, b) => b.bytes - a.bytes)) {
    const isFree = (slot: (typeof slots)[number]): boolean =>
      slot.lives.every(({ first, last }) => last < life.first || first > life.last);
    let index = slots.findIndex(isFree);
    if (index < 0) index = slots.push({ bytes: life.bytes, lives: [] }) - 1;
    slots[index]!.lives.push(life);
    locations.set(life.node, { kind: 'slot', slot: index });
  }
  return { locations, slots: slots.map(({ bytes }) => bytes) };
}
