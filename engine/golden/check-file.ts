/** @file One golden file compared, whatever its kind, and what came of it. */
import { HdmError } from '../errors.ts';
import { convert, type FloatDType, type TensorData } from '../graph/dtype.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { openSafetensors, readTensors } from '../weights/safetensors.ts';
import type { Comparison, GoldenFile } from './golden-file.ts';
import { GOLDEN_KINDS, kindOf } from './kinds.ts';

export interface GoldenResult {
  readonly path: string;
  readonly kind: string;
  /** Of all comparisons the one that uses most of its tolerance. */
  readonly worst?: Comparison;
  readonly status: 'passed' | 'failed';
  readonly reason?: string;
}

/**
 * How many times as far as by rounded weights alone a number may be off in half precision. For each weight some five
 * results are rounded, too: sqrt(6) is 2.4 for a usual number, and the worst of them is twice that. Our kernels were off
 * 0.9 to 2.9 times as far, ONNX Runtime, which rounds after every op, up to 4.2.
 */
const TIMES_ROUNDED = 5;

/**
 * Computes what a golden .safetensors file tells and compares. `model` is the model of a reference generation
 * (default: the folder of the file). In half precision tolerances are wider (golden-file.ts), and wider still for a
 * network that rounding its weights moves further: that is computed in f32. Throws `bad-file` when it is none, and what
 * its computation throws.
 */
export async function checkGoldenFile(
  path: string,
  runtime: Runtime,
  { model, precision = 'f32' }: { readonly model?: string; readonly precision?: FloatDType } = {},
): Promise<GoldenResult> {
  const file = openSafetensors(path);
  const kind = kindOf(file);
  const checker = Object.hasOwn(GOLDEN_KINDS, kind) ? GOLDEN_KINDS[kind] : undefined;
  if (!checker) {
    const known = `Known kinds: ${Object.keys(GOLDEN_KINDS).join(', ')}`;
    throw new HdmError('bad-file', path, `a golden file of kind "${kind}" is not known`, known);
  }
  const tensors = readTensors(file);
  const golden = { file, tensors, runtime, precision, ...(model !== undefined && { model }) };
  const comparisons = await checker(golden).catch(explain);
  if (precision === 'f32') return judgeComparisons(path, kind, comparisons);
  const rounded = await checker({ ...golden, precision: 'f32', tensors: withRoundedWeights(golden) });
  const errors = new Map(rounded.map(({ name, error }) => [name, error]));
  const widened = comparisons.map(({ name, error, tolerance }) => {
    const sensitivity = errors.get(name) ?? 0;
    return { name, error, tolerance: Math.max(tolerance, TIMES_ROUNDED * sensitivity) };
  });
  return judgeComparisons(path, kind, widened);

  function explain(error: unknown): never {
    if (error instanceof HdmError) throw error;
    const problem = `it is not as golden files of kind "${kind}" are`;
    throw new HdmError('bad-file', path, problem, 'Get the file again', error);
  }
}

function withRoundedWeights({ tensors, precision }: GoldenFile): Map<string, TensorData> {
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const isWeight = name.startsWith('weight.') && tensor.dtype === 'f32';
      return [name, isWeight ? convert(convert(tensor, precision), 'f32') : tensor];
    }),
  );
}

/** Passed when every comparison is within its tolerance. Throws `bad-file` when there are none. */
export function judgeComparisons(
  path: string,
  kind: string,
  comparisons: readonly Comparison[],
): GoldenResult {
  if (comparisons.length === 0) {
    throw new HdmError('bad-file', path, 'there is nothing in it to compare', 'Get the file again');
  }
  const worst = comparisons.reduce((a, b) => (severity(b) > severity(a) ? b : a));
  return { path, kind, worst, status: comparisons.every(isWithin) ? 'passed' : 'failed' };
}

function isWithin({ error, tolerance }: Comparison): boolean {
  return error <= tolerance;
}

function severity({ error, tolerance }: Comparison): number {
  return error === 0 ? 0 : error / tolerance;
}
