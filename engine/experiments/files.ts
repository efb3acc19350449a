/** @file Experiments as files: those that come with the studio, their kept results, and those of a person. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { z } from 'zod';
import { resourceFolder } from '../checkpoints/resources.ts';
import { readJson } from '../checkpoints/tensors.ts';
import { HdmError } from '../errors.ts';
import { parseExperiment, type Experiment } from './document.ts';
import { resultsSchema, type Results } from './results.ts';

const ENDING = '.json';

/** Those that come with the studio. */
export const EXPERIMENTS = resourceFolder('experiments');
/** In a folder of experiments: results that are kept, by the names of the experiments. */
export const KEPT = 'results';

/** Names of the experiments in a folder. */
export function experimentNames(folder = EXPERIMENTS): string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => extname(file) === ENDING);
  return files.map((file) => basename(file, ENDING)).sort();
}

/**
 * The experiment that a word means: a file, or the name of one that comes with the studio. Throws `bad-usage` for a
 * word that is neither, and for what is wrong in it.
 */
export function readExperiment(word: string, folder = EXPERIMENTS): Experiment {
  const isFile = extname(word) === ENDING && existsSync(word);
  const path = isFile ? word : join(folder, `${word}${ENDING}`);
  if (existsSync(path)) return parseExperiment(readJson(path, z.unknown()), basename(path, ENDING), path);
  const problem = 'there is no such file, and no experiment of that name';
  throw new HdmError('bad-usage', word, problem, `Experiments: ${experimentNames(folder).join(', ')}`);
}

/** The results of an experiment that are kept beside it; `undefined` when it was not run yet. */
export function keptResults(name: string, folder = EXPERIMENTS): Results | undefined {
  const path = join(folder, KEPT, `${name}${ENDING}`);
  return existsSync(path) ? readJson(path, resultsSchema) : undefined;
}
