/** @file Compares tensors of numbers, and says where they differ most. */
import { expect } from 'vitest';
import { stridesOf } from '../../engine/graph/shape.ts';

/** Numbers of any format: what a runtime returns, or the float64 values of the reference. */
export interface Numbers {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number | bigint>;
}

/** A number passes when its error is at most `absolute + relative · |expected|`. */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

export const TOLERANCES = {
  /** Numbers that are moved, counted or compared. */
  exact: { absolute: 0, relative: 0 },
  /** A few float32 operations against float64. */
  float32: { absolute: 2e-6, relative: 2e-5 },
  /** A float32 gradient, in which rounding errors add up, against float64. */
  gradient32: { absolute: 2e-5, relative: 1e-4 },
  /** One rounding to float16, which has 11 bits. */
  float16: { absolute: 1e-6, relative: 2 ** -11 },
  /** One rounding to bfloat16, which has 8 bits. */
  bfloat16: { absolute: 1e-6, relative: 2 ** -8 },
  /** A float64 derivative against central differences with steps of 1e-5. */
  differences: { absolute: 1e-7, relative: 1e-6 },
} as const satisfies Record<string, Tolerance>;

/** What passes with `a` or with `b` passes with this. */
export function looser(a: Tolerance, b: Tolerance): Tolerance {
  return {
    absolute: Math.max(a.absolute, b.absolute),
    relative: Math.max(a.relative, b.relative),
  };
}

/** Fails with the shape, the largest error and the first index that has it. NaN differs from everything. */
export function expectAllclose(
  actual: Numbers,
  expected: Numbers,
  tolerance: Tolerance,
  what = 'values',
): void {
  expect([...actual.shape], `shape of ${what}`).toEqual([...expected.shape]);
  expect(actual.data.length, `number of ${what}`).toBe(expected.data.length);
  let worst = { error: 0, index: 0 };
  let failures = 0;
  for (let index = 0; index < expected.data.length; index++) {
    const [got, wanted] = [Number(actual.data[index]), Number(expected.data[index])];
    const error = got === wanted ? 0 : distance(got, wanted);
    if (error > tolerance.absolute + tolerance.relative * Math.abs(wanted)) failures++;
    if (error > worst.error) worst = { error, index };
  }
  if (failures === 0) return;
  const [got, wanted] = [actual.data[worst.index]!, expected.data[worst.index]!];
  const place = `[${position(worst.index, expected.shape).join(', ')}]`;
  expect.fail(
    `${what} [${expected.shape.join(', ')}]: ${failures} of ${expected.data.length} differ, ` +
      `most at ${place} by ${worst.error.toExponential(2)}: expected ${wanted}, got ${got}`,
  );
}

/** Norm of the difference over the norm of what is expected; 0 when both are zero. */
export function relativeError(actual: Numbers, expected: Numbers): number {
  let [difference, total] = [0, 0];
  for (let index = 0; index < expected.data.length; index++) {
    const wanted = Number(expected.data[index]);
    difference += (Number(actual.data[index]) - wanted) ** 2;
    total += wanted ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / total);
}

function distance(a: number, b: number): number {
  const difference = Math.abs(a - b);
  return Number.isNaN(difference) ? Infinity : difference;
}

function position(index: number, shape: readonly number[]): number[] {
  const strides = stridesOf(shape);
  return shape.map((dim, axis) => Math.floor(index / strides[axis]!) % dim);
}
