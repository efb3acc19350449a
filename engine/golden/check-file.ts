/** @file One golden file compared, whatever its kind, and what came of it. */
import { HdmError } from '../errors.ts';
import type { FloatDType } from '../graph/dtype.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { openSafetensors, readTensors } from '../weights/safetensors.ts';
import type { Comparison } from './golden-file.ts';
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
 * Computes what a golden .safetensors file tells and compares. `model` is the model of a reference generation
 * (default: the folder of the file). In half precision tolerances are wider (golden-file.ts). Throws `bad-file` when it is none, and what its computation throws.
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
  return judgeComparisons(path, kind, await checker(golden).catch(explain));

  function explain(error: unknown): never {
    if (error instanceof HdmError) throw error;
    const problem = `it is not as golden files of kind "${kind}" are`;
    throw new HdmError('bad-file', path, problem, 'Get the file again', error);
  }
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
