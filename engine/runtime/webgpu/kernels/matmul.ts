/** @file Matrix products as kernels: what is multiplied, and which ways there are to do it. */
import type { Epilogue, Features, Kernel } from '../kernel.ts';
import { choicesFor, planProduct, speedKey, type Choice, type Plan } from './plan.ts';
import { plainEpilogue, type Product } from './product.ts';
import { operandSource, type Operand } from './source.ts';
import type { Scalar } from './wgsl.ts';

export { choiceKey, type Choice as MatmulChoice, type Plan } from './plan.ts';
export type { Operand } from './source.ts';

/** [batch, m, k] x [batch, k, n] → [batch, m, n], summed in f32. */
export interface MatmulProblem {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly dtype: Scalar;
  readonly result: Scalar;
  readonly a: Operand;
  readonly b: Operand;
  readonly choice?: Choice;
}

/** Ways to compute a product, the most promising first; each is right. */
export function matmulChoices(p: MatmulProblem, features: Features): readonly Choice[] {
  return choicesFor(productOf(p), features);
}

/** The ways that do not split k, by the keys of their speeds. */
export function matmulWays(p: MatmulProblem, features: Features): ReadonlyMap<string, Choice> {
  const product = productOf(p);
  const whole = choicesFor(product, features).filter(({ splits }) => splits === 1);
  return new Map(whole.map((choice) => [speedKey(choice, product), choice]));
}

/** Kernels for a product, with bindings a, b and those of the epilogue (see `Plan` where k is split). */
export function matmulPlan(p: MatmulProblem, features: Features, epilogue?: Epilogue): Plan {
  const product = productOf(p);
  const choice = p.choice ?? choicesFor(product, features)[0]!;
  return planProduct(product, choice, features, epilogue ?? plainEpilogue(p.m, p.n, p.result));
}

/** One kernel for a product: the best choice that does not split k. */
export function matmulKernel(p: MatmulProblem, features: Features, epilogue?: Epilogue): Kernel {
  const choice = p.choice ?? matmulChoices(p, features).find(({ splits }) => splits === 1)!;
  return matmulPlan({ ...p, choice: { ...choice, splits: 1 } }, features, epilogue).kernels[0];
}

function productOf({ batch, m, n, k, dtype, result, a, b }: MatmulProblem): Product {
  const [size, written] = [dtype, result].map((format) => (format === 'f16' ? 2 : 4)) as [number, number];
  const matrices = (operand: Operand): number => (operand.batchStride === 0 ? 1 : batch);
  return {
    name: 'matmul',
    batch,
    m,
    n,
    k,
    left: operandSource(a, dtype, a.transposed ? 'outer' : 'inner', { outer: m, inner: k }),
    right: operandSource(b, dtype, b.transposed ? 'inner' : 'outer', { outer: n, inner: k }),
    order: [0, 1],
    bytes: size * (matrices(a) * m * k + matrices(b) * k * n) + written * batch * m * n,
  };
}
