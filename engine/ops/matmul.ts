/** @file Matrix products. */
import { HdmError } from '../errors.ts';
import { sameDim, type Dim } from '../graph/dim.ts';
import { formatType, type Tensor } from '../graph/graph.ts';
import type { Composite, Primitive } from '../graph/op.ts';
import { broadcastShapes, elements, sameShape, stretchIndex } from '../graph/shape.ts';
import { add } from './elementwise.ts';
import { reshape, transpose } from './movement.ts';
import { sumTo } from './reduce.ts';

export const MATMUL: Primitive<null> = {
  name: 'matmul',
  infer([a, b]) {
    const [m, k] = a!.shape.slice(-2) as [Dim, Dim];
    const [inner, n] = b!.shape.slice(-2) as [Dim, Dim];
    const areMatrices = a!.shape.length >= 2 && b!.shape.length >= 2 && a!.dtype === b!.dtype;
    if (!areMatrices || !sameDim(k, inner)) {
      const problem = `cannot multiply ${formatType(a!)} with ${formatType(b!)}`;
      const advice = 'The last axis must equal the other’s second to last';
      throw new HdmError('bad-shape', 'matmul', problem, advice);
    }
    const batch = broadcastShapes('matmul', a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    return { dtype: a!.dtype, shape: [...batch, m, n] };
  },
  evaluate([a, b], _attributes, output) {
    const [m, n] = output.shape.slice(-2) as [number, number];
    const k = a!.shape.at(-1)!;
    const batch = output.shape.slice(0, -2);
    const [ofA, ofB] = [a!, b!].map(({ shape }) => stretchIndex(shape.slice(0, -2), batch));
    const dot = (left: number, right: number): number => {
      let total = 0;
      for (let i = 0; i < k; i++) total += a!.data[left + i]! * b!.data[right + i * n]!;
      return total;
    };
    output.data.forEach((_, index) => {
      const [matrix, row, column] = [Math.floor(index / (m * n)), Math.floor(index / n) % m, index % n];
      output.data[index] = dot((ofA!(matrix) * m + row) * k, ofB!(matrix) * k * n + column);
    });
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
    const isMatrix = weight!.shape.length === 2 && weight!.dtype === x!.dtype;
    if (!isMatrix || x!.shape.length === 0 || !sameDim(inputs!, x!.shape.at(-1)!)) {
      const problem = `weight ${formatType(weight!)} does not fit ${formatType(x!)}`;
      throw new HdmError('bad-shape', 'linear', problem, 'It must be [outputs, last axis of x]');
    }
    if (bias && (!sameShape(bias.shape, [outputs!]) || bias.dtype !== x!.dtype)) {
      const problem = `bias ${formatType(bias)} does not fit weight ${formatType(weight!)}`;
      throw new HdmError('bad-shape', 'linear', problem, 'It must be [outputs]');
    }
    return { dtype: x!.dtype, shape: [...x!.shape.slice(0, -1), outputs!] };
  },
  compose([x, weight, bias]) {
    const product = matmul(flatten(x!), swapLastAxes(weight!));
    const shape = [...x!.shape.slice(0, -1), weight!.shape[0]!];
    return reshape(bias ? add(product, bias) : product, shape);
  },
  // Both products in the order of the weight, so that nothing has to be transposed afterwards.
  gradient(g, node) {
    const [x, weight, bias] = node.inputs as [Tensor, Tensor, Tensor?];
    const [flatG, flatX] = [flatten(g), flatten(x)];
    const toX = reshape(matmul(flatG, weight), x.shape);
    const toWeight = matmul(swapLastAxes(flatG), flatX);
    return bias ? [toX, toWeight, sumTo(flatG, bias.shape)] : [toX, toWeight];
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
  return reshape(x, [elements(x.shape.slice(0, -1)), x.shape.at(-1)!]);
}
