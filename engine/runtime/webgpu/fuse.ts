/**
 * @file Decides what is computed together. Nodes are visited from the results backwards; a node whose readers are all in
 * one group is computed there, so nothing of it reaches memory. What several groups read is stored once, unless to
 * compute it again reads no more than to load it. A group is one kernel with one or more results:
 * - map: every element by itself
 * - row: reductions over the last axis and what is around them, some threads for each row
 * - reduce: one reduction over other axes, or over very long rows
 * - heavy: a product, an attention, …; a map that only reads a product becomes part of it (its epilogue)
 */
import { count } from '../../graph/shape.ts';
import { mapCost } from './elementwise.ts';
import { NotHere } from './emit.ts';
import { CONVOLUTION_KINDS, isHeavy, isReduction, type Node } from './node.ts';
import { rowLengthOf } from './reduction.ts';
import type { Resolved } from './resolve.ts';

export type GroupKind = 'map' | 'row' | 'reduce' | 'heavy';

export interface Group {
  kind: GroupKind;
  readonly outputs: Node[];
  /** What is computed inside, outputs and the product included. */
  readonly members: Set<Node>;
  /** Elements that the group goes through. */
  size: number;
  /** Of a row group. */
  rowLength?: number;
  /** The heavy node of a group that has one. */
  product?: Node;
}

export interface FuseOptions {
  /** Buffers that one kernel may use. */
  readonly buffers: number;
  /** Writes the kernel of a map or row group, or a heavy one with its epilogue, to see whether it can be written. */
  readonly attempt: (group: Group, isStored: (node: Node) => boolean) => Attempt;
}

export interface Attempt {
  readonly buffers: number;
  /** Is the node read only at the place that is written? */
  readonly isAligned: (node: Node) => boolean;
}

/** The groups in an order in which they can run. */
export function fuse(resolved: Resolved, options: FuseOptions): Group[] {
  const forced = new Set<Node>();
  for (;;) {
    const fusion = new Fusion(resolved, options, forced);
    const groups = fusion.run();
    const missing = fusion.missing(groups);
    if (!missing) return groups;
    forced.add(missing);
  }
}

class Fusion {
  readonly #resolved: Resolved;
  readonly #options: FuseOptions;
  /** Nodes that must be stored, as an earlier try has shown. */
  readonly #forced: ReadonlySet<Node>;
  readonly #readers = new Map<Node, Node[]>();
  readonly #sinks: ReadonlySet<Node>;
  /** The groups that compute a node. */
  readonly #owners = new Map<Node, Set<Group>>();
  /** The group that stores a node. */
  readonly #stores = new Map<Node, Group>();

  constructor(resolved: Resolved, options: FuseOptions, forced: ReadonlySet<Node>) {
    this.#resolved = resolved;
    this.#options = options;
    this.#forced = forced;
    this.#sinks = new Set([...resolved.outputs.values(), ...resolved.assignments.values()]);
    for (const node of resolved.nodes) {
      if (isPlace(node)) continue;
      for (const operand of operandsOf(node)) {
        const readers = this.#readers.get(operand);
        if (readers) readers.push(node);
        else this.#readers.set(operand, [node]);
      }
    }
  }

  run(): Group[] {
    for (const node of this.#resolved.nodes.toReversed()) {
      if (isPlace(node)) continue;
      const groups = this.#readingGroups(node);
      if (groups.size === 0 && !this.#sinks.has(node)) continue;
      this.#place(node, [...groups]);
    }
    return this.#ordered([...new Set(this.#stores.values())]);
  }

  /** A node that some group needs in memory and does not find there, or that would relieve one with too many buffers. */
  missing(groups: readonly Group[]): Node | undefined {
    for (const group of groups) {
      try {
        if (this.#attempt(group).buffers > this.#options.buffers) return middleOf(group);
      } catch (error) {
        if (error instanceof NotHere) return error.node;
        throw error;
      }
    }
    return undefined;
  }

  #place(node: Node, groups: readonly Group[]): void {
    const [only] = groups;
    const mayBeInside = !this.#sinks.has(node) && !this.#forced.has(node) && !this.#feedsHeavy(node);
    const sums = this.#sumsOf(node);
    if (sums) {
      this.#addResult(node, sums);
    } else if (isHeavy(node)) {
      if (!mayBeInside || groups.length !== 1 || !this.#becomesEpilogue(node, only!)) {
        this.#found({
          kind: 'heavy',
          outputs: [node],
          members: new Set([node]),
          size: count(node.shape),
          product: node,
        });
      }
    } else if (isReduction(node)) {
      if (!mayBeInside || groups.length !== 1 || !this.#joinsRow(node, only!))
        this.#found(reductionGroup(node));
    } else if (mayBeInside && this.#mayRepeat(node, groups)) {
      groups.forEach((group) => this.#join(node, group));
    } else if (mayBeInside && this.#mergeReaders(node, groups)) {
      this.#place(node, [...this.#readingGroups(node)]);
    } else if (endsInProduct(node, this.#readers) || !this.#joinsAsResult(node, groups)) {
      this.#found({ kind: 'map', outputs: [node], members: new Set([node]), size: count(node.shape) });
    }
  }

  /** The group that stores the sums of an attention, which is one kernel with it. */
  #sumsOf(node: Node): Group | undefined {
    if (node.work.kind !== 'attention') return undefined;
    const sums = this.#readers.get(node)?.find(({ work }) => work.kind === 'attentionSums');
    return sums && this.#stores.get(sums);
  }

  #addResult(node: Node, group: Group): void {
    group.outputs.unshift(node);
    group.product = node;
    this.#join(node, group);
    this.#stores.set(node, group);
  }

  #readingGroups(node: Node): Set<Group> {
    const groups = new Set<Group>();
    for (const reader of this.#readers.get(node) ?? []) {
      this.#owners.get(reader)?.forEach((group) => groups.add(group));
    }
    return groups;
  }

  /** Heavy kernels read from memory, except what is computed in their epilogues. */
  #feedsHeavy(node: Node): boolean {
    return (this.#readers.get(node) ?? []).some((reader) => isHeavy(reader) && this.#owners.has(reader));
  }

  #found(group: Group): void {
    for (const node of group.members) this.#owners.set(node, new Set([group]));
    for (const node of group.outputs) this.#stores.set(node, group);
  }

  #join(node: Node, group: Group): void {
    group.members.add(node);
    const owners = this.#owners.get(node) ?? new Set();
    this.#owners.set(node, owners.add(group));
  }

  /** Is computing a node in all these groups no worse than storing it? */
  #mayRepeat(node: Node, groups: readonly Group[]): boolean {
    const size = count(node.shape);
    const cost = node.work.kind === 'map' ? mapCost(node.work.rule) : 2;
    const isSmall = groups.some((group) => group.size >= 8 * size && !isOfRows(node, group));
    if (isSmall && cost > CHEAP) return false;
    if (groups.every((group) => this.#hasRoom(node, group)) === false) return false;
    if (groups.length === 1) return true;
    const large = operandsOf(node).filter((operand) => 4 * count(operand.shape) > size);
    const isMove = node.work.kind === 'concat' || node.work.kind === 'choose';
    return cost <= CHEAP && !isMove && large.length <= 1;
  }

  #hasRoom(node: Node, group: Group): boolean {
    const leaves = new Set<Node>(group.outputs);
    for (const member of [...group.members, node]) {
      if (member !== group.product) operandsOf(member).forEach((operand) => leaves.add(operand));
      else leaves.add(member).add(node);
    }
    for (const member of [...group.members, node]) {
      if (!group.outputs.includes(member)) leaves.delete(member);
    }
    const own = group.product ? operandsOf(group.product).length : 0;
    return leaves.size + own <= this.#options.buffers;
  }

  /** Two maps that read a costly node, as the rotations of q and k read their angles, become one kernel. */
  #mergeReaders(node: Node, groups: readonly Group[]): boolean {
    const [first, second] = groups as [Group, Group];
    const isFit =
      groups.length === 2 && groups.every(({ kind, size }) => kind === 'map' && size === first.size);
    if (
      !isFit ||
      this.#dependsOn(first, new Set([second]), 0) ||
      this.#dependsOn(second, new Set([first]), 0)
    ) {
      return false;
    }
    const outputs = [...first.outputs, ...second.outputs];
    const members = new Set([...first.members, ...second.members]);
    if (!this.#hasRoom(node, { ...first, outputs, members }) || !this.#works({ ...first, outputs, members }))
      return false;
    first.outputs.push(...second.outputs);
    for (const member of second.members) {
      this.#owners.get(member)!.delete(second);
      this.#join(member, first);
    }
    for (const output of second.outputs) this.#stores.set(output, first);
    return true;
  }

  #joinsRow(node: Node, group: Group): boolean {
    const length = rowLengthOf(node);
    const size = count(node.inputs[0]!.shape);
    if (length === undefined || group.product) return false;
    const fits =
      group.kind === 'row'
        ? group.rowLength === length && group.size === size
        : group.kind === 'map' && (group.size === size || group.size * length === size);
    if (!fits || !this.#hasRoom(node, group)) return false;
    const trial: Group = {
      ...group,
      kind: 'row',
      rowLength: length,
      size,
      members: new Set(group.members).add(node),
    };
    if (!this.#works(trial)) return false;
    Object.assign(group, { kind: 'row', rowLength: length, size });
    this.#join(node, group);
    return true;
  }

  #becomesEpilogue(node: Node, group: Group): boolean {
    const isFit = group.kind === 'map' && !group.product && group.size === count(node.shape);
    if (!isFit || !HAS_EPILOGUE.has(node.work.kind)) return false;
    const trial: Group = {
      ...group,
      kind: 'heavy',
      product: node,
      members: new Set(group.members).add(node),
    };
    if (!this.#works(trial)) return false;
    Object.assign(group, { kind: 'heavy', product: node });
    this.#join(node, group);
    return true;
  }

  /** A node that must be stored, and that the first group which reads it can store as well. */
  #joinsAsResult(node: Node, readers: readonly Group[]): boolean {
    const first = readers.length > 0 && this.#readers.get(node)!.reduce((a, b) => (a.id < b.id ? a : b));
    const [group] = (first && this.#owners.get(first)) || [];
    if (!group) return false;
    const isFit =
      (group.kind === 'map' || group.kind === 'row') && !group.product && group.size === count(node.shape);
    if (!isFit || !this.#hasRoom(node, { ...group, outputs: [...group.outputs, node] })) return false;
    const isStored = (other: Node): boolean => other === node || !group.members.has(other);
    const attempt = tryTo(() => this.#options.attempt(group, isStored));
    if (!attempt?.isAligned(node)) return false;
    const others = new Set(readers.filter((reader) => reader !== group));
    if (others.size > 0 && this.#dependsOn(group, others, node.id)) return false;
    group.outputs.push(node);
    this.#join(node, group);
    this.#stores.set(node, group);
    return true;
  }

  /** Does a group need one of `others`? Groups with nothing later than node `from` cannot. */
  #dependsOn(group: Group, others: ReadonlySet<Group>, from: number): boolean {
    const seen = new Set<Group>([group]);
    const stack = [group];
    for (let next = stack.pop(); next; next = stack.pop()) {
      for (const source of this.#sourcesOf(next)) {
        if (others.has(source)) return true;
        if (seen.has(source) || lastOf(source) < from) continue;
        seen.add(source);
        stack.push(source);
      }
    }
    return false;
  }

  #sourcesOf(group: Group): Set<Group> {
    const sources = new Set<Group>();
    for (const member of group.members) {
      for (const operand of operandsOf(member)) {
        const source = this.#stores.get(operand);
        if (source && source !== group) sources.add(source);
      }
    }
    return sources;
  }

  #works(group: Group): boolean {
    const attempt = tryTo(() => this.#attempt(group));
    return attempt !== undefined && attempt.buffers <= this.#options.buffers;
  }

  /** Whatever the group does not compute is in memory when it runs; so is what was not visited yet, for all one knows. */
  #attempt(group: Group): Attempt {
    return this.#options.attempt(group, (node) => !group.members.has(node));
  }

  #ordered(groups: readonly Group[]): Group[] {
    const done = new Set<Group>();
    const order: Group[] = [];
    const visit = (first: Group): void => {
      const stack: { group: Group; sources: Group[] }[] = [
        { group: first, sources: [...this.#sourcesOf(first)] },
      ];
      done.add(first);
      while (stack.length > 0) {
        const { group, sources } = stack.at(-1)!;
        const next = sources.pop();
        if (!next) {
          order.push(group);
          stack.pop();
        } else if (!done.has(next)) {
          done.add(next);
          stack.push({ group: next, sources: [...this.#sourcesOf(next)] });
        }
      }
    };
    [...groups].sort((a, b) => lastOf(a) - lastOf(b)).forEach((group) => done.has(group) || visit(group));
    return order;
  }
}

const CHEAP = 4;

/** Heavy kernels that hand their results to an epilogue. */
const HAS_EPILOGUE = new Set<string>(['matmul', ...CONVOLUTION_KINDS]);

function reductionGroup(node: Node): Group {
  const size = count(node.inputs[0]!.shape);
  const length = rowLengthOf(node);
  const group = { outputs: [node], members: new Set([node]), size };
  return length === undefined ? { ...group, kind: 'reduce' } : { ...group, kind: 'row', rowLength: length };
}

/** Is it one number for each row of a group, or will be when the reduction that it comes from has joined the group? */
function isOfRows(node: Node, group: Group): boolean {
  const size = count(node.shape);
  if (group.rowLength) return size * group.rowLength === group.size;
  return operandsOf(node).some((operand) => {
    if (count(operand.shape) !== size) return false;
    if (isReduction(operand)) return (rowLengthOf(operand) ?? 0) * size === group.size;
    return operand.work.kind === 'map' && isOfRows(operand, group);
  });
}

/** Is it more of an epilogue than a part of what reads it? */
function endsInProduct(node: Node, readers: ReadonlyMap<Node, readonly Node[]>): boolean {
  return operandsOf(node).some((operand) => {
    if (count(operand.shape) !== count(node.shape) || readers.get(operand)!.length !== 1) return false;
    if (HAS_EPILOGUE.has(operand.work.kind)) return true;
    return operand.work.kind === 'map' && endsInProduct(operand, readers);
  });
}

/** A node whose storing cuts a group about in half. */
function middleOf({ members, outputs, product }: Group): Node {
  const inside = [...members].filter((node) => !outputs.includes(node) && node !== product);
  return inside[Math.floor(inside.length / 2)]!;
}

/** Is it no work but a place: a buffer, a number, a view? */
function isPlace({ work: { kind } }: Node): boolean {
  return kind === 'given' || kind === 'literal' || kind === 'view';
}

/** The nodes that a node needs, views followed to what they show. Numbers are no operands. */
export function operandsOf(node: Node): Node[] {
  const known = OPERANDS.get(node);
  if (known) return known;
  const found = new Set<Node>();
  const follow = (input: Node): void => {
    if (input.work.kind === 'literal') return;
    if (input.work.kind !== 'view') {
      found.add(input);
      return;
    }
    follow(input.inputs[0]!);
  };
  node.inputs.forEach(follow);
  const operands = [...found];
  OPERANDS.set(node, operands);
  return operands;
}

const OPERANDS = new WeakMap<Node, Node[]>();

function lastOf(group: Group): number {
  let last = 0;
  for (const { id } of group.members) last = Math.max(last, id);
  return last;
}

function tryTo<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof NotHere) return undefined;
    throw error;
  }
}
