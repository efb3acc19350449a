/** @file Norms and softmax: composed of reductions, computed in float32, one fused ONNX op each. */
import { HdmError } from '../errors.ts';
import { multiplyDims } from '../graph/dim.ts';
import { f32 } from '../graph/dtype.ts';
import { formatType, type Tensor } from '../graph/graph.ts';
import type { Composite, TensorType } from '../graph/op.ts';
import { requireAxes, sameShape, type Shape } from '../graph/shape.ts';
import { add, cast, div, exp, like, mul, sqrt, sub } from './elementwise.ts';
import { reshape } from './movement.ts';
import { largest, mean, sum } from './reduce.ts';

interface Epsilon {
  readonly epsilon: number;
}

export const RMS_NORM: Composite<Epsilon> = {
  name: 'rmsNorm',
  infer: (inputs) => normType('rmsNorm', inputs),
  compose([x, weight], { epsilon }) {
    const wide = cast(x!, 'f32');
    const scale = sqrt(add(mean(mul(wide, wide), [-1]), like(wide, epsilon)));
    return mul(cast(div(wide, scale), x!.dtype), weight!);
  },
  onnx: (emit, inputs, _node, { epsilon }) =>
    emit.node('SimplifiedLayerNormalization', inputs, {
      axis: -1,
      epsilon: emit.float(epsilon),
      stash_type: 1,
    }),
};

/** Root-mean-square norm over the last axis, times weight (Zhang & Sennrich 2019). */
export function rmsNorm(x: Tensor, weight: Tensor, epsilon: number): Tensor {
  return x.graph.add(RMS_NORM, [x, weight], { epsilon });
}

export const LAYER_NORM: Composite<Epsilon> = {
  name: 'layerNorm',
  infer: (inputs) => normType('layerNorm', inputs),
  compose([x, weight, bias], { epsilon }) {
    const normal = standardize(cast(x!, 'f32'), [-1], epsilon);
    return add(mul(cast(normal, x!.dtype), weight!), bias!);
  },
  onnx: (emit, inputs, _node, { epsilon }) =>
    emit.node('LayerNormalization', inputs, { axis: -1, epsilon: emit.float(epsilon) }),
};

/** Layer norm over the last axis, times weight plus bias. */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor {
  return x.graph.add(LAYER_NORM, [x, weight, bias], { epsilon });
}

interface Groups {
  readonly groups: number;
  readonly epsilon: number;
}

export const GROUP_NORM: Composite<Groups> = {
  name: 'groupNorm',
  infer([x, weight, bias], { groups }) {
    requireAxes('groupNorm', x!.shape, ['batch', 'channels', 'height', 'width']);
    const channels = x!.shape[1] as number;
    const fits = [weight!, bias!].every(
      ({ dtype, shape }) => dtype === x!.dtype && sameShape(shape, [channels]),
    );
    if (!fits || channels % groups !== 0) {
      const [scale, shift] = [formatType(weight!), formatType(bias!)];
      const problem = `weight ${scale} and bias ${shift} do not fit ${formatType(x!)} in ${groups} groups`;
      throw new HdmError('bad-shape', 'groupNorm', problem, 'Channels must be a multiple of the groups');
    }
    return { dtype: x!.dtype, shape: x!.shape };
  },
  compose([x, weight, bias], { groups, epsilon }) {
    const grouped = reshape(cast(x!, 'f32'), groupedShape(x!.shape, groups));
    const normal = cast(reshape(standardize(grouped, [-1], epsilon), x!.shape), x!.dtype);
    return add(mul(normal, perChannel(weight!)), perChannel(bias!));
  },
  // Instance norm over one "channel" per group is the group norm without its weight and bias.
  onnx(emit, [x, weight, bias], node, { groups, epsilon }) {
    const column = emit.shape([node.shape[1]!, 1, 1]);
    const perGroup = (value: number): string =>
      emit.cast(emit.constant(f32([groups], new Float32Array(groups).fill(value))), 'f32', node.dtype);
    const grouped = emit.node('Reshape', [x!, emit.shape(groupedShape(node.shape, groups))]);
    const attributes = { epsilon: emit.float(epsilon) };
    const normal = emit.node('InstanceNormalization', [grouped, perGroup(1), perGroup(0)], attributes);
    const whole = emit.node('Reshape', [normal, emit.shape(node.shape)]);
    const scaled = emit.node('Mul', [whole, emit.node('Reshape', [weight!, column])]);
    return emit.node('Add', [scaled, emit.node('Reshape', [bias!, column])]);
  },
};

/** Norm over groups of the channels of x [B, C, H, W], times weight [C] plus bias [C] (Wu & He 2018). */
export function groupNorm(x: Tensor, weight: Tensor, bias: Tensor, groups: number, epsilon: number): Tensor {
  return x.graph.add(GROUP_NORM, [x, weight, bias], { groups, epsilon });
}

export const SOFTMAX: Composite<null> = {
  name: 'softmax',
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  compose([x]) {
    const wide = cast(x!, 'f32');
    const powers = exp(sub(wide, largest(wide, [-1])));
    return cast(div(powers, sum(powers, [-1])), x!.dtype);
  },
  // y (g - sum(g y))
  gradient(upstream, node) {
    const [g, y] = [cast(upstream, 'f32'), cast(node, 'f32')];
    return [cast(mul(y, sub(g, sum(mul(g, y), [-1]))), node.dtype)];
  },
  onnx(emit, [x], node) {
    const wide = emit.node('Softmax', [emit.cast(x!, node.dtype, 'f32')], { axis: -1 });
    return emit.cast(wide, 'f32', node.dtype);
  },
};

/** Softmax over the last axis. */
export function softmax(x: Tensor): Tensor {
  return x.graph.add(SOFTMAX, [x], null);
}

/** (x - mean) / standard deviation. */
function standardize(x: Tensor, axes: readonly number[], epsilon: number): Tensor {
  const centered = sub(x, mean(x, axes));
  const variance = mean(mul(centered, centered), axes);
  return div(centered, sqrt(add(variance, like(x, epsilon))));
}

function groupedShape([batch, channels, ...space]: Shape, groups: number): Shape {
  return [batch!, groups, [(channels as number) / groups, ...space].reduce(multiplyDims)];
}

function perChannel(parameter: Tensor): Tensor {
  return reshape(parameter, [parameter.shape[0]!, 1, 1]);
}

function normType(name: string, [x, ...parameters]: readonly Tensor[]): TensorType {
  const expected = x!.shape.slice(-1);
  const odd = parameters.find(({ shape, dtype }) => !sameShape(shape, expected) || dtype !== x!.dtype);
  if (odd) {
    const problem = `a parameter ${formatType(odd)} does not fit ${formatType(x!)}`;
    throw new HdmError('bad-shape', name, problem, 'It must have the size of the last axis');
  }
  return { dtype: x!.dtype, shape: x!.shape };
}
