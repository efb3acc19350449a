/** @file Ops that make one number of many. Reduced axes stay, with size 1. */
import { HdmError } from '../errors.ts';
import { multiplyDims, sameDim } from '../graph/dim.ts';
import { isFloat } from '../graph/dtype.ts';
import { formatType, type Tensor } from '../graph/graph.ts';
import type { Composite, Primitive } from '../graph/op.ts';
import { normalizeAxis, sameShape, stretchIndex, type Shape } from '../graph/shape.ts';
import { cast, div, mul } from './elementwise.ts';
import { broadcastTo, dimension, reshape } from './movement.ts';

interface Axes {
  readonly axes: readonly number[];
}

interface ReduceRule {
  readonly name: string;
  readonly onnx: string;
  readonly start: number;
  readonly step: (total: number, x: number) => number;
  readonly gradient: Primitive<Axes>['gradient'];
}

export const SUM = reduction({
  name: 'sum',
  onnx: 'ReduceSum',
  start: 0,
  step: (total, x) => total + x,
  gradient: (g, node) => [broadcastTo(g, node.inputs[0]!.shape)],
});

export const LARGEST = reduction({
  name: 'largest',
  onnx: 'ReduceMax',
  start: -Infinity,
  step: Math.max,
  gradient: null,
});

/** Sum along `axes`. */
export function sum(x: Tensor, axes: readonly number[]): Tensor {
  return reduce(SUM, x, axes);
}

/** Largest value along `axes`. Not differentiable: use it where its gradient cancels, as in softmax. */
export function largest(x: Tensor, axes: readonly number[]): Tensor {
  return reduce(LARGEST, x, axes);
}

export const SQUARES: Composite<null> = {
  name: 'sumOfSquares',
  infer: ([x]) => ({ dtype: x!.dtype, shape: [] }),
  compose([x]) {
    const all = x!.shape.map((_, axis) => axis);
    return reshape(sum(mul(x!, x!), all), []);
  },
  onnx: (emit, [x]) => emit.node('ReduceSumSquare', [x!], { keepdims: 0 }),
};

/** Sum of the squares of all numbers. */
export function sumOfSquares(x: Tensor): Tensor {
  return x.graph.add(SQUARES, [x], null);
}

/** Mean along `axes`. */
export function mean(x: Tensor, axes: readonly number[]): Tensor {
  const total = sum(x, axes);
  const number = axes.map((axis) => x.shape[normalizeAxis('mean', axis, x.shape.length)]!);
  return div(total, cast(dimension(x.graph, number.reduce(multiplyDims, 1)), x.dtype));
}

/** Undoes a stretch: sums `x` down to `shape`. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.shape.length - shape.length;
  const stretched = x.shape
    .map((dim, axis) => (axis < lead || !sameDim(dim, shape[axis - lead]!) ? axis : -1))
    .filter((axis) => axis >= 0);
  return reshape(sum(x, stretched), shape);
}

function reduce(op: Primitive<Axes>, x: Tensor, axes: readonly number[]): Tensor {
  if (axes.length === 0) return x; // ONNX takes an empty list for all axes
  return x.graph.add(op, [x], { axes: axes.map((axis) => normalizeAxis(op.name, axis, x.shape.length)) });
}

function reduction({ name, onnx, start, step, gradient }: ReduceRule): Primitive<Axes> {
  return {
    name,
    infer([x], { axes }) {
      if (!isFloat(x!.dtype)) {
        throw new HdmError('bad-shape', name, `expected a float tensor, got ${formatType(x!)}`, 'Cast first');
      }
      return { dtype: x!.dtype, shape: x!.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)) };
    },
    evaluate([x], _attributes, output) {
      const place = stretchIndex(output.shape, x!.shape);
      output.data.fill(start);
      x!.data.forEach((value, index) => {
        output.data[place(index)] = step(output.data[place(index)]!, value);
      });
    },
    gradient,
    onnx: (emit, [x], _node, { axes }) => emit.node(onnx, [x!, emit.integers(axes)], { keepdims: 1 }),
  };
}
