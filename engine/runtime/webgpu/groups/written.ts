/** @file What a group becomes: the source of its kernel, and the nodes that its buffers hold. */
import type { Features, Kernel } from '../kernel.ts';
import type { Attempt, Group } from '../fuse.ts';
import type { Node } from '../node.ts';

/** A kernel and what its bindings are, in their order. */
export interface Step {
  readonly kernel: Kernel;
  readonly buffers: readonly Node[];
}

export interface Written extends Attempt {
  readonly steps: readonly Step[];
}

export interface WriteContext {
  readonly features: Features;
  readonly isStored: (node: Node) => boolean;
  /** Results that take the place of an operand. */
  readonly inPlace?: ReadonlyMap<Node, Node>;
}

export type Writer = (group: Group, context: WriteContext) => Written;

/** Workgroups for so many threads or pieces: along x, and along y what is beyond the limit of x. */
export function spread(groups: number, { workgroupCount }: Features): readonly [number, number, number] {
  const x = Math.min(groups, workgroupCount);
  return [x, Math.ceil(groups / x), 1];
}

/** The number of a workgroup that was spread. */
export function groupNumber([x]: readonly [number, number, number]): string {
  return `(group.x + group.y * ${x}u)`;
}
