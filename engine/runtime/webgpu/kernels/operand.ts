/** How a matrix lies in a buffer, in elements; the inner stride is 1. */
export interface Operand {
  readonly transposed: boolean;
  readonly rowStride: number;
  readonly batchStride: number;
  readonly offset: number;
}
