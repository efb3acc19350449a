/** @file Ops that make one number of many. Reduced axes stay, with size 1. */
import { multiplyDims, sameDim } from '../graph/dim.ts';
import type { Tensor } from '../graph/graph.ts';
import type { Primitive } from '../graph/op.ts';
import { count, normalizeAxis, sameShape, stridesOf, type Shape } from '../graph/shape.ts';
import { HdmError } from '../errors.ts';
import { isFloat } from '../graph/dtype.ts';
import { cast, div } from './elementwise.ts';
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

const SUM = reduction({
  name: 'sum',
  onnx: 'ReduceSum',
  start: 0,
  step: (total, x) => total + x,
  gradient: (g, node) => [broadcastTo(g, node.inputs[0]!.shape)],
});

const LARGEST = reduction({
  name: 'largest',
  onnx: 'ReduceMax',
  start: -Infinity,
  step: Math.max,
  gradient: null,
});

/** Sum along `axes`. */
export function sum(x: Tensor, axes: readonly number[]): Tensor {
  return x.graph.add(SUM, [x], { axes: axes.map((axis) => normalizeAxis('sum', axis, x.shape.length)) });
}

/** Largest value along `axes`. Not differentiable: use it where its gradient cancels, as in softmax. */
export function largest(x: Tensor, axes: readonly number[]): Tensor {
  return x.graph.add(LARGEST, [x], {
    axes: axes.map((axis) => normalizeAxis('largest', axis, x.shape.length)),
  });
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

function reduction({ name, onnx, start, step, gradient }: ReduceRule): Primitive<Axes> {
  return {
    name,
    infer([x], { axes }) {
      if (!isFloat(x!.dtype))
        throw new HdmError('bad-shape', name, `expected a float tensor, got ${x!.dtype}`);
      return { dtype: x!.dtype, shape: x!.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)) };
    },
    evaluate([x], { axes }, output) {
      output.data.fill(start);
      const [strides, kept] = [stridesOf(x!.shape), stridesOf(output.shape)];
      for (let index = 0; index < count(x!.shape); index++) {
        const target = x!.shape.reduce((sum, dim, axis) => {
          return axes.includes(axis) ? sum : sum + (Math.floor(index / strides[axis]!) % dim) * kept[axis]!;
        }, 0);
        output.data[target] = step(output.data[target]!, x!.data[index]!);
      }
    },
    gradient,
    onnx: (emit, [x], _node, { axes }) => emit.node(onnx, [x!, emit.integers(axes)], { keepdims: 1 }),
  };
}

export const REDUCE_OPS = [SUM, LARGEST];
