/** @file The one op about when, not what: it makes a value wait for another. */
import { formatType } from '../graph/graph.ts';
import type { Tensor } from '../graph/graph.ts';
import { HdmError } from '../errors.ts';
import { isFloat } from '../graph/dtype.ts';
import type { Primitive } from '../graph/op.ts';

export const AFTER: Primitive<null> = {
  name: 'after',
  infer([x, first]) {
    if (!isFloat(x!.dtype) || !isFloat(first!.dtype)) {
      const problem = `expected two float tensors, got ${formatType(x!)} and ${formatType(first!)}`;
      throw new HdmError('bad-shape', 'after', problem);
    }
    return { dtype: x!.dtype, shape: x!.shape };
  },
  evaluate: ([x], _attributes, output) => output.data.set(x!.data),
  gradient: (g) => [g, undefined],
  // ONNX knows no order but that of the data: x + 0, the 0 from one number of `first`. No number is less than itself.
  onnx(emit, [x, first], node) {
    const flat = emit.node('Reshape', [first!, emit.integers([-1])]);
    const one = emit.node('Gather', [flat, emit.scalarI64(0)], { axis: 0 });
    const zero = emit.cast(emit.node('Less', [one, one]), 'bool', node.dtype);
    return emit.node('Add', [x!, zero]);
  },
};

/** `x` itself, computed no earlier than `first`. */
export function after(x: Tensor, first: Tensor): Tensor {
  return x.graph.add(AFTER, [x, first], null);
}
