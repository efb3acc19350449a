/** @file What training is for: a model from nothing learns. Depends on steps, not on time. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseRecipe } from '../../../engine/training/recipe.ts';
import { readRecipe } from '../../../engine/training/recipe-files.ts';
import { testFolder } from '../../helpers/folder.ts';
import { TOY, train } from './tiny-run.ts';

it('the smallest toy recipe, a tenth of it, halves the loss on held-out pictures at every time t', async () => {
  const recipe = readRecipe('toy-smallest');
  const { events } = await train({
    folder: join(testFolder(), 'run'),
    recipe: parseRecipe({
      ...recipe,
      stages: [{ ...recipe.stages[0], steps: 60 }],
      samples: {},
    }),
    data: TOY,
  });
  const validations = events.flatMap((event) => (event.kind === 'validation' ? [event] : []));
  const [first, last] = [validations[0]!, validations.at(-1)!];
  expect(last.loss).toBeLessThan(first.loss / 2);
  last.bands.forEach(({ loss }, at) => expect(loss).toBeLessThan(first.bands[at]!.loss));
});
