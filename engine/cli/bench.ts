/**
 * @file `hdm-studio bench`: how fast and how large. A ratio means something only beside a peer in the same run, so
 * `--beside COMMAND` runs another program between two measurements of ours; it must print a JSON line with the
 * same key (`ms_per_forward`, `ms_per_image`).
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { HdmError } from '../errors.ts';
import { XUT_PRESETS } from '../models/xut-config.ts';
import { openRuntime } from '../runtime/devices.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { formatTimes } from '../runtime/webgpu/profile.ts';
import { deviceOption, jsonOption, precisionOption, toNumber, toPath, toWhole } from './options.ts';
import { openOutput, type Output } from './output.ts';
import type { TrainSetting } from './train-workload.ts';
import {
  benchChange,
  benchForward,
  benchKernels,
  benchPart,
  benchPicture,
  benchSample,
  benchStart,
  PARTS,
  type BenchModel,
  type PartName,
} from './workloads.ts';

interface BenchOptions {
  readonly preset: keyof typeof XUT_PRESETS;
  readonly size: number;
  readonly ctx: number;
  readonly steps: number;
  readonly reps: number;
  readonly device: string;
  readonly precision?: 'f32' | 'f16';
  readonly beside?: string;
  readonly json?: boolean;
}

/** One measurement: the key of the main number, and the numbers. */
export interface Measurement {
  readonly key: string;
  readonly values: Readonly<Record<string, number>>;
}

type Workload = (model: BenchModel, options: BenchOptions) => Promise<Measurement>;

const WORKLOADS: Readonly<Record<string, { text: string; run: Workload }>> = {
  forward: { text: 'one pass of the denoiser with random weights', run: benchForward },
  sample: { text: 'one picture without text encoder and VAE: two passes a step', run: benchSample },
  picture: { text: 'one picture with the text encoder and the VAE of the released model', run: benchPicture },
  change: {
    text: 'what a change of picture size or prompt length costs beyond the computation',
    run: benchChange,
  },
};

export function benchCommand(): Command {
  const bench = new Command('bench').description('measure speed and memory');
  for (const [name, { text, run }] of Object.entries(WORKLOADS)) {
    const command = measured(new Command(name).description(text))
      .addOption(
        new Option('--preset <name>', 'size of the model').choices(Object.keys(XUT_PRESETS)).default('base'),
      )
      .option('--size <pixels>', 'side of the picture', toWhole, 1024)
      .option('--ctx <tokens>', 'tokens of text', toWhole, 96)
      .option('--steps <number>', 'steps of a picture', toWhole, 32);
    bench.addCommand(
      command.action((options: BenchOptions) => measure(options, (model) => run(model, options))),
    );
  }
  const part = measured(
    new Command('part').description('text encoder or VAE at the sizes of the released model'),
  )
    .addOption(new Option('--part <name>', 'which part').choices(Object.keys(PARTS)).default('text-encoder'))
    .option('--size <pixels>', 'side of the picture', toWhole, 512)
    .option('--ctx <tokens>', 'tokens of text', toWhole, 96);
  bench.addCommand(
    part.action((options: BenchOptions & { part: PartName }) =>
      measure(options, (model) => benchPart(model, options.part, options)),
    ),
  );
  const train = measured(new Command('train').description('training steps on random data'))
    .addOption(
      new Option('--preset <name>', 'size of the model').choices(Object.keys(XUT_PRESETS)).default('base'),
    )
    .option('--size <pixels>', 'side of the pictures', toWhole, 256)
    .option('--batch <number>', 'pictures of a step', toWhole, 1)
    .option('--ctx <tokens>', 'tokens of text', toWhole, 256)
    .option('--tread <rate>', 'part of the image tokens that skip the middle', toNumber, 0.5)
    .option('--checkpointing', 'compute blocks again in the backward pass');
  bench.addCommand(
    train.action((options: BenchOptions & TrainSetting) =>
      measure(options, async (model) => {
        const { benchTrain } = await import('./train-workload.ts'); // only here: it would count in the others' memory
        return benchTrain(model, options);
      }),
    ),
  );
  const start = measured(
    new Command('start').description('from the start of the process to the first step of a picture'),
  ).requiredOption('--model <path>', 'file or folder of an HDM model', toPath);
  bench.addCommand(
    start.action((options: BenchOptions & { model: string }) =>
      measure(options, () => benchStart(options), false),
    ),
  );
  bench.addCommand(kernelsCommand());
  return bench;
}

function kernelsCommand(): Command {
  return new Command('kernels')
    .description('every kernel of our own GPU runtime in one pass of the denoiser')
    .addOption(
      new Option('--preset <name>', 'size of the model').choices(Object.keys(XUT_PRESETS)).default('base'),
    )
    .option('--size <pixels>', 'side of the picture', toWhole, 1024)
    .option('--ctx <tokens>', 'tokens of text', toWhole, 96)
    .option('--reps <number>', 'runs, of which the last counts', toWhole, 5)
    .addOption(precisionOption('number format (default: by device)'))
    .addOption(jsonOption())
    .action(async (options: BenchOptions) => {
      const output = openOutput(options.json ?? false);
      const { kernels, ceilings } = await benchKernels(options, options.precision);
      for (const line of formatTimes(kernels, ceilings)) output.line(line);
      output.result({ kernels, ceilings });
    });
}

function measured(command: Command): Command {
  return command
    .option('--reps <number>', 'measurements, of which the median counts', toWhole, 5)
    .addOption(deviceOption())
    .addOption(precisionOption('number format (default: by device)'))
    .option('--beside <command>', 'a program to compare with, run between two of our measurements')
    .addOption(jsonOption());
}

async function measure(
  options: BenchOptions,
  run: (model: BenchModel) => Promise<Measurement>,
  isOurMemory = true,
): Promise<void> {
  const output = openOutput(options.json ?? false);
  const { runtime } = await openRuntime(options.device);
  const precision = options.precision ?? runtime.precision;
  const first = await run({ runtime, precision });
  const peak = isOurMemory && { peak_gib: round(peakBytes(runtime) / 2 ** 30) };
  const beside =
    options.beside && (await compare(options.beside, first, () => run({ runtime, precision }), output));
  const result = { device: runtime.device, precision, ...first.values, ...peak, ...(beside && { beside }) };
  for (const [key, value] of Object.entries(result)) {
    if (typeof value !== 'object') output.line(`${key}: ${value}`);
  }
  if (beside) output.line(`beside it ${beside.peer} there, ${beside.ours} here: ${beside.share} of its time`);
  output.result(result);
}

/** The most memory that was used: on a GPU of our own runtime its buffers, else the process. */
function peakBytes(runtime: Runtime): number {
  return runtime.memory?.().peak ?? process.resourceUsage().maxRSS * 1024; // which is in KiB
}

/** Ours, the peer's, ours again: a machine that changes its pace meanwhile shows as a difference of the two. */
async function compare(
  command: string,
  first: Measurement,
  again: () => Promise<Measurement>,
  output: Output,
): Promise<{ command: string; ours: number; oursAgain: number; peer: number; share: number }> {
  output.note(`running ${command}`);
  const peer = await runPeer(command, first.key);
  const second = await again();
  const [ours, oursAgain] = [first.values[first.key]!, second.values[first.key]!];
  return { command, ours, oursAgain, peer, share: round((ours + oursAgain) / 2 / peer) };
}

async function runPeer(command: string, key: string): Promise<number> {
  const [program, ...args] = command.split(' ') as [string, ...string[]];
  try {
    const { stdout } = await promisify(execFile)(program, args, { maxBuffer: 2 ** 20 });
    return z
      .record(z.string(), z.unknown())
      .transform((all) => z.number().parse(all[key]))
      .parse(lastJson(stdout));
  } catch (error) {
    const advice = `It must print a line of JSON with "${key}"`;
    throw new HdmError(
      'bad-usage',
      command,
      'the program to compare with did not give a measurement',
      advice,
      error,
    );
  }
}

function lastJson(text: string): unknown {
  return JSON.parse(text.trim().split('\n').at(-1)!);
}

/** Three digits say all that a measurement knows. */
export function round(value: number): number {
  return Number(value.toPrecision(3));
}
