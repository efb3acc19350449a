/** @file The recipes of the starter model at the smallest size, one after the other as in its training. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readRecipe } from '../../../engine/training/recipe-files.ts';
import type { Recipe } from '../../../engine/training/recipe.ts';
import { testFolder } from '../../helpers/folder.ts';
import { train, type Ran } from './tiny-run.ts';

const TOY = { kind: 'toy', seed: 0, count: 100 } as const;
const SIZE = 64;

/** The recipe with few, gentle steps of small batches; all else is as it is. */
function shortened(name: string, steps: readonly number[]): Recipe {
  const recipe = readRecipe(name);
  expect(recipe.stages).toHaveLength(steps.length);
  const stages = recipe.stages.map((stage, index) => ({
    ...stage,
    size: SIZE,
    batch: 4,
    steps: steps[index]!,
    optimizer: { ...stage.optimizer, learningRate: 0.1, warmUp: 2 },
  }));
  const validation = { ...recipe.validation, pictures: 8, everySteps: 1000 };
  return {
    ...recipe,
    stages,
    validation,
    average: 0.8,
    samples: { ...recipe.samples, prompts: [] },
    saving: { ...recipe.saving, everySteps: 1000 },
  };
}

function losses({ events }: Ran): number[] {
  return events.flatMap((event) => (event.kind === 'validation' ? [event.loss] : []));
}

it('an autoencoder learns pictures, then a transformer and its text encoder what is in them', async () => {
  const folder = testFolder();
  const [first, second] = [join(folder, 'vae'), join(folder, 'starter')];
  const vae = await train({ folder: first, recipe: shortened('starter-vae', [40]), data: TOY });
  expect(losses(vae).at(-1)! / losses(vae)[0]!).toBeLessThan(0.9);

  const recipe = shortened('starter', [14, 4, 2]);
  const [checkpoint] = readdirSync(join(first, 'checkpoints')).slice(-1);
  recipe.model.path = join(first, 'checkpoints', checkpoint!);
  const starter = await train({ folder: second, recipe, data: TOY });
  expect(starter.end).toEqual({ reason: 'done', step: 20 });
  expect(losses(starter).at(-1)! / losses(starter)[0]!).toBeLessThan(0.85);
  const model = join(second, 'checkpoints', readdirSync(join(second, 'checkpoints')).at(-1)!);
  expect(readdirSync(model)).toEqual(expect.arrayContaining(['transformer', 'text_encoder', 'tokenizer']));
});
