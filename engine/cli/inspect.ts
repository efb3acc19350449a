/** @file `hdm-studio inspect`: what is in a model, an adapter, a picture or any safetensors file. */
import { existsSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import { Command } from 'commander';
import { openCheckpoint, missingParts, type Checkpoint, type Elsewhere } from '../checkpoints/checkpoint.ts';
import { openTensors, partOf } from '../checkpoints/tensors.ts';
import { HdmError } from '../errors.ts';
import { count } from '../graph/shape.ts';
import { readSettings } from '../image/restore.ts';
import { PICTURE_ENDINGS } from '../image/save.ts';
import type { WeightSources } from '../runtime/runtime.ts';
import { damagedWeights } from '../weights/damage.ts';
import { openSafetensors } from '../weights/safetensors.ts';
import { jsonOption, toPath } from './options.ts';
import { EXIT, openOutput, type Output } from './output.ts';

interface InspectOptions extends Elsewhere {
  readonly scan?: boolean;
  readonly json?: boolean;
}

export function inspectCommand(): Command {
  return new Command('inspect')
    .description('show what is in a model, an adapter, a picture or a safetensors file')
    .argument('<path>', 'file or folder', toPath)
    .option('--text-encoder <path>', 'text encoder that lies elsewhere', toPath)
    .option('--vae <path>', 'VAE that lies elsewhere', toPath)
    .option('--tokenizer <path>', 'tokenizer that lies elsewhere', toPath)
    .option('--scan', 'read all numbers and look for NaN and infinity')
    .addOption(jsonOption())
    .action(inspect);
}

async function inspect(
  path: string,
  { scan = false, json = false, ...elsewhere }: InspectOptions,
): Promise<void> {
  const output = openOutput(json);
  if (!existsSync(path)) throw new HdmError('disk', path, 'no such file or folder', 'Check the path');
  if (PICTURE_ENDINGS.includes(extname(path).toLowerCase())) return inspectPicture(path, output);
  const isFile = !statSync(path).isDirectory();
  if (isFile && !partOf(openTensors(path), 'transformer')) return inspectTensors(path, scan, output);
  const checkpoint = openCheckpoint(path, elsewhere);
  const parts = Object.entries(partsOf(checkpoint)).map(([name, part]) => ({ name, ...part }));
  const missing = missingParts(checkpoint);
  const damaged = scan ? parts.flatMap(({ weights }) => damagedWeights(weights)) : undefined;

  output.line(`${checkpoint.layout}: ${path}`);
  for (const { name, parameters, dtypes, config } of parts) {
    output.line(`${name}: ${(parameters / 1e6).toFixed(2)} M parameters, ${dtypes.join(' and ')}`);
    output.line(`  ${JSON.stringify(config)}`);
  }
  output.line(`tokenizer: ${checkpoint.tokenizer ?? 'none'}`);
  output.line(`context: ${checkpoint.context.length} tokens, padding ${checkpoint.context.padding}`);
  output.line(missing.length > 0 ? `missing: ${missing.join(', ')}` : 'complete: it can draw');
  reportDamage(damaged, output);
  output.result({
    path,
    layout: checkpoint.layout,
    parts: parts.map(({ weights: _weights, ...part }) => part),
    tokenizer: checkpoint.tokenizer ?? null,
    context: checkpoint.context,
    missing,
    ...(damaged && { damaged }),
  });
}

async function inspectPicture(path: string, output: Output): Promise<void> {
  const { source, settings } = await readSettings(path);
  output.line(`settings as ${source} writes them`);
  for (const [key, value] of Object.entries(settings)) output.line(`${key}: ${JSON.stringify(value)}`);
  output.result({ path, source, settings });
}

/** Adapters and other files that are no model. */
function inspectTensors(path: string, scan: boolean, output: Output): void {
  const file = openSafetensors(path);
  const { tensors } = openTensors(path);
  const damaged = scan ? damagedWeights(tensors) : undefined;
  const summary = { path, metadata: file.metadata, ...summarize(tensors), ...(damaged && { damaged }) };
  output.line(`${file.tensors.size} tensors, ${(summary.parameters / 1e6).toFixed(2)} M numbers: ${path}`);
  for (const [key, value] of Object.entries(file.metadata)) output.line(`${key}: ${value}`);
  for (const { name, dtype, shape } of file.tensors.values())
    output.line(`  ${name} ${dtype} [${shape.join(', ')}]`);
  reportDamage(damaged, output);
  output.result(summary);
}

function partsOf({ transformer, textEncoder, vae }: Checkpoint) {
  const found = {
    transformer,
    ...(textEncoder && { 'text encoder': textEncoder }),
    ...(vae && { VAE: vae }),
  };
  return Object.fromEntries(
    Object.entries(found).map(([name, { path, config, weights }]) => {
      return [name, { path, config: config, weights, ...summarize(weights) }] as const;
    }),
  );
}

function summarize(weights: WeightSources): { parameters: number; dtypes: string[] } {
  const all = [...weights.values()];
  const parameters = all.reduce((sum, { shape }) => sum + count(shape), 0);
  return { parameters, dtypes: [...new Set(all.map(({ dtype }) => dtype))].sort() };
}

function reportDamage(damaged: readonly string[] | undefined, output: Output): void {
  if (!damaged) return;
  output.line(damaged.length > 0 ? `NaN or infinity in: ${damaged.join(', ')}` : 'all numbers are finite');
  if (damaged.length > 0) process.exitCode = EXIT.failed;
}
