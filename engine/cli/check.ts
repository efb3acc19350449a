/** @file `hdm-studio check`: compares our numbers with golden files. */
import { existsSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { readJson } from '../checkpoints/tensors.ts';
import { HdmError } from '../errors.ts';
import { openRuntime } from '../runtime/devices.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { openTokenizer } from '../text/tokenizer.ts';
import { openSafetensors, readTensors } from '../weights/safetensors.ts';
import type { Comparison } from '../golden/golden-file.ts';
import { GOLDEN_KINDS, kindOf, LATER_KINDS } from '../golden/kinds.ts';
import { deviceOption, jsonOption } from './options.ts';
import { EXIT, openOutput } from './output.ts';

interface CheckOptions {
  readonly device: string;
  readonly model?: string;
  readonly tokenizer?: string;
  readonly json?: boolean;
}

interface FileResult {
  readonly path: string;
  readonly kind: string;
  /** Of all comparisons the one that uses most of its tolerance. */
  readonly worst?: Comparison;
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly reason?: string;
}

export function checkCommand(): Command {
  return new Command('check')
    .description('compare our numbers with golden files')
    .argument('<files...>', 'golden .safetensors files, reference generations, tokenizer .json files')
    .option('--model <path>', 'model of a reference generation (default: the folder of the file)')
    .option('--tokenizer <path>', 'tokenizer of a tokenizer file (default: found by its name beside it)')
    .addOption(deviceOption().default('cpu'))
    .addOption(jsonOption())
    .action(check);
}

async function check(paths: string[], options: CheckOptions): Promise<void> {
  const output = openOutput(options.json ?? false);
  const { runtime } = await openRuntime(options.device);
  const results: FileResult[] = [];
  for (const path of paths) {
    const result = await checkFile(path, runtime, options);
    output.line(format(result));
    results.push(result);
  }
  const failed = results.filter(({ status }) => status === 'failed').length;
  const skipped = results.filter(({ status }) => status === 'skipped').length;
  output.line(`${results.length - failed - skipped} passed, ${failed} failed, ${skipped} skipped`);
  output.result({ device: runtime.device, precision: 'f32', failed, skipped, results });
  if (failed > 0) process.exitCode = EXIT.failed;
}

async function checkFile(path: string, runtime: Runtime, options: CheckOptions): Promise<FileResult> {
  if (extname(path) === '.json') return checkTokenizer(path, options.tokenizer);
  const file = openSafetensors(path);
  const kind = kindOf(file);
  if (LATER_KINDS.includes(kind)) {
    return { path, kind, status: 'skipped', reason: 'it needs the trainer, which is not here yet' };
  }
  const checker = Object.hasOwn(GOLDEN_KINDS, kind) ? GOLDEN_KINDS[kind] : undefined;
  if (!checker) {
    const known = Object.keys(GOLDEN_KINDS).join(', ');
    throw new HdmError(
      'bad-file',
      path,
      `a golden file of kind "${kind}" is not known`,
      `Known kinds: ${known}`,
    );
  }
  const model = options.model === undefined ? {} : { model: options.model };
  const golden = { file, tensors: readTensors(file), runtime, ...model };
  return judge(path, kind, await checker(golden).catch(explain));

  function explain(error: unknown): never {
    if (error instanceof HdmError) throw error;
    const problem = `it is not as golden files of kind "${kind}" are`;
    throw new HdmError('bad-file', path, problem, 'Get the file again', error);
  }
}

const tokenizerCases = z.array(z.object({ text: z.string(), ids: z.array(z.int()) })).min(1);

/** Texts and their ids: `tokenizer-qwen3.json` is checked with `qwen3-tokenizer/` beside its folder. */
async function checkTokenizer(path: string, folder = tokenizerFor(path)): Promise<FileResult> {
  const tokenizer = openTokenizer(folder);
  const cases = readJson(path, tokenizerCases);
  const comparisons = cases.map(({ text, ids }) => {
    const isEqual = tokenizer.encode(text).join() === ids.join();
    return { name: JSON.stringify(text), error: isEqual ? 0 : 1, tolerance: 0 };
  });
  return judge(path, 'tokenizer', comparisons);
}

function tokenizerFor(path: string): string {
  const name = /^tokenizer-(.+)$/.exec(basename(path, '.json'))?.[1];
  const folder = join(dirname(path), '..', `${name}-tokenizer`);
  if (name && existsSync(folder)) return folder;
  throw new HdmError('bad-usage', path, 'no tokenizer was found for it', 'Give one with --tokenizer');
}

function judge(path: string, kind: string, comparisons: readonly Comparison[]): FileResult {
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

function format({ path, kind, worst, status, reason }: FileResult): string {
  const sign = { passed: '✓', failed: '✗', skipped: '–' }[status];
  if (!worst) return `${sign} ${kind.padEnd(15)} ${basename(path)}: ${reason}`;
  const detail = `largest error ${worst.error.toExponential(1)} of ${worst.tolerance.toExponential(1)} allowed (${worst.name})`;
  return `${sign} ${kind.padEnd(15)} ${basename(path)}: ${detail}`;
}
