/** @file Matrix products. */
import { HdmError } from '../errors.ts';
import { multiplyDims, sameDim } from '../graph/dim.ts';
import type { Tensor } from '../graph/graph.ts';
import type { Composite, Primitive } from '../graph/op.ts';
import { broadcastShapes, count, elements, formatShape, stridesOf, type Shape } from '../graph/shape.ts';
import { add } from './elementwise.ts';
import { reshape, transpose } from './movement.ts';
import { sumTo } from './reduce.ts';

export const MATMUL: Primitive<null> = {
  name: 'matmul',
  infer([a, b]) {
    const [m, k] = a!.shape.slice(-2);
    const [inner, n] = b!.shape.slice(-2);
    if (n === undefined || m === undefined || !sameDim(k!, inner!) || a!.dtype !== b!.dtype) {
      const problem = `cannot multiply ${a!.dtype} ${formatShape(a!.shape)} with ${b!.dtype} ${formatShape(b!.shape)}`;
      throw new HdmError(
        'bad-shape',
        'matmul',
        problem,
        'The last axis must equal the other’s second to last',
      );
    }
    const batch = broadcastShapes('matmul', a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    return { dtype: a!.dtype, shape: [...batch, m, n] };
  },
  evaluate([a, b], _attributes, output) {
    const [m, n] = output.shape.slice(-2) as [number, number];
    const k = a!.shape.at(-1)!;
    const batch = output.shape.slice(0, -2);
    for (let index = 0; index < count(batch); index++) {
      const left = batchOffset(a!.shape, batch, index);
      const right = batchOffset(b!.shape, batch, index);
      for (let row = 0; row < m; row++) {
        for (let column = 0; column < n; column++) {
          let total = 0;
          for (let i = 0; i < k; i++)
            total += a!.data[left + row * k + i]! * b!.data[right + i * n + column]!;
          output.data[(index * m + row) * n + column] = total;
        }
      }
    }
  },
  gradient(g, node) {
    const [a, b] = node.inputs as [Tensor, Tensor];
    return [sumTo(matmul(g, swapLastAxes(b)), a.shape), sumTo(matmul(swapLastAxes(a), g), b.shape)];
  },
  onnx: (emit, inputs) => emit.node('MatMul', inputs),
};

/** [..., M, K] x [..., K, N] → [..., M, N]; leading axes stretch. */
export function matmul(a: Tensor, b: Tensor): Tensor {
  return a.graph.add(MATMUL, [a, b], null);
}

/** Transposes the last two axes. */
export function swapLastAxes(x: Tensor): Tensor {
  const order = x.shape.map((_, axis) => axis);
  return transpose(x, [...order.slice(0, -2), order.at(-1)!, order.at(-2)!]);
}

export const LINEAR: Composite<null> = {
  name: 'linear',
  infer([x, weight, bias]) {
    const [outputs, inputs] = weight!.shape;
    if (weight!.shape.length !== 2 || !sameDim(inputs!, x!.shape.at(-1)!) || weight!.dtype !== x!.dtype) {
      const problem = `weight ${weight!.dtype} ${formatShape(weight!.shape)} does not fit ${x!.dtype} ${formatShape(x!.shape)}`;
      throw new HdmError('bad-shape', 'linear', problem, 'It must be [outputs, last axis of x]');
    }
    if (bias && formatShape(bias.shape) !== formatShape([outputs!])) {
      const problem = `bias ${formatShape(bias.shape)} does not fit weight ${formatShape(weight!.shape)}`;
      throw new HdmError('bad-shape', 'linear', problem);
    }
    return { dtype: x!.dtype, shape: [...x!.shape.slice(0, -1), outputs!] };
  },
  compose([x, weight, bias]) {
    const product = matmul(flatten(x!), swapLastAxes(weight!));
    const shape = [...x!.shape.slice(0, -1), weight!.shape[0]!];
    return reshape(bias ? add(product, bias) : product, shape);
  },
  // Gemm packs its constant matrix once and adds the bias while the result is in registers.
  onnx(emit, [x, ...weights], node) {
    const [input, weight] = node.inputs as [Tensor, Tensor];
    const rows = [elements(input.shape.slice(0, -1)), weight.shape[1]!];
    const flat = input.shape.length === 2 ? x! : emit.node('Reshape', [x!, emit.shape(rows)]);
    const product = emit.node('Gemm', [flat, ...weights], { transB: 1 });
    return input.shape.length === 2 ? product : emit.node('Reshape', [product, emit.shape(node.shape)]);
  },
};

/** x [..., K] times weight [N, K] transposed, plus bias [N]: PyTorch's Linear. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  return x.graph.add(LINEAR, bias ? [x, weight, bias] : [x, weight], null);
}

function flatten(x: Tensor): Tensor {
  return reshape(x, [x.shape.slice(0, -1).reduce(multiplyDims, 1), x.shape.at(-1)!]);
}

function batchOffset(shape: Shape, batch: readonly number[], index: number): number {
  const own = shape.slice(0, -2) as number[];
  const matrix = count(shape.slice(-2) as number[]);
  const [strides, steps] = [stridesOf(batch), stridesOf(own)];
  const lead = batch.length - own.length;
  return own.reduce((sum, dim, axis) => {
    const position = Math.floor(index / strides[axis + lead]!) % batch[axis + lead]!;
    return dim === 1 ? sum : sum + position * steps[axis]! * matrix;
  }, 0);
}
