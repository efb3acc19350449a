/** @file Convolution and resizing of pictures [B, C, H, W]. */
import { HdmError } from '../errors.ts';
import { addDims, divideDims, multiplyDims, sameDim, type Dim } from '../graph/dim.ts';
import { f32 } from '../graph/dtype.ts';
import { formatType, type Tensor } from '../graph/graph.ts';
import type { Composite, Primitive } from '../graph/op.ts';
import { requireAxes, sameShape, type Shape } from '../graph/shape.ts';
import { broadcastTo, reshape, zeros } from './movement.ts';
import { sum } from './reduce.ts';

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
  evaluate([x, weight, bias], attributes, output) {
    const [, outputs, height, width] = output.shape as [number, number, number, number];
    output.data.forEach((_, index) => {
      output.data[index] = bias!.data[Math.floor(index / (height * width)) % outputs]!;
    });
    eachTap(x!.shape, weight!.shape, output.shape, attributes, (at, w, y) => {
      output.data[y] = output.data[y]! + x!.data[at]! * weight!.data[w]!;
    });
  },
  gradient(g, node, attributes) {
    const [x, weight, bias] = node.inputs as [Tensor, Tensor, Tensor];
    return [
      convolveBack(g, weight, x.shape, attributes),
      convolutionWeights(x, g, weight.shape as readonly number[], attributes),
      reshape(sum(g, [0, 2, 3]), bias.shape),
    ];
  },
  onnx: (emit, inputs, _node, { stride, padding: [before, after] }) =>
    emit.node('Conv', inputs, { strides: [stride, stride], pads: [before, before, after, after] }),
};

interface BackAttributes extends ConvAttributes {
  /** Of the picture that was convolved. */
  readonly shape: Shape;
}

/** The gradient of a convolution with respect to its picture: each number of g spreads over the kernel. */
export const CONV2D_BACK: Primitive<BackAttributes> = {
  name: 'conv2dBack',
  infer([g, weight], { shape }) {
    if (g!.dtype !== weight!.dtype) throw notOfOneKind('conv2dBack', g!, weight!);
    return { dtype: g!.dtype, shape };
  },
  evaluate([g, weight], attributes, output) {
    eachTap(output.shape, weight!.shape, g!.shape, attributes, (x, w, y) => {
      output.data[x] = output.data[x]! + g!.data[y]! * weight!.data[w]!;
    });
  },
  gradient(up, node, { stride, padding }) {
    const [g, weight] = node.inputs as [Tensor, Tensor];
    const bias = zeros(up, [weight.shape[0]!]);
    return [
      conv2d(up, weight, bias, { stride, padding }),
      convolutionWeights(up, g, weight.shape as readonly number[], { stride, padding }),
    ];
  },
  // What the stride did not reach (`room`) lies behind the last row and column.
  onnx(emit, [g, weight], node, { stride, padding: [before, after], shape }) {
    const kernel = node.inputs[1]!.shape.slice(2) as number[];
    const room = kernel.map((size, axis) => remainder(shape[axis + 2]!, before + after - size, stride));
    return emit.node('ConvTranspose', [g!, weight!], {
      strides: [stride, stride],
      pads: [before, before, after, after],
      output_padding: room,
    });
  },
};

interface WeightAttributes extends ConvAttributes {
  readonly shape: readonly number[];
}

/** The gradient of a convolution with respect to its weight. */
export const CONV2D_WEIGHTS: Primitive<WeightAttributes> = {
  name: 'conv2dWeights',
  infer([x, g], { shape }) {
    if (x!.dtype !== g!.dtype) throw notOfOneKind('conv2dWeights', x!, g!);
    return { dtype: x!.dtype, shape };
  },
  evaluate([x, g], attributes, output) {
    eachTap(x!.shape, output.shape, g!.shape, attributes, (at, w, y) => {
      output.data[w] = output.data[w]! + x!.data[at]! * g!.data[y]!;
    });
  },
  gradient(up, node, { stride, padding }) {
    const [x, g] = node.inputs as [Tensor, Tensor];
    const bias = zeros(up, [up.shape[0]!]);
    return [convolveBack(g, up, x.shape, { stride, padding }), conv2d(x, up, bias, { stride, padding })];
  },
  // A convolution as well: pictures are summed over the batch, and g, spread by the stride, is the kernel.
  onnx(emit, [x, g], node, { stride, padding: [before, after], shape }) {
    const swap = (name: string): string => emit.node('Transpose', [name], { perm: [1, 0, 2, 3] });
    const kernel = shape.slice(2);
    const room = kernel.map((size, axis) =>
      remainder(node.inputs[0]!.shape[axis + 2]!, before + after - size, stride),
    );
    const all = emit.node('Conv', [swap(x!), swap(g!)], {
      dilations: [stride, stride],
      pads: [before, before, after - room[0]!, after - room[1]!],
    });
    return swap(all);
  },
};

/** x [B, C, H, W] with weight [O, C, h, w] and bias [O]; zeros around. */
export function conv2d(x: Tensor, weight: Tensor, bias: Tensor, attributes: ConvAttributes): Tensor {
  return x.graph.add(CONV2D, [x, weight, bias], attributes);
}

/** The picture [B, C, H, W] of `shape` that g [B, O, h, w] reaches back through weight [O, C, y, x]. */
export function convolveBack(g: Tensor, weight: Tensor, shape: Shape, attributes: ConvAttributes): Tensor {
  return g.graph.add(CONV2D_BACK, [g, weight], { ...attributes, shape });
}

/** The weight of `shape` [O, C, y, x] that takes x [B, C, H, W] to g [B, O, h, w], as far as x and g agree. */
export function convolutionWeights(
  x: Tensor,
  g: Tensor,
  shape: readonly number[],
  attributes: ConvAttributes,
): Tensor {
  return x.graph.add(CONV2D_WEIGHTS, [x, g], { ...attributes, shape });
}

/** Calls `visit` with the places in picture, kernel and result of every product of a convolution. */
function eachTap(
  [batch, channels, rows, columns]: readonly number[],
  [outputs, , tall, wide]: readonly number[],
  [, , height, width]: readonly number[],
  { stride, padding: [before] }: ConvAttributes,
  visit: (x: number, weight: number, result: number) => void,
): void {
  const total = batch! * outputs! * height! * width! * channels! * tall! * wide!;
  for (let index = 0; index < total; index++) {
    const [tap, result] = [
      index % (channels! * tall! * wide!),
      Math.floor(index / (channels! * tall! * wide!)),
    ];
    const [c, i, j] = [Math.floor(tap / (tall! * wide!)), Math.floor(tap / wide!) % tall!, tap % wide!];
    const [plane, place] = [Math.floor(result / (height! * width!)), result % (height! * width!)];
    const [b, o] = [Math.floor(plane / outputs!), plane % outputs!];
    const row = Math.floor(place / width!) * stride + i - before;
    const column = (place % width!) * stride + j - before;
    if (row < 0 || column < 0 || row >= rows! || column >= columns!) continue;
    visit(
      ((b * channels! + c) * rows! + row) * columns! + column,
      o * channels! * tall! * wide! + tap,
      result,
    );
  }
}

/** What is left of a length, changed by `change`, after whole strides. A named length is a multiple of them. */
function remainder(length: Dim, change: number, stride: number): number {
  const room = addDims(length, change);
  if (typeof room === 'number') return room % stride;
  const constant = room.terms.get('') ?? 0;
  return ((constant % stride) + stride) % stride;
}

function notOfOneKind(op: string, a: Tensor, b: Tensor): HdmError {
  const problem = `expected two operands of one format, got ${formatType(a)} and ${formatType(b)}`;
  return new HdmError('bad-shape', op, problem, 'Cast first');
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
