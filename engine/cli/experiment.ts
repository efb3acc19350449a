/** @file `hdm-studio experiment`: tries a claim of the report with small models, and says what came of it. */
import { dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { HdmError } from '../errors.ts';
import type { Experiment } from '../experiments/document.ts';
import { EXPERIMENTS, experimentNames, readExperiment } from '../experiments/files.ts';
import { lossCharts } from '../experiments/plot.ts';
import { readmeFiles } from '../experiments/readme.ts';
import { RESULTS_FILE, type Results } from '../experiments/results.ts';
import { runExperiment } from '../experiments/run-experiment.ts';
import { resultTables } from '../experiments/table.ts';
import { writeWhole } from '../image/save.ts';
import { openRuntime } from '../runtime/devices.ts';
import { untilInterrupted } from './interrupt.ts';
import { deviceOption, jsonOption, toPath, toWhole } from './options.ts';
import { openOutput, type Output } from './output.ts';
import { makeFolder } from './places.ts';
import { TrainProgress } from './train-progress.ts';

interface ExperimentOptions {
  readonly out: string;
  readonly seeds?: number;
  readonly vae?: string;
  readonly device: string;
  readonly list?: boolean;
  readonly readme?: boolean;
  readonly json?: boolean;
}

const TABLES = 'results.md';

export function experimentCommand(): Command {
  return new Command('experiment')
    .description('try a claim of the technical report with small models on toy scenes')
    .argument('[experiment]', 'a file, or one of: ' + experimentNames().join(', '))
    .option('--out <folder>', 'for runs and results; goes on with what is there', toPath, 'out/experiments')
    .option('--seeds <number>', "how often each variant is trained (default: the experiment's)", toWhole)
    .option('--vae <path>', "autoencoder (default: the recipe's, which is the starter model's)", toPath)
    .addOption(deviceOption())
    .option('--list', 'say what there is to try')
    .option('--readme', 'write the README of the experiments again, from their kept results')
    .addOption(jsonOption())
    .action((word: string | undefined, options: ExperimentOptions) => {
      if (options.list) return list(options);
      if (options.readme) return writeReadme(options);
      return untilInterrupted((signal) => run(word, options, signal));
    });
}

function list({ json }: ExperimentOptions): void {
  const output = openOutput(json ?? false);
  const experiments = experimentNames().map((name) => readExperiment(name));
  for (const { name, document } of experiments) output.line(`${name}: ${document.question}`);
  output.result(experiments.map(({ name, document }) => ({ name, ...document })));
}

async function writeReadme({ json }: ExperimentOptions): Promise<void> {
  const output = openOutput(json ?? false);
  const paths = await writeAll(EXPERIMENTS, readmeFiles());
  paths.forEach(output.line);
  output.result({ files: paths });
}

async function run(word: string | undefined, options: ExperimentOptions, signal: AbortSignal): Promise<void> {
  const output = openOutput(options.json ?? false);
  // What can be wrong with the words of the user is found before anything slow begins.
  const experiment = readExperiment(required(word));
  const seeds = options.seeds ?? experiment.document.seeds;
  if (seeds === 0)
    throw new HdmError('bad-usage', '--seeds', 'expected at least 1', 'Leave it out for the usual ones');
  const vaePath = options.vae && resolve(options.vae);
  const { runtime, reason } = await openRuntime(options.device);
  if (options.device === 'auto') output.note(`device: ${runtime.device} (${reason})`);
  let progress = new TrainProgress(output);
  const results = await runExperiment(
    runtime,
    experiment,
    { folder: options.out, seeds, vaePath, appVersion: packageJson.version },
    {
      signal,
      onJob({ variant, seed, folder }, number, of) {
        progress = new TrainProgress(output);
        output.note(`run ${number} of ${of}: ${variant}, seed ${seed} (${folder})`);
      },
      onEvent: (event) => progress.tell(event),
      onPicture: (evaluation, { name, done, total }) =>
        output.progress(`${evaluation}, ${name}`, done, total),
    },
  );
  await tell(experiment, results, options.out, output);
}

/** Writes results, tables and charts into a folder of the experiment's own. */
async function tell({ name }: Experiment, results: Results, out: string, output: Output): Promise<void> {
  const tables = resultTables(results);
  const files = new Map([
    [RESULTS_FILE, `${JSON.stringify(results, null, 2)}\n`],
    [TABLES, `${tables}\n`],
    ...lossCharts(results),
  ]);
  const paths = await writeAll(join(out, name), files);
  tables.split('\n').forEach(output.line);
  paths.forEach(output.line);
  output.result(results);
}

/** Texts by their paths in a folder; returns the whole paths. */
async function writeAll(folder: string, files: ReadonlyMap<string, string>): Promise<string[]> {
  const paths: string[] = [];
  for (const [inside, text] of files) {
    const path = join(folder, inside);
    makeFolder(dirname(path));
    await writeWhole(path, Buffer.from(text));
    paths.push(path);
  }
  return paths;
}

function required(word: string | undefined): string {
  if (word !== undefined) return word;
  throw new HdmError('bad-usage', 'experiment', 'the experiment is missing', 'Add --list to see all');
}
