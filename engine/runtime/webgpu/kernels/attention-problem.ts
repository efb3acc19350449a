/** @file What attention kernels compute, and the pieces that all of them are made of. */
import type { Binding, Features, Kernel } from '../kernel.ts';
import { buffer, MAIN, pieceOf, spread, sumOf, times, type Scalar } from './wgsl.ts';

/** Tokens of one head of a tensor [batch, tokens, heads, width], in elements. The last axis is contiguous. */
export interface Rows {
  readonly offset: number;
  readonly batchStride: number;
  readonly tokenStride: number;
  /** From head to head; the width where heads lie side by side. */
  readonly headStride: number;
}

export interface AttentionProblem {
  readonly batch: number;
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  /** Head size. */
  readonly width: number;
  readonly dtype: Scalar;
  readonly scale: number;
  readonly q: Rows;
  readonly k: Rows;
  readonly v: Rows;
  /** Added to the scores: [batch or 1, heads or 1, queries, keys], dense. */
  readonly bias?: { readonly dtype: Scalar; readonly batch: number; readonly heads: number } | undefined;
}

/** Which buffers a kernel has. `length` says how many tokens there are. */
export interface Tokens {
  readonly name: string;
  readonly rows: Rows;
  readonly length: number;
}

/** A tensor [batch, tokens, heads, width] that lies in one piece. */
export function dense({ heads, width }: AttentionProblem, tokens: number, offset = 0): Rows {
  return { offset, batchStride: tokens * heads * width, tokenStride: heads * width, headStride: width };
}

export function describeAttention(
  kind: string,
  { batch, heads, queries, keys, width, dtype }: AttentionProblem,
): string {
  return `${kind} ${batch}x${heads}x${queries}x${keys}x${width} ${dtype}`;
}

/** Floating-point operations of so many products of queries with keys. */
export function attentionFlops(
  { batch, heads, queries, keys, width }: AttentionProblem,
  products: number,
): number {
  return 2 * products * batch * heads * queries * keys * width;
}

/** WGSL of the place of a token's number `column`. */
export function placeOf(
  { offset, batchStride, tokenStride, headStride }: Rows,
  token: string,
  column: string,
): string {
  return sumOf(
    times('batch', batchStride),
    times(token, tokenStride),
    times('head', headStride),
    column,
    offset,
  );
}

/** Whether groups of `size` neighbours of all rows begin at multiples of it. */
export function isAligned(rows: Rows, width: number, size: number): boolean {
  return [rows.offset, rows.batchStride, rows.tokenStride, rows.headStride, width].every(
    (place) => place % size === 0,
  );
}

/** The buffer of a tensor, and `load_name`(batch, head, token, column): four numbers, zeros outside. */
export function rowsBuffer(
  binding: number,
  { name, rows, length }: Tokens,
  { width, dtype }: AttentionProblem,
): string {
  const isWide = isAligned(rows, width, 4);
  const place = placeOf(rows, 'token', 'column');
  const number = (step: number): string =>
    `if (column + ${step}u < ${width}u) { value[${step}] = f32(${name}_rows[${place} + ${step}u]); }`;
  const body = isWide
    ? `if (column >= ${width}u) { return value; }\n  return vec4<f32>(${name}_rows[(${place}) / 4u]);`
    : `${[0, 1, 2, 3].map(number).join('\n  ')}\n  return value;`;
  return /* wgsl */ `
${buffer(binding, `${name}_rows`, isWide ? `vec4<${dtype}>` : dtype, 'read')}

fn load_${name}(batch: u32, head: u32, token: u32, column: u32) -> vec4<f32> {
  var value = vec4<f32>();
  if (token >= ${length}u) { return value; }
  ${body}
}`;
}

/** The buffer of a result, and `store_name`(batch, head, token, column, value), which skips what is outside. */
export function resultBuffer(
  binding: number,
  { name, rows, length }: Tokens,
  { width, dtype }: AttentionProblem,
): string {
  const isWide = isAligned(rows, width, 4);
  const place = placeOf(rows, 'token', 'column');
  const number = (step: number): string =>
    `if (column + ${step}u < ${width}u) { ${name}_rows[${place} + ${step}u] = ${dtype}(value[${step}]); }`;
  const body = isWide
    ? `if (column >= ${width}u) { return; }\n  ${name}_rows[(${place}) / 4u] = vec4<${dtype}>(value);`
    : [0, 1, 2, 3].map(number).join('\n  ');
  return /* wgsl */ `
${buffer(binding, `${name}_rows`, isWide ? `vec4<${dtype}>` : dtype, 'read_write')}
${storeFunction(name, length, body)}`;
}

export function storeFunction(name: string, length: number, body: string): string {
  return /* wgsl */ `
fn store_${name}(batch: u32, head: u32, token: u32, column: u32, value: vec4<f32>) {
  if (token >= ${length}u) { return; }
  ${body}
}`;
}

/** The bias as `bias_at`(batch, head, query, key); zero without one. */
export function biasBuffer(binding: number, { bias, queries, keys }: AttentionProblem): string {
  if (!bias) return 'fn bias_at(batch: u32, head: u32, query: u32, key: u32) -> f32 { return 0.0; }';
  const matrix = queries * keys;
  const place = sumOf(
    times('batch', bias.batch === 1 ? 0 : bias.heads * matrix),
    times('head', bias.heads === 1 ? 0 : matrix),
    times('query', keys),
    'key',
  );
  return /* wgsl */ `
${buffer(binding, 'bias_values', bias.dtype, 'read')}

fn bias_at(batch: u32, head: u32, query: u32, key: u32) -> f32 { return f32(bias_values[${place}]); }`;
}

/** A kernel whose workgroups each take a tile of tokens of one head. */
export function tileKernel(
  p: AttentionProblem,
  kind: string,
  tiles: number,
  { workgroupCount }: Features,
  parts: {
    readonly bindings: readonly Binding[];
    readonly products: number;
    readonly threads: number;
    readonly enable: string;
    readonly declarations: string;
    readonly body: string;
  },
): Kernel {
  const { batch, heads, queries, keys, width, dtype } = p;
  const workgroups = spread(tiles * heads, batch, workgroupCount);
  const source = /* wgsl */ `
${parts.enable}
${parts.declarations}

@compute @workgroup_size(${parts.threads})
${MAIN}
  let piece = ${pieceOf('group', workgroups)};
  if (piece >= ${tiles * heads}u) { return; }
  let batch = group.z;
  let head = piece / ${tiles}u;
  let tile = piece % ${tiles}u;
${parts.body}
}
`;
  return {
    name: describeAttention(kind, p),
    source,
    bindings: parts.bindings,
    workgroups,
    flops: attentionFlops(p, parts.products),
    bytes: (dtype === 'f16' ? 2 : 4) * batch * heads * width * 2 * (queries + keys),
  };
}

/** Scores are exponents of e; hardware computes powers of two. */
export const LOG2_E = Math.LOG2E;
/** Less than every score, and still a number: differences of two of them are zero, not NaN. */
export const LOWEST = '-3.0e38';
