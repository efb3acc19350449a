/** @file What an op may say when it is lowered to ONNX. Values are known by name. */
import type { Dim } from '../../graph/dim.ts';
import type { DType, TensorData } from '../../graph/dtype.ts';
import type { Shape } from '../../graph/shape.ts';

/** Whole numbers are INT, lists INTS, text STRING; a FLOAT is made by `emit.float`. */
export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

export interface OnnxEmitter {
  /** One node with one result; '' leaves an optional operand out. */
  node(
    opType: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, OnnxAttribute>>,
    domain?: string,
  ): string;
  float(value: number): OnnxAttribute;
  /** A shape as a list of i64. */
  shape(shape: Shape): string;
  /** A size as a single i64. */
  dim(dim: Dim): string;
  scalarI64(value: number): string;
  /** Plain numbers as a list of i64. */
  integers(values: readonly number[]): string;
  constant(value: TensorData): string;
  /** Nothing happens when the formats are the same. */
  cast(name: string, from: DType, to: DType): string;
  input(name: string, dtype: DType, shape: Shape): string;
  variable(name: string, dtype: DType, shape: Shape): string;
  /** A weight, or some of its rows. */
  weight(name: string, rows?: { readonly start: number; readonly length: number }): string;
}
