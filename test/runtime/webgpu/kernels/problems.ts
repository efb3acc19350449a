/** @file Problems for kernels, and what they must give, in double precision. */
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
