/** @file What training is for: a model from nothing learns to draw what is asked. Depends on steps, not on time. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { decodeImage, type Pixels } from '../../../engine/image/pixels.ts';
import { parseRecipe } from '../../../engine/training/recipe.ts';
import { readRecipe } from '../../../engine/training/recipe-files.ts';
import { testFolder } from '../../helpers/folder.ts';
import { TOY, train } from './tiny-run.ts';

it('the smallest toy recipe lowers the loss on held-out pictures and draws the backgrounds it is asked for', async () => {
  const folder = join(testFolder(), 'run');
  const recipe = readRecipe('toy-smallest');
  const steps = 300;
  const { events } = await train({
    folder,
    recipe: parseRecipe({
      ...recipe,
      stages: [{ ...recipe.stages[0], steps }],
      validation: { ...recipe.validation, everySteps: 50 },
      samples: { ...recipe.samples, everySteps: 10_000 },
      saving: { ...recipe.saving, everySteps: 10_000 },
    }),
    data: TOY,
  });
  const losses = events.flatMap((event) => (event.kind === 'validation' ? [event.loss] : []));
  expect(losses.at(-1)).toBeLessThan(losses[0]! * 0.9);
  const at = (index: number): Promise<Pixels> =>
    decodeImage(join(folder, `samples/step-${String(steps).padStart(6, '0')}-prompt-${index}.png`));
  // Backgrounds of the three prompts: blue, green, red.
  const [blue, green, red] = [await at(0), await at(1), await at(2)].map(edgeColor);
  expect(blue![2]).toBeGreaterThan(blue![0]);
  expect(green![1]).toBeGreaterThan(green![0]);
  expect(red![0]).toBeGreaterThan(red![2]);
});

/** Mean colour of the outermost pixels. */
function edgeColor({ width, height, data }: Pixels): [red: number, green: number, blue: number] {
  const sums: [number, number, number] = [0, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const isInside = x > 3 && y > 3 && x < width - 4 && y < height - 4;
      if (!isInside) for (let c = 0; c < 3; c++) sums[c]! += data[(y * width + x) * 3 + c]!;
    }
  }
  return sums;
}
