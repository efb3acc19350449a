/** @file The trainings of an experiment. Each has a folder named after all that it depends on, so that experiments share them. */
import { createHash } from 'node:crypto';
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

export interface Autoencoder {
  /** As results call it. */
  readonly name: string;
  /** Its file or folder; without one it is the recipe's own. */
  readonly path?: string;
}

export interface JobOptions {
  readonly seeds: number;
  readonly autoencoder: Autoencoder;
  /** Where they run. */
  readonly device: string;
}

/** All variants with one seed, then with the next: broken off, it has compared something. */
export function jobsOf({ document, recipes }: Experiment, options: JobOptions): Job[] {
  const { seeds, autoencoder, device } = options;
  const data: DatasetSource = { kind: 'toy', ...document.data };
  return Array.from({ length: seeds }, (_, seed) => seed).flatMap((seed) =>
    [...recipes].map(([variant, own]) => {
      const recipe = { ...withAutoencoder(own, autoencoder), seed };
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

function withAutoencoder(recipe: Recipe, { path }: Autoencoder): Recipe {
  if (path === undefined) return recipe;
  const { vae: _vae, ...model } = recipe.model;
  return { ...recipe, model: { ...model, vaePath: path } };
}
