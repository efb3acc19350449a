/** @file What is in a model or an adapter, what is missing, and why it cannot draw. Only headers are read. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import {
  missingParts,
  openCheckpoint,
  type Checkpoint,
  type Elsewhere,
} from '../../../engine/checkpoints/checkpoint.ts';
import { openTensors } from '../../../engine/checkpoints/tensors.ts';
import { HdmError } from '../../../engine/errors.ts';
import { count } from '../../../engine/graph/shape.ts';
import { requireFit } from '../../../engine/pipeline/fit.ts';
import { nearestSide } from '../../../engine/pipeline/request.ts';
import type { WeightSources } from '../../../engine/runtime/runtime.ts';
import { outlineAdapter } from '../../../engine/weights/adapters.ts';
import type { Model } from '../../contract.ts';
import { contentsOf } from './contents.ts';
import { licenceOf } from './licence.ts';
import { requireWeights } from './weights-check.ts';

type Part = Model['parts'][number];

export interface Inspection extends Pick<
  Model,
  'kind' | 'parts' | 'problem' | 'usualSide' | 'positions' | 'licence' | 'examples'
> {
  /** Of a model. */
  readonly checkpoint?: Checkpoint;
}

/** The text encoders that go with the sizes of the report, by the width of their states. */
const USUAL_ENCODERS: Readonly<Record<number, string>> = {
  640: 'Gemma3-270M',
  1024: 'Qwen3-0.6B',
  1152: 'Gemma3-1B',
};

/**
 * Looks into the model or adapter at `path`. Throws `bad-model` or `bad-file` naming the first tensor or shape that
 * is wrong; what is only missing, or does not fit, is told as `problem`.
 */
export function inspectModel(path: string, elsewhere: Elsewhere = {}): Inspection {
  const contents = contentsOf(path);
  if (contents === 'adapter') return inspectAdapter(path);
  const checkpoint = openCheckpoint(path, elsewhere);
  requireWeights(checkpoint);
  const { metadata } = openTensors(checkpoint.transformer.path);
  return {
    kind: 'model',
    parts: partsOf(checkpoint),
    ...optional('problem', problemOf(checkpoint)),
    ...optional('usualSide', checkpoint.vae && nearestSide(checkpoint.vae.config.sample_size)),
    positions: checkpoint.transformer.config.positions,
    ...optional('licence', licenceOf(path, metadata)),
    ...(checkpoint.examples.length > 0 && { examples: [...checkpoint.examples] }),
    checkpoint,
  };
}

/** An error as a person reads it beside the model: without the path that stands there anyway. */
export function problemText(error: unknown, path: string): string {
  const message = error instanceof Error ? error.message : String(error);
  const rest = message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
  return `${rest[0]?.toUpperCase() ?? ''}${rest.slice(1)}`;
}

function inspectAdapter(path: string): Inspection {
  const { algorithms, layers } = outlineAdapter(path);
  const { tensors, metadata } = openTensors(path);
  const summary = [
    algorithms.join(' and '),
    layers.length === 1 ? '1 layer' : `${layers.length} layers`,
    ...numbersOf(tensors),
  ].join(', ');
  return {
    kind: 'adapter',
    parts: [{ part: 'transformer', path, summary }],
    ...optional('licence', licenceOf(path, metadata)),
  };
}

function partsOf({ transformer, textEncoder, vae, tokenizer }: Checkpoint): Part[] {
  const { ctx_dim: width, input_dim: channels } = transformer.config;
  const encoderName = textEncoder?.config.model_type === 'qwen3' ? 'Qwen3' : 'Gemma3';
  const parts: Part[] = [toPart('transformer', 'XUT', transformer)];
  if (width !== null) {
    const usual = USUAL_ENCODERS[width] ? ` (usually ${USUAL_ENCODERS[width]})` : '';
    const wanted = `Missing: a Qwen3 or Gemma3 of width ${width}${usual}`;
    parts.push(
      textEncoder
        ? toPart('text encoder', encoderName, textEncoder)
        : { part: 'text encoder', summary: wanted },
      tokenizer === undefined
        ? { part: 'tokenizer', summary: 'Missing: tokenizer.json of the text encoder' }
        : { part: 'tokenizer', path: tokenizer, summary: tokenizerSummary(tokenizer) },
    );
  }
  parts.push(
    vae
      ? toPart('VAE', 'AutoencoderKL', vae)
      : { part: 'VAE', summary: `Missing: an AutoencoderKL with ${channels} latent channels` },
  );
  return parts;
}

function toPart(
  part: Part['part'],
  type: string,
  { path, weights }: { path: string; weights: WeightSources },
): Part {
  return { part, path, summary: [type, ...numbersOf(weights)].join(', ') };
}

const DTYPE_WORDS: Readonly<Record<string, string>> = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' };

/** "343 M parameters", "float16". */
function numbersOf(weights: WeightSources): string[] {
  const all = [...weights.values()];
  const parameters = all.reduce((sum, { shape }) => sum + count(shape), 0);
  const dtypes = [...new Set(all.map(({ dtype }) => DTYPE_WORDS[dtype] ?? dtype))].sort();
  return [`${shortNumber(parameters)} parameters`, dtypes.join(' and ')];
}

function shortNumber(value: number): string {
  const [unit, sign] = value >= 1e6 ? [1e6, ' M'] : value >= 1e3 ? [1e3, ' k'] : [1, ''];
  return `${Number((value / unit).toPrecision(3))}${sign}`;
}

function tokenizerSummary(folder: string): string {
  const { size } = statSync(join(folder, 'tokenizer.json'));
  return `tokenizer.json, ${Number((size / 1e6).toPrecision(2))} MB`;
}

function problemOf(checkpoint: Checkpoint): string | undefined {
  const missing = missingParts(checkpoint);
  if (missing.length > 0) {
    return `Missing: ${missing.join(', ')}. Put what is missing into the models folder, or choose where it lies.`;
  }
  try {
    requireFit(checkpoint);
    return undefined;
  } catch (error) {
    if (error instanceof HdmError) return problemText(error, checkpoint.path);
    throw error;
  }
}

function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [key in K]?: V };
}
