/** @file Problems for kernels, and what they must give, in double precision. */
import type { AttentionProblem, Rows } from '../../../../engine/runtime/webgpu/kernels/attention.ts';
import type { MatmulProblem, Operand } from '../../../../engine/runtime/webgpu/kernels/matmul.ts';

interface MatmulSizes {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Whether a and b are stored transposed. */
  readonly ta: boolean;
  readonly tb: boolean;
}

/** A product of densely stored f32 matrices. */
export function matmulProblem({ batch, m, n, k, ta, tb }: MatmulSizes): MatmulProblem {
  const dense = (rows: number, columns: number, transposed: boolean): Operand => ({
    transposed,
    rowStride: transposed ? rows : columns,
    batchStride: rows * columns,
    offset: 0,
  });
  return { batch, m, n, k, dtype: 'f32', result: 'f32', a: dense(m, k, ta), b: dense(k, n, tb) };
}

export function referenceProduct(p: MatmulProblem, a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  const { batch, m, n, k } = p;
  const at = (
    data: ArrayLike<number>,
    operand: Operand,
    item: number,
    row: number,
    column: number,
  ): number => {
    const [outer, inner] = operand.transposed ? [column, row] : [row, column];
    return data[operand.offset + item * operand.batchStride + outer * operand.rowStride + inner]!;
  };
  return Float64Array.from({ length: batch * m * n }, (_, index) => {
    const [item, row, column] = [Math.floor(index / (m * n)), Math.floor(index / n) % m, index % n];
    let total = 0;
    for (let i = 0; i < k; i++) total += at(a, p.a, item, row, i) * at(b, p.b, item, i, column);
    return total;
  });
}

interface AttentionSizes {
  readonly batch: number;
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  readonly width: number;
  readonly dtype: 'f16' | 'f32';
  readonly bias?: readonly [batch: number, heads: number] | undefined;
}

/** Attention of densely stored tensors. */
export function attentionProblem({ bias, ...sizes }: AttentionSizes): AttentionProblem {
  const { heads, queries, keys, width, dtype } = sizes;
  const rows = (tokens: number): Rows => ({
    offset: 0,
    batchStride: tokens * heads * width,
    tokenStride: heads * width,
    headStride: width,
  });
  return {
    ...sizes,
    scale: 1 / Math.sqrt(width),
    q: rows(queries),
    k: rows(keys),
    v: rows(keys),
    ...(bias && { bias: { dtype, batch: bias[0], heads: bias[1] } }),
  };
}

interface AttentionData {
  readonly q: ArrayLike<number>;
  readonly k: ArrayLike<number>;
  readonly v: ArrayLike<number>;
  readonly g?: ArrayLike<number>;
  readonly bias?: ArrayLike<number> | undefined;
}

/** y, the logarithms of the sums, and the gradients of q, k and v where g, that of y, is given. */
export function referenceAttention(p: AttentionProblem, { q, k, v, g, bias }: AttentionData) {
  const { batch, heads, queries, keys, width, scale } = p;
  const at = (rows: Rows, b: number, t: number, h: number): number =>
    rows.offset + b * rows.batchStride + t * rows.tokenStride + h * rows.headStride;
  const dense = (b: number, t: number, h: number, tokens: number): number =>
    ((b * tokens + t) * heads + h) * width;
  const [y, toQ] = [0, 1].map(() => new Float64Array(batch * queries * heads * width)) as [
    Float64Array,
    Float64Array,
  ];
  const [toK, toV] = [0, 1].map(() => new Float64Array(batch * keys * heads * width)) as [
    Float64Array,
    Float64Array,
  ];
  const sums = new Float64Array(batch * heads * queries);
  const dot = (a: ArrayLike<number>, i: number, c: ArrayLike<number>, j: number): number => {
    let total = 0;
    for (let d = 0; d < width; d++) total += a[i + d]! * c[j + d]!;
    return total;
  };
  const biasAt = (b: number, h: number, t: number, s: number): number => {
    if (!bias || !p.bias) return 0;
    const plane = (p.bias.batch === 1 ? 0 : b) * p.bias.heads + (p.bias.heads === 1 ? 0 : h);
    return bias[(plane * queries + t) * keys + s]!;
  };
  const row = (b: number, h: number, t: number): void => {
    const [own, result] = [at(p.q, b, t, h), dense(b, t, h, queries)];
    const scores = Array.from(
      { length: keys },
      (_, s) => scale * dot(q, own, k, at(p.k, b, s, h)) + biasAt(b, h, t, s),
    );
    const top = Math.max(...scores);
    const sum = scores.reduce((total, score) => total + Math.exp(score - top), 0);
    sums[(b * heads + h) * queries + t] = top + Math.log(sum);
    const shares = scores.map((score) => Math.exp(score - top) / sum);
    shares.forEach((share, s) => {
      for (let d = 0; d < width; d++) y[result + d]! += share * v[at(p.v, b, s, h) + d]!;
    });
    if (!g) return;
    const common = dot(g, result, y, result);
    shares.forEach((share, s) => {
      const toScore = share * (dot(g, result, v, at(p.v, b, s, h)) - common) * scale;
      const key = dense(b, s, h, keys);
      for (let d = 0; d < width; d++) {
        toQ[result + d]! += toScore * k[at(p.k, b, s, h) + d]!;
        toK[key + d]! += toScore * q[own + d]!;
        toV[key + d]! += share * g[result + d]!;
      }
    });
  };
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++) for (let t = 0; t < queries; t++) row(b, h, t);
  return { y, sums, toQ, toK, toV };
}
