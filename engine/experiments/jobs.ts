/** @file The trainings of an experiment. Each has a folder named after all that it depends on, so that experiments share them. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { DatasetSource } from '../training/data/dataset.ts';
import type { Recipe } from '../training/recipe.ts';
import type { Experiment } from './document.ts';

export interface Job {
  readonly variant: string;
  readonly seed: number;
  /** Name of the run's folder. */
  readonly folder: string;
  readonly recipe: Recipe;
  readonly data: DatasetSource;
}

export interface JobOptions {
  readonly seeds: number;
  /** File or folder of the autoencoder; without one it is the recipe's own. */
  readonly vaePath?: string | undefined;
  /** Where they run. */
  readonly device: string;
}

/** All variants with one seed, then with the next: broken off, it has compared something. */
export function jobsOf({ document, recipes }: Experiment, options: JobOptions): Job[] {
  const { seeds, vaePath, device } = options;
  const data: DatasetSource = { kind: 'toy', ...document.data };
  return Array.from({ length: seeds }, (_, seed) => seed).flatMap((seed) =>
    [...recipes].map(([variant, own]) => {
      const recipe = { ...withVae(own, vaePath), seed };
      const { name: _name, about: _about, seed: _seed, ...learned } = recipe;
      const folder = `${hashOf({ learned, data, device })}-seed-${seed}`;
      return { variant, seed, folder, recipe, data };
    }),
  );
}

/** The same for the same JSON, 12 hexadecimal digits. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 12);
}

function withVae(recipe: Recipe, vaePath: string | undefined): Recipe {
  if (vaePath === undefined) return recipe;
  const { vae: _vae, ...model } = recipe.model;
  return { ...recipe, model: { ...model, vaePath } };
}

/** What results call the autoencoder of a recipe. */
export function autoencoderName({ model: { vae, vaePath } }: Recipe): string {
  if (vaePath !== undefined) return basename(vaePath);
  return typeof vae === 'string' ? vae : 'from nothing';
}
