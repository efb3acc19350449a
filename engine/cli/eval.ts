/** @file `hdm-studio eval`: how well a model that learned toy scenes draws what prompts ask for. */
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { openCheckpoint, type Checkpoint, type Elsewhere } from '../checkpoints/checkpoint.ts';
import { requireStarter } from '../checkpoints/starter.ts';
import {
  checkEvaluation,
  evaluate,
  EVALUATION_DEFAULTS,
  EVALUATIONS,
  type Evaluation,
  type EvaluationName,
  type EvaluationOptions,
  type EvaluationProgress,
} from '../eval/evaluate.ts';
import { rate, type Count } from '../eval/scores.ts';
import { fromPixels } from '../image/pixels.ts';
import { writeWhole } from '../image/save.ts';
import { openPipeline } from '../pipeline/pipeline.ts';
import { nearestSide } from '../pipeline/request.ts';
import { openRuntime } from '../runtime/devices.ts';
import { SAMPLERS, type SamplerName } from '../sampling/samplers.ts';
import { contactSheet, type Captioned } from '../training/data/contact-sheet.ts';
import { KIND_NAMES, type Kind } from '../training/data/toy-scenes/scene.ts';
import { untilInterrupted } from './interrupt.ts';
import { deviceOption, jsonOption, STARTER_WORDS, toInterval, toNumber, toPath, toWhole } from './options.ts';
import { openOutput, type Output } from './output.ts';
import { makeFolder } from './places.ts';

interface EvalOptions extends Elsewhere {
  readonly prompts: number;
  readonly seed: number;
  readonly steps: number;
  readonly cfg: number;
  readonly treadNegative: number;
  readonly sampler: SamplerName;
  readonly size?: number;
  readonly categories: EvaluationName[];
  readonly kinds: Kind[];
  readonly ratios: [least: number, most: number];
  readonly device: string;
  readonly out?: string;
  readonly json?: boolean;
}

const FILES = { scores: 'scores.json', sheet: 'failures.png' } as const;
const SHEET = { columns: 6, side: 224 } as const;
/** Failures on the sheet, of each category. */
const MOST_SHOWN = 24;
const USUAL = EVALUATION_DEFAULTS;

export function evalCommand(): Command {
  return new Command('eval')
    .description('draw toy scenes with a model that learned them, and count what is as the prompts asked')
    .argument('[path]', `file or folder of an HDM model (default: ${STARTER_WORDS})`, toPath)
    .option('--text-encoder <path>', 'text encoder, when it is not in the model', toPath)
    .option('--vae <path>', 'VAE, when it is not in the model', toPath)
    .option('--tokenizer <path>', 'folder of the tokenizer, when it is not in the model', toPath)
    .option('--prompts <number>', 'prompts of each category', toWhole, USUAL.prompts)
    .addOption(list('--categories <a,b>', 'what to ask for', EVALUATIONS))
    .addOption(list('--kinds <a,b>', 'kinds of things to ask for', KIND_NAMES))
    .option('--seed <number>', 'seed of prompts and pictures', toWhole, USUAL.seed)
    .option('--steps <number>', 'steps from noise to picture', toWhole, USUAL.steps)
    .option('--cfg <scale>', 'guidance scale, 1 is none', toNumber, USUAL.guidanceScale)
    .option(
      '--tread-negative <rate>',
      'TREAD guidance: part of the tokens left out of the negative',
      toNumber,
      USUAL.treadGuidance,
    )
    .addOption(new Option('--sampler <name>', 'solver').choices(Object.keys(SAMPLERS)).default(USUAL.sampler))
    .option('--size <pixels>', "short side of pictures (default: the model's)", toWhole)
    .addOption(
      new Option('--ratios <least:most>', 'long side over short side of pictures')
        .argParser(toInterval)
        .default([...USUAL.ratios], 'all'),
    )
    .addOption(deviceOption())
    .option('--out <folder>', `for ${FILES.scores} and ${FILES.sheet}: what went wrong, on a sheet`, toPath)
    .addOption(jsonOption())
    .action((path: string | undefined, options: EvalOptions) =>
      untilInterrupted((signal) => score(path ?? requireStarter(), options, signal)),
    );
}

async function score(path: string, options: EvalOptions, signal: AbortSignal): Promise<void> {
  const output = openOutput(options.json ?? false);
  // What can be wrong with the words of the user is found before anything slow begins.
  const checkpoint = openCheckpoint(path, options);
  const asked = evaluationOf(options, checkpoint);
  checkEvaluation(asked);
  if (options.out !== undefined) makeFolder(options.out);
  const { runtime, reason } = await openRuntime(options.device);
  if (options.device === 'auto') output.note(`device: ${runtime.device} (${reason})`);
  const pipeline = await openPipeline(runtime, checkpoint);
  const failures: Failure[] = [];
  const keep = async (evaluation: Evaluation) => {
    say(evaluation, output);
    const result = { model: path, device: pipeline.device, ...evaluation };
    if (options.out !== undefined) await write(options.out, result, failures, output);
    return result;
  };
  try {
    const evaluation = await evaluate(pipeline, asked, {
      signal,
      onProgress(progress) {
        output.progress(progress.name, progress.done, progress.total);
        const failure = failureOf(progress);
        if (failure) failures.push(failure);
      },
      async onPart(part) {
        output.note('not all was drawn; of what was:');
        await keep(part);
      },
    });
    output.result(await keep(evaluation));
  } finally {
    await pipeline.dispose();
  }
}

function evaluationOf(options: EvalOptions, { vae }: Checkpoint): EvaluationOptions {
  const { prompts, seed, steps, sampler, categories, kinds, ratios } = options;
  const guidance = { guidanceScale: options.cfg, treadGuidance: options.treadNegative };
  const size = options.size ?? nearestSide(vae?.config.sample_size ?? USUAL.size);
  return { prompts, seed, steps, ...guidance, sampler, size, categories, kinds, ratios };
}

interface Failure extends Captioned {
  readonly name: EvaluationName;
}

/** A picture for the sheet, if it is wrong: what was asked, what is wrong with it, and what was seen instead. */
function failureOf({ name, prompt, pixels, verdict }: EvaluationProgress): Failure | undefined {
  if (!verdict || verdict.all) return undefined;
  const wrong = Object.entries(verdict.properties).flatMap(([property, isRight]) =>
    isRight ? [] : [property],
  );
  const seen = verdict.found.map(({ texture, color, kind }) => {
    return [...(texture === 'solid' ? [] : [texture]), color, kind].join(' ');
  });
  const caption = `${prompt} – wrong: ${wrong.join(', ')} – seen: ${seen.join(', ') || 'nothing'}`;
  return { name, pixels, caption };
}

function say({ categories, camera }: Evaluation, { line }: Output): void {
  for (const [name, { pictures, all, properties, kinds, sizes }] of Object.entries(categories)) {
    line(`${name}: ${percent(all)} of ${pictures} right in everything`);
    line(`  ${inLine(properties)}`);
    line(`  by kind: ${inLine(kinds)}`);
    line(`  by size: ${inLine(sizes)}`);
  }
  for (const [move, { pictures, lost, ratio }] of Object.entries(camera ?? {})) {
    line(
      `camera ${move}: ${ratio.toFixed(2)} of the movement, in ${pictures} pictures, ${lost} more without a thing`,
    );
  }
}

function inLine(counts: Readonly<Record<string, Count>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${percent(count)}`)
    .join(', ');
}

function percent(count: Count): string {
  return `${(100 * rate(count)).toFixed(1)} %`;
}

async function write(
  folder: string,
  result: unknown,
  failures: readonly Failure[],
  { line }: Output,
): Promise<void> {
  const scores = join(folder, FILES.scores);
  await writeWhole(scores, Buffer.from(`${JSON.stringify(result, null, 2)}\n`));
  line(scores);
  const shown = EVALUATIONS.flatMap((name) =>
    failures.filter((failure) => failure.name === name).slice(0, MOST_SHOWN),
  );
  if (shown.length === 0) return;
  const sheet = join(folder, FILES.sheet);
  await writeWhole(
    sheet,
    await fromPixels(await contactSheet(shown, SHEET))
      .png()
      .toBuffer(),
  );
  line(`${sheet}: ${shown.length} of ${failures.length} failures`);
}

/** An option for some of these names, separated by commas; all by default. */
function list<Name extends string>(flags: string, text: string, names: readonly Name[]): Option {
  return new Option(flags, text).default(names, 'all').argParser((words: string): Name[] => {
    const chosen = words.split(',').map((word) => word.trim());
    const unknown = chosen.find((word) => !(names as readonly string[]).includes(word));
    if (unknown === undefined) return chosen as Name[];
    throw new InvalidArgumentError(`expected some of ${names.join(', ')}, got "${unknown}".`);
  });
}
