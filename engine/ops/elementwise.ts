/**
 * @file Ops that treat every element alike. Operands stretch to a common shape (`broadcastShapes`);
 * the gradient of a stretched operand is summed back to its own shape.
 */
import { HdmError } from '../errors.ts';
import { isFloat, DTYPES, type DType } from '../graph/dtype.ts';
import { formatType, type Tensor } from '../graph/graph.ts';
import type { Primitive, ReferenceValue } from '../graph/op.ts';
import { broadcastShapes, stretchIndex } from '../graph/shape.ts';
import { sumTo } from './reduce.ts';

// --- one operand ------------------------------------------------------------------------------------------

interface UnaryRule {
  readonly onnx: string;
  readonly value: (x: number) => number;
  /** d(loss)/dx from upstream g, input x and output y. */
  readonly gradient: (g: Tensor, x: Tensor, y: Tensor) => Tensor;
}

const UNARY = {
  neg: { onnx: 'Neg', value: (x) => -x, gradient: (g) => neg(g) },
  exp: { onnx: 'Exp', value: Math.exp, gradient: (g, _x, y) => mul(g, y) },
  log: { onnx: 'Log', value: Math.log, gradient: (g, x) => div(g, x) },
  sqrt: { onnx: 'Sqrt', value: Math.sqrt, gradient: (g, _x, y) => div(mul(g, like(y, 0.5)), y) },
  sin: { onnx: 'Sin', value: Math.sin, gradient: (g, x) => mul(g, cos(x)) },
  cos: { onnx: 'Cos', value: Math.cos, gradient: (g, x) => neg(mul(g, sin(x))) },
  // 1 - y^2
  tanh: { onnx: 'Tanh', value: Math.tanh, gradient: (g, _x, y) => sub(g, mul(g, mul(y, y))) },
  // y (1 - y)
  sigmoid: {
    onnx: 'Sigmoid',
    value: (x) => 1 / (1 + Math.exp(-x)),
    gradient: (g, _x, y) => mul(g, sub(y, mul(y, y))),
  },
} satisfies Record<string, UnaryRule>;

export const neg = unary('neg');
export const exp = unary('exp');
export const log = unary('log');
export const sqrt = unary('sqrt');
export const sin = unary('sin');
export const cos = unary('cos');
export const tanh = unary('tanh');
export const sigmoid = unary('sigmoid');

function unary(name: keyof typeof UNARY): (x: Tensor) => Tensor {
  const rule: UnaryRule = UNARY[name];
  const op: Primitive<null> = {
    name,
    infer([x]) {
      if (!isFloat(x!.dtype)) throw wrongType(name, 'a float tensor', x!);
      return { dtype: x!.dtype, shape: x!.shape };
    },
    evaluate: ([x], _attributes, output) => x!.data.forEach((v, i) => (output.data[i] = rule.value(v))),
    gradient: (g, node) => [rule.gradient(g, node.inputs[0]!, node)],
    onnx: (emit, inputs) => emit.node(rule.onnx, inputs),
  };
  return (x) => x.graph.add(op, [x], null);
}

// --- two operands -----------------------------------------------------------------------------------------

interface BinaryRule {
  readonly onnx: string;
  readonly value: (a: number, b: number) => number;
  /** Gradients before they are summed to the operands' shapes; `null` for comparisons. */
  readonly gradient: ((g: Tensor, a: Tensor, b: Tensor, y: Tensor) => [Tensor, Tensor]) | null;
  /** Result format, when it is not the operands'. */
  readonly dtype?: DType;
}

const BINARY = {
  add: { onnx: 'Add', value: (a, b) => a + b, gradient: (g) => [g, g] },
  sub: { onnx: 'Sub', value: (a, b) => a - b, gradient: (g) => [g, neg(g)] },
  mul: { onnx: 'Mul', value: (a, b) => a * b, gradient: (g, a, b) => [mul(g, b), mul(g, a)] },
  // d(a/b) = da/b - y db/b
  div: {
    onnx: 'Div',
    value: (a, b) => a / b,
    gradient: (g, _a, b, y) => [div(g, b), neg(div(mul(g, y), b))],
  },
  // Ties send the whole gradient to b: a subgradient like any other.
  max: {
    onnx: 'Max',
    value: Math.max,
    gradient: (g, a, b) => [where(less(b, a), g, like(g, 0)), where(less(b, a), like(g, 0), g)],
  },
  less: { onnx: 'Less', value: (a, b) => Number(a < b), gradient: null, dtype: 'bool' },
} satisfies Record<string, BinaryRule>;

export const add = binary('add');
export const sub = binary('sub');
export const mul = binary('mul');
export const div = binary('div');
export const max = binary('max');
/** a < b, as bool. */
export const less = binary('less');

function binary(name: keyof typeof BINARY): (a: Tensor, b: Tensor) => Tensor {
  const rule: BinaryRule = BINARY[name];
  const op: Primitive<null> = {
    name,
    infer([a, b]) {
      if (a!.dtype !== b!.dtype) throw wrongType(name, 'two operands of one format', a!, b!);
      return { dtype: rule.dtype ?? a!.dtype, shape: broadcastShapes(name, a!.shape, b!.shape) };
    },
    evaluate([a, b], _attributes, output) {
      const [x, y] = [reader(a!, output.shape), reader(b!, output.shape)];
      output.data.forEach((_, i) => (output.data[i] = rule.value(x(i), y(i))));
    },
    gradient:
      rule.gradient &&
      ((g, node) => {
        const [a, b] = [node.inputs[0]!, node.inputs[1]!];
        const [toA, toB] = rule.gradient!(g, a, b, node);
        return [sumTo(toA, a.shape), sumTo(toB, b.shape)];
      }),
    onnx: (emit, inputs) => emit.node(rule.onnx, inputs),
  };
  return (a, b) => a.graph.add(op, [a, b], null);
}

// --- choice and format ------------------------------------------------------------------------------------

export const WHERE: Primitive<null> = {
  name: 'where',
  infer([condition, a, b]) {
    if (condition!.dtype !== 'bool') throw wrongType('where', 'a bool condition', condition!);
    if (a!.dtype !== b!.dtype) throw wrongType('where', 'two choices of one format', a!, b!);
    const choices = broadcastShapes('where', a!.shape, b!.shape);
    return { dtype: a!.dtype, shape: broadcastShapes('where', condition!.shape, choices) };
  },
  evaluate([condition, a, b], _attributes, output) {
    const at = (value: ReferenceValue): Reader => reader(value, output.shape);
    const [c, x, y] = [at(condition!), at(a!), at(b!)];
    output.data.forEach((_, i) => (output.data[i] = c(i) ? x(i) : y(i)));
  },
  gradient(g, node) {
    const [condition, a, b] = node.inputs as [Tensor, Tensor, Tensor];
    const zero = like(g, 0);
    return [undefined, sumTo(where(condition, g, zero), a.shape), sumTo(where(condition, zero, g), b.shape)];
  },
  onnx: (emit, inputs) => emit.node('Where', inputs),
};

/** `condition ? a : b`, elementwise. */
export function where(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  return condition.graph.add(WHERE, [condition, a, b], null);
}

export const CAST: Primitive<{ readonly dtype: DType }> = {
  name: 'cast',
  infer: ([x], { dtype }) => ({ dtype, shape: x!.shape }),
  // The reference computes in float64 throughout; only casts to whole numbers and bools change a value.
  evaluate([x], { dtype }, output) {
    const { kind } = DTYPES[dtype];
    x!.data.forEach((v, i) => (output.data[i] = CONVERSIONS[kind](v)));
  },
  gradient: (g, node) => [isFloat(node.inputs[0]!.dtype) ? cast(g, node.inputs[0]!.dtype) : undefined],
  onnx: (emit, inputs, _node, { dtype }) => emit.node('Cast', inputs, { to: DTYPES[dtype].onnx }),
};

const CONVERSIONS = {
  float: (x: number) => x,
  integer: Math.trunc,
  boolean: (x: number) => Number(x !== 0),
} as const;

/** The same numbers as `dtype`; nothing happens when they are that already. */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : x.graph.add(CAST, [x], { dtype });
}

/** A single number in the format of `x`. */
export function like(x: Tensor, value: number): Tensor {
  return x.graph.scalar(value, x.dtype);
}

export const ELEMENTWISE_RULES = { ...UNARY, ...BINARY };

/** Is each number of a tensor made of the numbers at its own place in the operands, as far as these are not stretched? */
export function isElementwise({ op }: Tensor): boolean {
  return op.name in ELEMENTWISE_RULES || [WHERE.name, CAST.name].includes(op.name);
}

type Reader = (index: number) => number;

/** Reads `value` as if it were stretched to `shape`. */
function reader(value: ReferenceValue, shape: readonly number[]): Reader {
  const place = stretchIndex(value.shape, shape);
  return (index) => value.data[place(index)]!;
}

function wrongType(op: string, expected: string, ...operands: Tensor[]): HdmError {
  const problem = `expected ${expected}, got ${operands.map(formatType).join(' and ')}`;
  return new HdmError('bad-shape', op, problem, 'Cast first');
}
