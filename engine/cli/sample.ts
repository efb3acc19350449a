/** @file `hdm-studio sample`: a prompt becomes a picture. */
import { randomInt } from 'node:crypto';
import { basename } from 'node:path';
import { Command, Option } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { openCheckpoint, type Checkpoint } from '../checkpoints/checkpoint.ts';
import { requireStarter } from '../checkpoints/starter.ts';
import { HdmError } from '../errors.ts';
import { saveImage } from '../image/save.ts';
import { pictureSettings, type PictureLabel } from '../pipeline/picture-settings.ts';
import { openPipeline, type Pipeline } from '../pipeline/pipeline.ts';
import {
  checkRequest,
  DEFAULTS,
  nearestSide,
  sizeFor,
  type PictureRequest,
  type StartingPicture,
} from '../pipeline/request.ts';
import { readStartingPicture } from '../pipeline/starting-picture.ts';
import { openRuntime } from '../runtime/devices.ts';
import { SAMPLERS, type SamplerName } from '../sampling/samplers.ts';
import { SCHEDULES, type ScheduleName } from '../sampling/schedules.ts';
import { untilInterrupted } from './interrupt.ts';
import {
  deviceOption,
  jsonOption,
  precisionOption,
  STARTER_WORDS,
  toAdapters,
  toInterval,
  toNumber,
  toPath,
  toRatio,
  toWhole,
} from './options.ts';
import { openOutput } from './output.ts';
import { placesFor } from './places.ts';

interface SampleOptions {
  readonly model?: string;
  readonly textEncoder?: string;
  readonly vae?: string;
  readonly tokenizer?: string;
  readonly prompt: string;
  readonly negative: string;
  readonly size?: number;
  readonly aspect?: number;
  readonly width?: number;
  readonly height?: number;
  readonly steps: number;
  readonly cfg: number;
  readonly guidanceInterval: [number, number];
  readonly sampler: SamplerName;
  readonly schedule: ScheduleName;
  readonly shift?: number;
  readonly seed?: number;
  readonly count: number;
  readonly zoom: number;
  readonly xShift: number;
  readonly yShift: number;
  readonly treadNegative: number;
  readonly adapter: { path: string; strength: number }[];
  readonly initImage?: string;
  readonly strength?: number;
  readonly mask?: string;
  readonly device: string;
  readonly precision?: 'f32' | 'f16';
  readonly out: string;
  readonly json?: boolean;
}

/** How much of the beginning is noise, where a picture is given to begin from. */
const STRENGTH = 0.6;

export function sampleCommand(): Command {
  return new Command('sample')
    .description('make pictures from a prompt')
    .option('--model <path>', `file or folder of an HDM model (default: ${STARTER_WORDS})`, toPath)
    .option('--text-encoder <path>', 'text encoder, when it is not in the model', toPath)
    .option('--vae <path>', 'VAE, when it is not in the model', toPath)
    .option('--tokenizer <path>', 'folder of the tokenizer, when it is not in the model', toPath)
    .requiredOption('--prompt <text>', 'what to draw')
    .option('--negative <text>', 'what to keep away from', '')
    .option('--size <pixels>', 'side of a square of the same area, a multiple of 16', toWhole)
    .option('--aspect <w:h>', 'ratio of width to height (default: 1:1)', toRatio)
    .option('--width <pixels>', 'a multiple of 16', toWhole)
    .option('--height <pixels>', 'a multiple of 16', toWhole)
    .option('--steps <number>', 'steps from noise to picture', toWhole, DEFAULTS.steps)
    .option('--cfg <scale>', 'guidance scale, 1 is none', toNumber, DEFAULTS.guidanceScale)
    .option('--guidance-interval <from:to>', 'times (1 noise, 0 picture) with guidance', toInterval, [0, 1])
    .addOption(choice('--sampler <name>', 'solver', SAMPLERS, DEFAULTS.sampler))
    .addOption(
      choice('--schedule <name>', 'how steps are spread over time', SCHEDULES, DEFAULTS.schedule.name),
    )
    .option('--shift <number>', 'shift of the shifted schedule (default: by size)', toNumber)
    .option('--seed <number>', 'seed of the noise (default: random)', toWhole)
    .option('--count <number>', 'pictures, each with the next seed', toWhole, 1)
    .option('--zoom <factor>', 'camera: above 1 zooms in', toNumber, 1)
    .option('--x-shift <number>', 'camera: right', toNumber, 0)
    .option('--y-shift <number>', 'camera: down', toNumber, 0)
    .option(
      '--tread-negative <rate>',
      'TREAD guidance: part of the tokens left out of the negative',
      toNumber,
      0,
    )
    .option('--adapter <file:strength>', 'LoRA, LoHa or LoKr; may be given several times', toAdapters, [])
    .option('--init-image <file>', 'begin from this picture', toPath)
    .option('--strength <number>', `how much of the beginning is noise (default: ${STRENGTH})`, toNumber)
    .option('--mask <file>', 'paint anew where this picture is white', toPath)
    .addOption(deviceOption())
    .addOption(precisionOption('number format (default: by device)'))
    .requiredOption('--out <path>', 'a .png, .webp or .jpg file, or a folder', toPath)
    .addOption(jsonOption())
    .action((options: SampleOptions) => untilInterrupted((signal) => draw(options, signal)));
}

async function draw(options: SampleOptions, signal: AbortSignal): Promise<void> {
  const output = openOutput(options.json ?? false);
  if (options.count < 1)
    throw new HdmError('bad-usage', '--count', 'expected at least 1, got 0', 'Leave it out for one picture');
  // What can be wrong with the words of the user is found before anything slow begins.
  const places = placesFor(options.out, options.count);
  const model = options.model ?? requireStarter();
  const checkpoint = openCheckpoint(model, options);
  const asked = requestOf(options, checkpoint);
  checkRequest({ ...asked, seed: asked.seed + (options.count - 1) });
  const first = { ...asked, ...optional('from', await startingPicture(options, asked)) };
  checkRequest(first);

  const { runtime, reason } = await openRuntime(options.device);
  if (options.device === 'auto') output.note(`device: ${runtime.device} (${reason})`);
  const precision = optional('precision', options.precision);
  const pipeline = await openPipeline(runtime, checkpoint, { ...precision, adapters: options.adapter });
  try {
    warnOfLongPrompts(pipeline, options, output.note);
    warnOfUnusedLayers(pipeline, output.note);
    const pictures = [];
    for (let index = 0; index < options.count; index++) {
      const request = { ...first, seed: first.seed + index };
      const label = options.count > 1 ? `picture ${index + 1} of ${options.count}` : 'drawing';
      const { pixels } = await pipeline.generate(request, {
        signal,
        onProgress: ({ step, steps }) => output.progress(label, step, steps),
      });
      const path = places(request.seed);
      await saveImage(path, pixels, pictureSettings(request, pipeline, labelOf(model, options)));
      output.line(`${path} (seed ${request.seed})`);
      pictures.push({ path, seed: request.seed, width: request.width, height: request.height });
    }
    output.result({ device: pipeline.device, precision: pipeline.precision, pictures });
  } finally {
    await pipeline.dispose();
  }
}

function requestOf(options: SampleOptions, { vae }: Checkpoint): PictureRequest {
  const size = sizeOf(options, vae?.config.sample_size ?? DEFAULTS.width);
  return {
    ...size,
    prompt: options.prompt,
    negativePrompt: options.negative,
    steps: options.steps,
    guidanceScale: options.cfg,
    guidanceInterval: options.guidanceInterval,
    sampler: options.sampler,
    schedule: { name: options.schedule, ...optional('shift', options.shift) },
    seed: options.seed ?? randomInt(2 ** 32),
    camera: { zoom: options.zoom, xShift: options.xShift, yShift: options.yShift },
    treadGuidance: options.treadNegative,
  };
}

function sizeOf(options: SampleOptions, usual: number): { width: number; height: number } {
  const { width, height, size, aspect } = options;
  const isFree = width !== undefined || height !== undefined;
  if (isFree && (size !== undefined || aspect !== undefined)) {
    const problem = '--width and --height leave nothing for --size and --aspect to say';
    throw new HdmError('bad-usage', 'picture', problem, 'Give one pair or the other');
  }
  if (!isFree) return sizeFor(size ?? nearestSide(usual), aspect ?? 1);
  return { width: width ?? height!, height: height ?? width! };
}

async function startingPicture(
  { initImage, strength: given, mask }: SampleOptions,
  size: { width: number; height: number },
): Promise<StartingPicture | undefined> {
  if (!initImage) {
    const alone = mask ? '--mask' : given !== undefined ? '--strength' : undefined;
    if (!alone) return undefined;
    throw new HdmError('bad-usage', alone, 'it needs a picture to begin from', 'Give one with --init-image');
  }
  const files = { path: initImage, strength: given ?? STRENGTH, ...optional('maskPath', mask) };
  return readStartingPicture(files, size);
}

function labelOf(model: string, { adapter }: SampleOptions): PictureLabel {
  return {
    appVersion: packageJson.version,
    adapters: adapter.map(({ path, strength }) => ({ file: basename(path), strength })),
    model: { name: basename(model) },
  };
}

function warnOfLongPrompts(pipeline: Pipeline, options: SampleOptions, note: (text: string) => void): void {
  for (const [name, text] of [
    ['prompt', options.prompt],
    ['negative prompt', options.negative],
  ] as const) {
    const counted = pipeline.countTokens(text);
    if (!counted || counted.tokens <= counted.limit) continue;
    note(
      `The ${name} has ${counted.tokens} tokens; the model was trained with ${counted.limit}. Nothing is cut.`,
    );
  }
}

function warnOfUnusedLayers({ adapters }: Pipeline, note: (text: string) => void): void {
  for (const { adapter } of adapters) {
    const { path, changes, unused } = adapter;
    if (unused.length > 0) {
      note(
        `${path}: it changes ${changes.size} weights; ${unused.length} of its layers are not in this model.`,
      );
    }
  }
}

function choice(flags: string, text: string, table: object, usual: string): Option {
  return new Option(flags, text).choices(Object.keys(table)).default(usual);
}

function optional<K extends string, V>(key: K, value: V | undefined | ''): { [key in K]?: V } {
  return (value === undefined || value === '' ? {} : { [key]: value }) as { [key in K]?: V };
}
