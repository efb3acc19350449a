/** @file Convolution and resizing of pictures [B, C, H, W]. */
import { HdmError } from '../errors.ts';
import { addDims, divideDims, multiplyDims, sameDim, type Dim } from '../graph/dim.ts';
import { f32 } from '../graph/dtype.ts';
import { formatType, type Tensor } from '../graph/graph.ts';
import type { Composite, Primitive } from '../graph/op.ts';
import { requireAxes, sameShape } from '../graph/shape.ts';
import { broadcastTo, reshape } from './movement.ts';

interface ConvAttributes {
  readonly stride: number;
  /** Zeros before the first and after the last row and column. */
  readonly padding: readonly [before: number, after: number];
}

export const CONV2D: Primitive<ConvAttributes> = {
  name: 'conv2d',
  infer([x, weight, bias], { stride, padding: [before, after] }) {
    requireAxes('conv2d', x!.shape, ['batch', 'channels', 'height', 'width']);
    requireAxes('conv2d', weight!.shape, ['outputs', 'inputs', 'height', 'width']);
    const [batch, channels, height, width] = x!.shape as [Dim, Dim, Dim, Dim];
    const [outputs, inputs, tall, wide] = weight!.shape as [number, number, number, number];
    const odd = [weight!, bias!].find(({ dtype }) => dtype !== x!.dtype);
    if (odd || !sameDim(channels, inputs) || !sameShape(bias!.shape, [outputs])) {
      const problem = `weight ${formatType(weight!)} and bias ${formatType(bias!)} do not fit ${formatType(x!)}`;
      const advice = 'They must be [outputs, channels of x, height, width] and [outputs]';
      throw new HdmError('bad-shape', 'conv2d', problem, advice);
    }
    const along = (length: Dim, kernel: number): Dim => {
      const room = addDims(length, before + after - kernel);
      return addDims(typeof room === 'number' ? Math.floor(room / stride) : divideDims(room, stride), 1);
    };
    return { dtype: x!.dtype, shape: [batch, outputs, along(height, tall), along(width, wide)] };
  },
  evaluate([x, weight, bias], { stride, padding: [before] }, output) {
    const [batch, outputs, height, width] = output.shape as [number, number, number, number];
    const [, channels, rows, columns] = x!.shape as [number, number, number, number];
    const [, , tall, wide] = weight!.shape as [number, number, number, number];
    const pixel = (b: number, c: number, row: number, column: number): number =>
      row < 0 || column < 0 || row >= rows || column >= columns
        ? 0
        : x!.data[((b * channels + c) * rows + row) * columns + column]!;
    const window = (b: number, o: number, row: number, column: number): number => {
      let total = bias!.data[o]!;
      for (let tap = 0; tap < channels * tall * wide; tap++) {
        const [c, i, j] = [Math.floor(tap / (tall * wide)), Math.floor(tap / wide) % tall, tap % wide];
        const value = pixel(b, c, row * stride + i - before, column * stride + j - before);
        total += value * weight!.data[o * channels * tall * wide + tap]!;
      }
      return total;
    };
    for (let index = 0; index < batch * outputs * height * width; index++) {
      const [plane, place] = [Math.floor(index / (height * width)), index % (height * width)];
      const [b, o] = [Math.floor(plane / outputs), plane % outputs];
      output.data[index] = window(b, o, Math.floor(place / width), place % width);
    }
  },
  // Its rule comes with training of the VAE; XUT and the text encoders have no convolution.
  gradient: null,
  onnx: (emit, inputs, _node, { stride, padding: [before, after] }) =>
    emit.node('Conv', inputs, { strides: [stride, stride], pads: [before, before, after, after] }),
};

/** x [B, C, H, W] with weight [O, C, h, w] and bias [O]; zeros around. */
export function conv2d(x: Tensor, weight: Tensor, bias: Tensor, attributes: ConvAttributes): Tensor {
  return x.graph.add(CONV2D, [x, weight, bias], attributes);
}

export const UPSAMPLE: Composite<null> = {
  name: 'upsample',
  infer([x]) {
    requireAxes('upsample', x!.shape, ['batch', 'channels', 'height', 'width']);
    const [batch, channels, height, width] = x!.shape as [Dim, Dim, Dim, Dim];
    return { dtype: x!.dtype, shape: [batch, channels, multiplyDims(height, 2), multiplyDims(width, 2)] };
  },
  compose([x]) {
    const [batch, channels, height, width] = x!.shape as [Dim, Dim, Dim, Dim];
    const apart = reshape(x!, [batch, channels, height, 1, width, 1]);
    const doubled = broadcastTo(apart, [batch, channels, height, 2, width, 2]);
    return reshape(doubled, [batch, channels, multiplyDims(height, 2), multiplyDims(width, 2)]);
  },
  onnx: (emit, [x]) =>
    emit.node('Resize', [x!, '', emit.constant(f32([4], [1, 1, 2, 2]))], {
      mode: 'nearest',
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
    }),
};

/** Doubles height and width, each pixel repeated. */
export function upsample(x: Tensor): Tensor {
  return x.graph.add(UPSAMPLE, [x], null);
}
