/** @file What a case of the op tests is: a small graph and the values that go in. */
import { size, type Sizes } from '../../../engine/graph/dim.ts';
import { fromNumbers, type DType, type TensorData } from '../../../engine/graph/dtype.ts';
import { Graph, type Tensor } from '../../../engine/graph/graph.ts';
import { count, evaluateShape, type Shape } from '../../../engine/graph/shape.ts';
import { uniforms } from '../../../engine/sampling/noise.ts';
import { TOLERANCES, type Tolerance } from '../../helpers/allclose.ts';

export interface Case {
  /** Name of the op, or of the function that combines ops. */
  readonly of: string;
  /** What is special about it. */
  readonly name: string;
  readonly inputs: readonly Input[];
  readonly build: Build;
  readonly tolerance: Tolerance;
  /** Why there is no gradient to check, although numbers flow. */
  readonly noGradient?: string;
}

export type Build = (...inputs: Tensor[]) => Tensor;

export interface Input {
  readonly dtype: DType;
  readonly shape: Shape;
  /** The values, for the shape that `SIZES` make of `shape`. */
  readonly values: (length: number, position: number) => ArrayLike<number>;
}

/** The values of the named sizes in every case. */
export const SIZES = { b: 2, h: 3, w: 2, l: 5, k: 3 } as const satisfies Sizes;
export const [b, h, w, l, k] = Object.keys(SIZES).map(size) as [Size, Size, Size, Size, Size];
type Size = ReturnType<typeof size>;

export function example(
  of: string,
  name: string,
  inputs: readonly Input[],
  build: Build,
  options: Partial<Pick<Case, 'tolerance' | 'noGradient'>> = {},
): Case {
  return { of, name, inputs, build, tolerance: TOLERANCES.float32, ...options };
}

/** For ops that only move numbers. */
export const EXACT = { tolerance: TOLERANCES.exact };

/** Random float32 numbers between `from` and `to`. */
export function float(shape: Shape, from = -2, to = 2): Input {
  const values: Input['values'] = (length, position) =>
    uniforms(1, position, length).map((u) => from + (to - from) * u);
  return { dtype: 'f32', shape, values };
}

/** Random i64 numbers, at least `from`, less than `to`. */
export function integer(shape: Shape, from: number, to: number): Input {
  const values: Input['values'] = (length, position) =>
    uniforms(2, position, length).map((u) => Math.floor(from + (to - from) * u));
  return { dtype: 'i64', shape, values };
}

/** These numbers. */
export function given(dtype: DType, shape: Shape, values: readonly number[]): Input {
  return { dtype, shape, values: () => values };
}

/** The graph of a case, whose result is not yet an output. */
export function buildCase({ inputs, build }: Case): { graph: Graph; inputs: Tensor[]; result: Tensor } {
  const graph = new Graph();
  const tensors = inputs.map(({ dtype, shape }, index) => graph.input(nameOf(index), dtype, shape));
  return { graph, inputs: tensors, result: build(...tensors) };
}

/** What goes into the graph of a case. */
export function valuesOf({ inputs }: Case): Record<string, TensorData> {
  const values = inputs.map((input, index) => [nameOf(index), dataOf(input, index)] as const);
  return Object.fromEntries(values);
}

/** Values for an input at a position. */
export function dataOf({ dtype, shape, values }: Input, position: number): TensorData {
  const concrete = evaluateShape(shape, SIZES);
  return fromNumbers(dtype, concrete, values(count(concrete), position));
}

function nameOf(index: number): string {
  return 'xyzuv'[index]!;
}
