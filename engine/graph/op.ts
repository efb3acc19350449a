/** @file What an op is: one object that says everything about it in one place. */
import type { OnnxEmitter } from '../runtime/onnx/emitter.ts';
import type { Sizes } from './dim.ts';
import type { DType } from './dtype.ts';
import type { Tensor } from './graph.ts';
import type { Shape } from './shape.ts';

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Operand of a reference evaluation: plain sizes, float64 numbers (exact for every integer we use). */
export interface ReferenceValue {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

interface OpBase<A> {
  readonly name: string;
  /** Shape and dtype rule. Throws a HdmError that names the op, the shapes and what to do. */
  infer(inputs: readonly Tensor[], attributes: A): TensorType;
}

/** An op that every runtime must know. */
export interface Primitive<A = unknown> extends OpBase<A> {
  /** The slow, obvious reference: fills `output.data`. */
  evaluate(
    inputs: readonly ReferenceValue[],
    attributes: A,
    output: ReferenceValue & { readonly sizes: Sizes },
  ): void;
  /**
   * Given d(loss)/d(output), d(loss)/d(input) for each input; `undefined` where nothing flows.
   * `null` in place of the rule: the op is not differentiable (comparisons, sizes).
   */
  readonly gradient: ((upstream: Tensor, node: Tensor, attributes: A) => (Tensor | undefined)[]) | null;
  /** Emits ONNX nodes; returns the name of the result. */
  onnx(emit: OnnxEmitter, inputs: readonly string[], node: Tensor, attributes: A): string;
}

/** An op made of others. A runtime may lower it in one piece where that pays. */
export interface Composite<A = unknown> extends OpBase<A> {
  compose(inputs: readonly Tensor[], attributes: A): Tensor;
  readonly gradient?: (upstream: Tensor, node: Tensor, attributes: A) => (Tensor | undefined)[];
  /** The fused lowering; `undefined` as its result where the provider has none for these operands. */
  onnx?(emit: OnnxEmitter, inputs: readonly string[], node: Tensor, attributes: A): string;
}

export type Op<A = unknown> = Primitive<A> | Composite<A>;

export function isComposite(op: Op): op is Composite {
  return 'compose' in op;
}
