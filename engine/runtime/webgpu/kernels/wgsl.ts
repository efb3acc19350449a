/** @file Small pieces of WGSL that several kernels are written with. */

export type Scalar = 'f16' | 'f32';

/** One line for each of the first `count` numbers. */
export function lines(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join('\n');
}

/** What a module says first: the extensions it uses. */
export function enable(uses: { readonly half?: boolean; readonly matrices?: boolean }): string {
  return [
    uses.half ? 'enable f16;' : '',
    uses.matrices ? 'enable subgroups;\nenable chromium_experimental_subgroup_matrix;' : '',
    // Which subgroup computes what follows from the number of the thread. The compiler cannot see that all of a
    // subgroup agree on it.
    uses.matrices ? 'diagnostic(off, chromium.subgroup_matrix_uniformity);' : '',
  ]
    .filter(Boolean)
    .join('\n');
}

/** How every kernel begins: `group` is its workgroup, `thread` its number within. Slices change what `group` is. */
export const MAIN =
  'fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {';

export function buffer(
  binding: number,
  name: string,
  element: string,
  access: 'read' | 'read_write',
): string {
  return `@group(0) @binding(${binding}) var<storage, ${access}> ${name}: array<${element}>;`;
}

/** A sum of terms, `left out` where they are zero. */
export function sumOf(...terms: readonly (string | number)[]): string {
  const kept = terms
    .filter((term) => term !== 0)
    .map((term) => (typeof term === 'number' ? `${term}u` : term));
  return kept.length > 0 ? kept.join(' + ') : '0u';
}

/** `value * factor`, shorter where the factor is 0 or 1. */
export function times(value: string, factor: number): string | number {
  if (factor === 0) return 0;
  return factor === 1 ? value : `${value} * ${factor}u`;
}

/**
 * Workgroups for `count` pieces of work and `depth` layers. An axis of a dispatch has a limit, so the pieces spread
 * over two axes; `pieceOf` reads the number of the piece, which is `count` or more in the last few workgroups.
 */
export function spread(count: number, depth: number, limit: number): [number, number, number] {
  const rows = Math.ceil(count / limit);
  return [Math.ceil(count / rows), rows, depth];
}

export function pieceOf(group: string, [columns]: readonly number[]): string {
  return `${group}.y * ${columns}u + ${group}.x`;
}

export function divide(value: number, by: number): number {
  return Math.ceil(value / by);
}
