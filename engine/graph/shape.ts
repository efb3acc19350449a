/** @file Shapes are lists of sizes, row-major. */
import { HdmError } from '../errors.ts';
import { addDims, evaluateDim, formatDim, multiplyDims, sameDim, type Dim, type Sizes } from './dim.ts';

export type Shape = readonly Dim[];

/** `[b, 2*h, 64]` */
export function formatShape(shape: Shape): string {
  return `[${shape.map(formatDim).join(', ')}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => sameDim(dim, b[axis]!));
}

/** Number of elements. */
export function elements(shape: Shape): Dim {
  return shape.reduce<Dim>(multiplyDims, 1);
}

export function evaluateShape(shape: Shape, sizes: Sizes): number[] {
  return shape.map((dim) => evaluateDim(dim, sizes));
}

/** Elements of a shape of plain numbers. */
export function count(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** Row-major strides of a shape of plain numbers. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

/** Where element `index` of a tensor of `shape` lies in the tensor of shape `own` that was stretched to it. */
export function stretchIndex(own: readonly number[], shape: readonly number[]): (index: number) => number {
  const lead = shape.length - own.length;
  const [strides, ownStrides] = [stridesOf(shape), stridesOf(own)];
  return (index) =>
    own.reduce((offset, dim, axis) => {
      const position = Math.floor(index / strides[axis + lead]!) % shape[axis + lead]!;
      return dim === 1 ? offset : offset + position * ownStrides[axis]!;
    }, 0);
}

/** Throws unless `shape` has as many axes as `axes` names. */
export function requireAxes(where: string, shape: Shape, axes: readonly string[]): void {
  if (shape.length === axes.length) return;
  const problem = `expected the axes [${axes.join(', ')}], got ${formatShape(shape)}`;
  throw new HdmError('bad-shape', where, problem, 'Reshape it');
}

/** The shape that two operands of an elementwise op share: missing leading and size-1 axes stretch. */
export function broadcastShapes(where: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left === 1) return right;
    if (right === 1 || sameDim(left, right)) return left;
    const problem = `sizes differ at axis ${axis}: ${formatShape(a)} and ${formatShape(b)}`;
    throw new HdmError('bad-shape', where, problem, 'Reshape one so that the axes are equal or 1');
  });
}

/** `axis` counted from the front; negative ones count from the end. */
export function normalizeAxis(where: string, axis: number, rank: number): number {
  const index = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(index) && index >= 0 && index < rank) return index;
  throw new HdmError('bad-shape', where, `axis ${axis} does not exist in a tensor of ${rank} axes`);
}

/** `shape` with the size at `axis` replaced. */
export function withAxis(shape: Shape, axis: number, dim: Dim): Dim[] {
  return shape.map((old, index) => (index === axis ? dim : old));
}

/** Sum of sizes. */
export function totalOf(dims: readonly Dim[]): Dim {
  return dims.reduce<Dim>(addDims, 0);
}
