/** @file Ops that move numbers without changing them, and the two that turn sizes into numbers. */
import { HdmError } from '../errors.ts';
import { addDims, evaluateDim, sameDim, subtractDims, type Dim } from '../graph/dim.ts';
import { DTYPES, type DType } from '../graph/dtype.ts';
import { WEIGHT, formatType, type Graph, type NamedType, type Tensor } from '../graph/graph.ts';
import type { Op, Primitive } from '../graph/op.ts';
import {
  broadcastShapes,
  elements,
  formatShape,
  normalizeAxis,
  sameShape,
  stretchIndex,
  stridesOf,
  totalOf,
  withAxis,
  type Shape,
} from '../graph/shape.ts';
import { CAST, cast, like } from './elementwise.ts';
import { sumTo } from './reduce.ts';

// --- reshape ----------------------------------------------------------------------------------------------

export const RESHAPE: Primitive<{ readonly shape: Shape }> = {
  name: 'reshape',
  infer([x], { shape }) {
    if (!sameDim(elements(x!.shape), elements(shape))) {
      const problem = `${formatShape(x!.shape)} has not as many elements as ${formatShape(shape)}`;
      throw new HdmError('bad-shape', 'reshape', problem);
    }
    return { dtype: x!.dtype, shape };
  },
  evaluate: ([x], _attributes, output) => output.data.set(x!.data),
  gradient: (g, node) => [reshape(g, node.inputs[0]!.shape)],
  onnx: (emit, [x], _node, { shape }) => emit.node('Reshape', [x!, emit.shape(shape)], { allowzero: 1 }),
};

/** The same numbers in row-major order under another shape. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : x.graph.add(RESHAPE, [x], { shape });
}

// --- transpose --------------------------------------------------------------------------------------------

export const TRANSPOSE: Primitive<{ readonly order: readonly number[] }> = {
  name: 'transpose',
  infer([x], { order }) {
    if ([...order].sort((a, b) => a - b).join() !== x!.shape.map((_, axis) => axis).join()) {
      const problem = `order [${order.join(', ')}] is no permutation of the axes of ${formatShape(x!.shape)}`;
      throw new HdmError('bad-shape', 'transpose', problem);
    }
    return { dtype: x!.dtype, shape: order.map((axis) => x!.shape[axis]!) };
  },
  evaluate([x], { order }, output) {
    const [from, to] = [stridesOf(x!.shape), stridesOf(output.shape)];
    output.data.forEach((_, index) => {
      const place = order.reduce((offset, axis, position) => {
        return offset + (Math.floor(index / to[position]!) % output.shape[position]!) * from[axis]!;
      }, 0);
      output.data[index] = x!.data[place]!;
    });
  },
  gradient(g, _node, { order }) {
    const back = order.map((_, axis) => order.indexOf(axis));
    return [transpose(g, back)];
  },
  onnx: (emit, inputs, _node, { order }) => emit.node('Transpose', inputs, { perm: order }),
};

/** Reorders axes: axis i of the result is axis `order[i]` of `x`. There and back again is `x` itself. */
export function transpose(x: Tensor, order: readonly number[]): Tensor {
  if (x.op === (TRANSPOSE as Op)) {
    const before = (x.attributes as { order: readonly number[] }).order;
    if (order.every((axis, position) => before[axis] === position)) return x.inputs[0]!;
  }
  return x.graph.add(TRANSPOSE, [x], { order });
}

// --- broadcast --------------------------------------------------------------------------------------------

export const BROADCAST: Primitive<{ readonly shape: Shape }> = {
  name: 'broadcast',
  infer([x], { shape }) {
    if (!sameShape(broadcastShapes('broadcast', x!.shape, shape), shape)) {
      const problem = `${formatShape(x!.shape)} does not stretch to ${formatShape(shape)}`;
      throw new HdmError('bad-shape', 'broadcast', problem, 'Only missing leading axes and size 1 stretch');
    }
    return { dtype: x!.dtype, shape };
  },
  evaluate([x], _attributes, output) {
    const place = stretchIndex(x!.shape, output.shape);
    output.data.forEach((_, index) => (output.data[index] = x!.data[place(index)]!));
  },
  gradient: (g, node) => [sumTo(g, node.inputs[0]!.shape)],
  onnx: (emit, [x], _node, { shape }) => emit.node('Expand', [x!, emit.shape(shape)]),
};

/** Stretches missing leading axes and axes of size 1 to `shape`. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : x.graph.add(BROADCAST, [x], { shape });
}

// --- slice, pad, concatenate ------------------------------------------------------------------------------

interface SliceAttributes {
  readonly axis: number;
  readonly start: Dim;
  readonly length: Dim;
}

export const SLICE: Primitive<SliceAttributes> = {
  name: 'slice',
  infer([x], { axis, start, length }) {
    const available = x!.shape[axis]!;
    const end = addDims(start, length);
    if (typeof available === 'number' && typeof end === 'number' && end > available) {
      const problem = `asks for elements up to ${end} of axis ${axis} of ${formatShape(x!.shape)}`;
      throw new HdmError('bad-shape', 'slice', problem);
    }
    return { dtype: x!.dtype, shape: withAxis(x!.shape, axis, length) };
  },
  evaluate([x], { axis, start }, output) {
    const first = evaluateDim(start, output.sizes);
    const inner = stridesOf(x!.shape)[axis]!;
    const [from, to] = [x!.shape[axis]! * inner, output.shape[axis]! * inner];
    for (let row = 0; row * to < output.data.length; row++) {
      const offset = row * from + first * inner;
      output.data.set(x!.data.subarray(offset, offset + to), row * to);
    }
  },
  gradient(g, node, { axis, start, length }) {
    const after = subtractDims(node.inputs[0]!.shape[axis]!, addDims(start, length));
    return [padZeros(g, axis, start, after)];
  },
  onnx(emit, [x], node, { axis, start, length }) {
    const [whole] = node.inputs as [Tensor];
    const isRowsOfWeight = whole.op === WEIGHT && axis === 0;
    if (isRowsOfWeight && typeof start === 'number' && typeof length === 'number') {
      return emit.weight((whole.attributes as NamedType).name, { start, length });
    }
    const ends = [emit.shape([start]), emit.shape([addDims(start, length)])];
    return emit.node('Slice', [x!, ...ends, emit.integers([axis])]);
  },
};

/** `length` elements of an axis, from `start` on. */
export function slice(x: Tensor, axis: number, start: Dim, length: Dim): Tensor {
  const index = normalizeAxis('slice', axis, x.shape.length);
  if (start === 0 && sameDim(length, x.shape[index]!)) return x;
  // Of a converted weight: cut, then convert, so that a runtime reads just these rows of a file.
  const [source] = x.inputs;
  if (x.op === CAST && source!.op === WEIGHT) return cast(slice(source!, index, start, length), x.dtype);
  return x.graph.add(SLICE, [x], { axis: index, start, length });
}

/** Equal parts of an axis. */
export function split(x: Tensor, axis: number, parts: number): Tensor[] {
  const index = normalizeAxis('split', axis, x.shape.length);
  const whole = x.shape[index]!;
  if (typeof whole !== 'number' || whole % parts !== 0) {
    const problem = `cannot cut axis ${axis} of ${formatShape(x.shape)} into ${parts} equal parts`;
    throw new HdmError('bad-shape', 'split', problem);
  }
  const length = whole / parts;
  return Array.from({ length: parts }, (_, part) => slice(x, index, part * length, length));
}

export interface PadAttributes {
  readonly axis: number;
  readonly before: Dim;
  readonly after: Dim;
}

export const PAD: Primitive<PadAttributes> = {
  name: 'pad',
  infer: ([x], { axis, before, after }) => ({
    dtype: x!.dtype,
    shape: withAxis(x!.shape, axis, totalOf([before, x!.shape[axis]!, after])),
  }),
  evaluate([x], { axis, before }, output) {
    const inner = stridesOf(x!.shape)[axis]!;
    const [from, to] = [x!.shape[axis]! * inner, output.shape[axis]! * inner];
    const lead = evaluateDim(before, output.sizes) * inner;
    for (let row = 0; row * from < x!.data.length; row++) {
      output.data.set(x!.data.subarray(row * from, (row + 1) * from), row * to + lead);
    }
  },
  gradient: (g, node, { axis, before }) => [slice(g, axis, before, node.inputs[0]!.shape[axis]!)],
  onnx: (emit, [x], _node, { axis, before, after }) =>
    emit.node('Pad', [x!, emit.shape([before, after]), '', emit.integers([axis])]),
};

/** Zeros before and after an axis. */
export function padZeros(x: Tensor, axis: number, before: Dim, after: Dim): Tensor {
  if (before === 0 && after === 0) return x;
  return x.graph.add(PAD, [x], { axis: normalizeAxis('pad', axis, x.shape.length), before, after });
}

export const CONCAT: Primitive<{ readonly axis: number }> = {
  name: 'concat',
  infer(parts, { axis }) {
    const [first] = parts as [Tensor];
    const rest = ({ shape }: Tensor): Shape => withAxis(shape, axis, 1);
    const odd = parts.find((part) => part.dtype !== first.dtype || !sameShape(rest(part), rest(first)));
    if (odd) {
      const problem = `${formatType(first)} and ${formatType(odd)} differ in more than the size of axis ${axis}`;
      throw new HdmError('bad-shape', 'concat', problem);
    }
    const total = totalOf(parts.map(({ shape }) => shape[axis]!));
    return { dtype: first.dtype, shape: withAxis(first.shape, axis, total) };
  },
  evaluate(parts, { axis }, output) {
    const inner = stridesOf(output.shape)[axis]!;
    const row = output.shape[axis]! * inner;
    let lead = 0;
    for (const { shape, data } of parts) {
      const length = shape[axis]! * inner;
      for (let i = 0; i * length < data.length; i++) {
        output.data.set(data.subarray(i * length, (i + 1) * length), i * row + lead);
      }
      lead += length;
    }
  },
  gradient(g, node, { axis }) {
    let start: Dim = 0;
    return node.inputs.map(({ shape }) => {
      const part = slice(g, axis, start, shape[axis]!);
      start = addDims(start, shape[axis]!);
      return part;
    });
  },
  onnx: (emit, inputs, _node, { axis }) => emit.node('Concat', inputs, { axis }),
};

/** The parts one after the other along `axis`. */
export function concat(parts: readonly Tensor[], axis: number): Tensor {
  const [first] = parts as [Tensor];
  if (parts.length === 1) return first;
  return first.graph.add(CONCAT, parts, { axis: normalizeAxis('concat', axis, first.shape.length) });
}

// --- sizes as numbers -------------------------------------------------------------------------------------

export const DIMENSION: Primitive<{ readonly dim: Dim }> = {
  name: 'dimension',
  infer: () => ({ dtype: 'i64', shape: [] }),
  evaluate: (_inputs, { dim }, output) => output.data.fill(evaluateDim(dim, output.sizes)),
  gradient: null,
  onnx: (emit, _inputs, _node, { dim }) => emit.dim(dim),
};

/** A size as a single i64 number. */
export function dimension(graph: Graph, dim: Dim): Tensor {
  return graph.add(DIMENSION, [], { dim });
}

export const RANGE: Primitive<{ readonly length: Dim; readonly dtype: DType }> = {
  name: 'range',
  infer: (_inputs, { length, dtype }) => ({ dtype, shape: [length] }),
  evaluate: (_inputs, _attributes, output) => output.data.forEach((_, i) => (output.data[i] = i)),
  gradient: null,
  onnx(emit, _inputs, _node, { length, dtype }) {
    const numbers = emit.node('Range', [emit.scalarI64(0), emit.dim(length), emit.scalarI64(1)]);
    return dtype === 'i64' ? numbers : emit.node('Cast', [numbers], { to: DTYPES[dtype].onnx });
  },
};

/** 0, 1, 2, … as `dtype`. */
export function range(graph: Graph, length: Dim, dtype: DType): Tensor {
  return graph.add(RANGE, [], { length, dtype });
}

/** Zeros of the format of `x`. */
export function zeros(x: Tensor, shape: Shape): Tensor {
  return broadcastTo(like(x, 0), shape);
}
