/** @file The self-check of a device: our numbers beside those of independent code. */
import { readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { HdmError, toHdmError } from '../../engine/errors.ts';
import { checkGoldenFile } from '../../engine/golden/check-file.ts';
import type { Runtime } from '../../engine/runtime/runtime.ts';
import type { CheckResult } from '../contract.ts';

/**
 * Compares every golden file in a folder; one that cannot be computed has failed. Throws
 * `disk` when the folder cannot be read and `bad-usage` when there is nothing in it to compare.
 */
export async function selfCheck(runtime: Runtime, folder: string): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const name of goldenFiles(folder)) results.push(await check(runtime, name, join(folder, name)));
  if (results.length > 0) return results;
  throw new HdmError('bad-usage', folder, 'there is no golden file to compare with', 'Choose another folder');
}

function goldenFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => extname(name) === '.safetensors')
      .sort();
  } catch (error) {
    throw toHdmError(error, folder, 'disk');
  }
}

async function check(runtime: Runtime, name: string, path: string): Promise<CheckResult> {
  try {
    const { status, worst } = await checkGoldenFile(path, runtime);
    const { error, tolerance, name: what } = worst!;
    const isPassed = status === 'passed';
    if (Number.isFinite(error)) return { name, isPassed, error, tolerance, message: what };
    return { name, isPassed, message: `${what}: not a number, or of another size` };
  } catch (error) {
    return { name, isPassed: false, message: toHdmError(error, path).message };
  }
}
