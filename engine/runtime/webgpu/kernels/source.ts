/** @file Operands of a product: where their numbers lie, as WGSL functions that fetch a few neighbours at once. */
import { buffer, sumOf, times, type Scalar } from './wgsl.ts';

/** A matrix in a buffer, in elements. The last axis is contiguous. */
export interface Operand {
  /** Stored [k, m] instead of [m, k], or [n, k] instead of [k, n]. */
  readonly transposed: boolean;
  readonly rowStride: number;
  readonly batchStride: number;
  readonly offset: number;
}

/** An operand as a product reads it: `outer` is the row of the left one or the column of the right one, `inner` is k. */
export interface Source {
  readonly dtype: Scalar;
  /** The axis along which a fetch runs: the contiguous one. */
  readonly along: 'outer' | 'inner';
  readonly outer: number;
  readonly inner: number;
  /** Fetches of so many neighbours, at multiples of it, are one load. */
  readonly aligned: 1 | 4 | 8;
  /** Module-level WGSL: the buffer, and `name`(batch, outer, inner), which gives a `Group` of neighbours. */
  declarations(binding: number, name: string, group: Group): string;
}

/** What a fetch gives: four numbers widened to f32, or eight f16 as they lie in memory. */
export type Group = 'vec4<f32>' | '8 x f16';

export const WIDTHS = { 'vec4<f32>': 4, '8 x f16': 8 } as const;

export function operandSource(
  operand: Operand,
  dtype: Scalar,
  contiguous: 'outer' | 'inner',
  size: { readonly outer: number; readonly inner: number },
): Source {
  const { rowStride, batchStride, offset } = operand;
  const [row, column] = contiguous === 'inner' ? ['outer', 'inner'] : ['inner', 'outer'];
  const place = sumOf(times('batch', batchStride), times(row, rowStride), column, offset);
  return placedSource(dtype, { along: contiguous, ...size }, place, rowStride, batchStride, offset);
}

/**
 * A source whose numbers lie at `place`, WGSL of batch, outer and inner. Neighbours are one load where `steps`, and the
 * length of the axis along which they lie, are multiples of their number.
 */
export function placedSource(
  dtype: Scalar,
  axes: Pick<Source, 'along' | 'outer' | 'inner'>,
  place: string,
  ...steps: readonly number[]
): Source {
  const places = [...steps, axes[axes.along]];
  const aligned = ([8, 4] as const).find((width) => places.every((place) => place % width === 0)) ?? 1;
  return {
    dtype,
    ...axes,
    aligned,
    declarations(binding, name, group) {
      if (aligned < WIDTHS[group]) return scalarSource(binding, name, group, this, place);
      const element = group === '8 x f16' ? 'vec4<u32>' : `vec4<${dtype}>`;
      const value = `${name}_buffer[(${place}) / ${WIDTHS[group]}u]`;
      return /* wgsl */ `
${buffer(binding, `${name}_buffer`, element, 'read')}

fn ${name}_inside(batch: u32, outer: u32, inner: u32) -> ${typeOf(group)} {
  return ${group === '8 x f16' ? value : `vec4<f32>(${value})`};
}
${guarded(name, typeOf(group), axes)}`;
    },
  };
}

/** A fetch that gives zeros outside, and calls `name`_inside else. */
export function guarded(
  name: string,
  type: string,
  { outer, inner }: Pick<Source, 'outer' | 'inner'>,
): string {
  return /* wgsl */ `
fn ${name}(batch: u32, outer: u32, inner: u32) -> ${type} {
  if (outer >= ${outer}u || inner >= ${inner}u) { return ${type}(); }
  return ${name}_inside(batch, outer, inner);
}`;
}

/** A source that reads one number at a time; `place` is the WGSL of its index from batch, outer and inner. */
export function scalarSource(
  binding: number,
  name: string,
  group: Group,
  source: Pick<Source, 'dtype' | 'along' | 'outer' | 'inner'>,
  place: string,
): string {
  const { dtype, outer, inner } = source;
  return /* wgsl */ `
${buffer(binding, `${name}_buffer`, dtype, 'read')}

fn ${name}_at(batch: u32, outer: u32, inner: u32) -> ${dtype} {
  if (outer >= ${outer}u || inner >= ${inner}u) { return 0; }
  return ${name}_buffer[${place}];
}
${gathered(name, group, source)}`;
}

/** A fetch that calls `name`_at for each number, and its like for places known to be inside. */
export function gathered(
  name: string,
  group: Group,
  { dtype, along }: Pick<Source, 'dtype' | 'along'>,
): string {
  const at = (step: number): string =>
    `${name}_at(batch, outer${along === 'outer' ? ` + ${step}u` : ''}, inner${along === 'inner' ? ` + ${step}u` : ''})`;
  const value = groupOf(group, dtype, at);
  return /* wgsl */ `
fn ${name}(batch: u32, outer: u32, inner: u32) -> ${typeOf(group)} {
  return ${value};
}

fn ${name}_inside(batch: u32, outer: u32, inner: u32) -> ${typeOf(group)} {
  return ${name}(batch, outer, inner);
}`;
}

/** A group out of single numbers, which `at` names. */
export function groupOf(group: Group, dtype: Scalar, at: (step: number) => string): string {
  const four = (first: number): string =>
    `vec4<${dtype}>(${[0, 1, 2, 3].map((step) => at(first + step)).join(', ')})`;
  return group === '8 x f16'
    ? `vec4<u32>(bitcast<vec2<u32>>(${four(0)}), bitcast<vec2<u32>>(${four(4)}))`
    : `vec4<f32>(${four(0)})`;
}

export function typeOf(group: Group): string {
  return group === '8 x f16' ? 'vec4<u32>' : group;
}
