/** @file `hdm-studio train`: trains a model or an adapter, goes on with a run, tells beforehand what it will take. */
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { HdmError } from '../errors.ts';
import { openRuntime } from '../runtime/devices.ts';
import { datasetSource, type DatasetSource } from '../training/data/dataset.ts';
import { TOY_SOURCES, TOY_WORDS } from '../training/data/toy-scenes/world.ts';
import { totalSteps, type Recipe } from '../training/recipe.ts';
import { recipeNames, readRecipe } from '../training/recipe-files.ts';
import { estimateRun, type RunEstimate } from '../training/run/estimate.ts';
import type { TrainingEvent } from '../training/run/events.ts';
import { isRun } from '../training/run/folder.ts';
import { newestCheckpoint } from '../training/run/checkpoint.ts';
import { RunRequests } from '../training/run/requests.ts';
import { trainRun } from '../training/run/run.ts';
import { deviceOption, jsonOption, toPath, toWhole } from './options.ts';
import { openOutput, type Output } from './output.ts';
import { duration, TrainProgress } from './train-progress.ts';
import { trainExportCommand, trainImportCommand, trainReportCommand } from './train-files.ts';

interface TrainOptions {
  readonly data?: string;
  readonly count?: number;
  readonly out?: string;
  readonly model?: string;
  readonly resume?: boolean;
  readonly dryRun?: boolean;
  readonly maxSteps?: number;
  readonly device: string;
  readonly json?: boolean;
}

export function trainCommand(): Command {
  return new Command('train')
    .description('train a model or an adapter')
    .enablePositionalOptions() // --out after `report` is the report's
    .argument('[recipe]', 'a file, or one of: ' + recipeNames().join(', '))
    .option(
      '--data <place>',
      `folder of pictures, .jsonl or .csv list, or ${TOY_WORDS.join(' or ')} for scenes made here (default: the recipe's)`,
      toPath,
    )
    .addOption(
      new Option('--count <number>', `how many toy scenes there are (default: ${TOY_SOURCES.toy.count})`)
        .argParser(toWhole)
        .conflicts('resume'), // a run knows its pictures
    )
    .option('--out <folder>', 'folder of the run: a new one, or with --resume the one to go on with', toPath)
    .option('--model <path>', 'model to begin from, or whose frozen parts are used', toPath)
    .option('--resume', 'go on from the last saved state, bit for bit')
    .option('--dry-run', 'measure a few steps and say what the run will take; nothing is trained')
    .option('--max-steps <number>', 'stop, as if asked to, at this step', toWhole)
    .addOption(deviceOption())
    .addOption(jsonOption())
    .action(train)
    .addCommand(trainReportCommand())
    .addCommand(trainExportCommand())
    .addCommand(trainImportCommand());
}

async function train(word: string | undefined, options: TrainOptions): Promise<void> {
  const output = openOutput(options.json ?? false);
  const recipe = recipeOf(word, options);
  const place = options.data ?? (options.resume ? undefined : recipe?.data);
  const data = place === undefined ? undefined : sourceOf(place, options.count);
  if (!options.resume && data === undefined) {
    throw new HdmError('bad-usage', '--data', 'a new run needs pictures', 'Name a folder, a list, or "toy"');
  }
  const { runtime, reason } = await openRuntime(options.device);
  if (options.device === 'auto') output.note(`device: ${runtime.device} (${reason})`);
  if (options.dryRun) {
    const estimate = await estimateRun(runtime, required(recipe, 'recipe'), data!, (text) =>
      output.note(text),
    );
    for (const line of estimateLines(estimate, totalSteps(recipe!))) output.line(line);
    output.result(estimate);
    return;
  }
  const folder = required(options.out, '--out');
  const requests = new RunRequests();
  const stopListening = stopOnSignals(requests, output);
  const progress = new TrainProgress(output);
  const last = new Map<TrainingEvent['kind'], TrainingEvent>();
  try {
    const end = await trainRun(
      runtime,
      {
        folder,
        ...(recipe && { recipe }),
        ...(data && { data }),
        isResumed: options.resume ?? false,
        ...(options.maxSteps !== undefined && { maxSteps: options.maxSteps }),
        appVersion: packageJson.version,
      },
      requests,
      (event) => {
        last.set(event.kind, event);
        progress.tell(event);
      },
    );
    output.line(`${end.reason === 'done' ? 'done' : 'stopped'} at step ${end.step}: ${folder}`);
    const [validation, checkpoint] = [last.get('validation'), last.get('checkpoint')];
    output.result({ ...end, folder, device: runtime.device, validation, checkpoint });
  } finally {
    stopListening();
  }
}

/** The recipe of the command line, with the model it names. */
function recipeOf(word: string | undefined, { resume, model }: TrainOptions): Recipe | undefined {
  if (word === undefined && resume) return undefined;
  const recipe = readRecipe(required(word, 'recipe'));
  return model === undefined
    ? recipe
    : { ...recipe, model: { ...recipe.model, path: resolve(modelAt(model)) } };
}

/** A run stands for its newest checkpoint. */
function modelAt(path: string): string {
  return isRun(path) ? newestCheckpoint(path) : path;
}

function estimateLines(estimate: RunEstimate, steps: number): string[] {
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toPrecision(3)} GiB`;
  const stages = estimate.stages.map(
    ({ stage, size, steps: own, stepMs, imagesPerSecond, totalMs }) =>
      `stage ${stage + 1}: ${size} pixels, ${own} steps of ${duration(stepMs, 'exact')}, ` +
      `${imagesPerSecond.toPrecision(3)} images/s, ${duration(totalMs)}`,
  );
  return [
    `${estimate.device} in ${estimate.precision}: ${steps} steps in about ${duration(estimate.totalMs)}`,
    ...stages,
    `memory of this process ${gib(estimate.peakMemoryBytes)}, disk ${gib(estimate.diskBytes)}`,
  ];
}

/** Places are absolute, as a run may go on from another folder. */
function sourceOf(place: string, count: number | undefined): DatasetSource {
  const source = datasetSource(place);
  if (source.kind === 'toy') return count === undefined ? source : { ...source, count };
  if (count === undefined) return { ...source, path: resolve(source.path) };
  const problem = 'only toy scenes are made in any number';
  throw new HdmError('bad-usage', '--count', problem, `Leave it out, or name ${TOY_WORDS.join(' or ')}`);
}

function required<T>(value: T | undefined, what: string): T {
  if (value !== undefined) return value;
  throw new HdmError('bad-usage', 'train', `${what} is missing`, 'Add --help to see what is possible');
}

/** The first signal stops after the step and saves; a second one ends at once, as the system does it. */
function stopOnSignals(requests: RunRequests, output: Output): () => void {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const stop = (): void => {
    output.note('stopping after this step and saving; once more ends at once');
    requests.ask('stop');
    unlisten();
  };
  const unlisten = (): void => signals.forEach((signal) => void process.off(signal, stop));
  signals.forEach((signal) => process.on(signal, stop));
  return unlisten;
}
