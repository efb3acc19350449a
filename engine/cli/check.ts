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
import { checkGoldenFile, judgeComparisons, type GoldenResult } from '../golden/check-file.ts';
import { deviceOption, jsonOption, precisionOption } from './options.ts';
import { EXIT, openOutput } from './output.ts';

interface CheckOptions {
  readonly device: string;
  readonly model?: string;
  readonly tokenizer?: string;
  readonly precision: 'f32' | 'f16';
  readonly json?: boolean;
}

export function checkCommand(): Command {
  return new Command('check')
    .description('compare our numbers with golden files')
    .argument('<files...>', 'golden .safetensors files, reference generations, tokenizer .json files')
    .option('--model <path>', 'model of a reference generation (default: the folder of the file)')
    .option('--tokenizer <path>', 'tokenizer of a tokenizer file (default: found by its name beside it)')
    .addOption(deviceOption().default('cpu'))
    .addOption(precisionOption('number format; f16 has tolerances of its own').default('f32'))
    .addOption(jsonOption())
    .action(check);
}

async function check(paths: string[], options: CheckOptions): Promise<void> {
  const output = openOutput(options.json ?? false);
  const { runtime } = await openRuntime(options.device);
  const results: GoldenResult[] = [];
  for (const path of paths) {
    const result = await checkFile(path, runtime, options);
    output.line(format(result));
    results.push(result);
  }
  const failed = results.filter(({ status }) => status === 'failed').length;
  output.line(`${results.length - failed} passed, ${failed} failed`);
  output.result({ device: runtime.device, precision: options.precision, failed, results });
  if (failed > 0) process.exitCode = EXIT.failed;
}

function checkFile(path: string, runtime: Runtime, options: CheckOptions): Promise<GoldenResult> {
  if (extname(path) === '.json') return checkTokenizer(path, options.tokenizer);
  return checkGoldenFile(path, runtime, options);
}

const tokenizerCases = z.array(z.object({ text: z.string(), ids: z.array(z.int()) })).min(1);

/** Texts and their ids: `tokenizer-qwen3.json` is checked with `qwen3-tokenizer/` beside its folder. */
async function checkTokenizer(path: string, folder = tokenizerFor(path)): Promise<GoldenResult> {
  const tokenizer = openTokenizer(folder);
  const cases = readJson(path, tokenizerCases);
  const comparisons = cases.map(({ text, ids }) => {
    const isEqual = tokenizer.encode(text).join() === ids.join();
    return { name: JSON.stringify(text), error: isEqual ? 0 : 1, tolerance: 0 };
  });
  return judgeComparisons(path, 'tokenizer', comparisons);
}

function tokenizerFor(path: string): string {
  const name = /^tokenizer-(.+)$/.exec(basename(path, '.json'))?.[1];
  const folder = join(dirname(path), '..', `${name}-tokenizer`);
  if (name && existsSync(folder)) return folder;
  throw new HdmError('bad-usage', path, 'no tokenizer was found for it', 'Give one with --tokenizer');
}

function format({ path, kind, worst, status, reason }: GoldenResult): string {
  const sign = { passed: '✓', failed: '✗' }[status];
  if (!worst) return `${sign} ${kind.padEnd(15)} ${basename(path)}: ${reason}`;
  const detail = `largest error ${worst.error.toExponential(1)} of ${worst.tolerance.toExponential(1)} allowed (${worst.name})`;
  return `${sign} ${kind.padEnd(15)} ${basename(path)}: ${detail}`;
}
