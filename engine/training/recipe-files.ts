/** @file Recipes as files: those that come with the studio, and those of a person. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { z } from 'zod';
import { resourceFolder } from '../checkpoints/resources.ts';
import { readJson } from '../checkpoints/tensors.ts';
import { HdmError } from '../errors.ts';
import { parseRecipe, type Recipe } from './recipe.ts';

const ENDING = '.json';

export const RECIPES = resourceFolder('recipes');

/** Names of the recipes in a folder. */
export function recipeNames(folder = RECIPES): string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => extname(file) === ENDING);
  return files.map((file) => basename(file, ENDING)).sort();
}

/**
 * The recipe that a word means: a file, or the name of one that comes with the studio. Throws `bad-usage` for a word
 * that is neither, and for what is wrong in it.
 */
export function readRecipe(word: string, folder = RECIPES): Recipe {
  const named = join(folder, `${word}${ENDING}`);
  const path = existsSync(word) ? word : named;
  if (existsSync(path)) return parseRecipe(readJson(path, z.unknown()), path);
  const problem = 'there is no such file, and no recipe of that name';
  throw new HdmError('bad-usage', word, problem, `Recipes: ${recipeNames(folder).join(', ')}`);
}
