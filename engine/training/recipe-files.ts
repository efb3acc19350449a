/** @file Recipes as files: those that come with the studio, and those of a person. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { z } from 'zod';
import { resourceFolder } from '../checkpoints/resources.ts';
import { readJson } from '../checkpoints/tensors.ts';
import { HdmError } from '../errors.ts';
import { parseRecipe, type Recipe } from './recipe.ts';

const ENDING = '.json';
/** Names of recipes, one a line, the small and useful ones first. */
const ORDER = 'order.txt';

export const RECIPES = resourceFolder('recipes');

/** Names of the recipes in a folder, in the order that it gives; those it does not know come last. */
export function recipeNames(folder = RECIPES): string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => extname(file) === ENDING);
  const names = files.map((file) => basename(file, ENDING)).sort();
  const ordered = orderOf(folder).filter((name) => names.includes(name));
  return [...new Set([...ordered, ...names])];
}

function orderOf(folder: string): string[] {
  const path = join(folder, ORDER);
  return existsSync(path) ? readFileSync(path, 'utf8').split(/\r?\n/) : [];
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
