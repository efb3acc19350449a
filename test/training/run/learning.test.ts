/** @file What training is for: a model from nothing learns. Depends on steps, not on time. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { decodeImage, type Pixels } from '../../../engine/image/pixels.ts';
import { colorDistance, COLOR_NAMES, COLORS } from '../../../engine/training/data/toy-scenes/colors.ts';
import type { Recipe } from '../../../engine/training/recipe.ts';
import { readRecipe } from '../../../engine/training/recipe-files.ts';
import { testFolder } from '../../helpers/folder.ts';
import { train } from './tiny-run.ts';

const TOY_SIMPLE = { kind: 'toy', isSimple: true, seed: 0, count: 2000 } as const;

/** Share of the side: the border shows the background, the middle the object. */
const BORDER = 1 / 8;
const MIDDLE = 3 / 8;

it('the simplest toy recipe falls far below its first loss and draws the colours asked for', async () => {
  const recipe = readRecipe('toy-simple');
  const { first, last, backgrounds, objects } = await learn(recipe);
  expect(last.loss).toBeLessThan(first.loss / 4);
  last.bands.forEach(({ loss }, at) => expect(loss).toBeLessThan(first.bands[at]!.loss / 2));
  expect(new Set(recipe.samples.prompts.map(({ prompt }) => askedOf(prompt).background)).size).toBe(8);
  expect(backgrounds).toBeGreaterThanOrEqual(7);
  expect(objects).toBeGreaterThanOrEqual(7);
});

/** Losses on held-out pictures, and how many of the last samples have the asked colours. */
async function learn(recipe: Recipe) {
  const folder = join(testFolder(), 'run');
  const { end, events } = await train({ folder, recipe, data: TOY_SIMPLE });
  const validations = events.flatMap((event) => (event.kind === 'validation' ? [event] : []));
  const samples = events.flatMap((event) =>
    event.kind === 'sample' && event.step === end.step ? [event] : [],
  );
  const looks = await Promise.all(
    samples.map(async ({ file, prompt }) => {
      const pixels = await decodeImage(join(folder, file));
      const asked = askedOf(prompt);
      return {
        isBackground: nearestColor(pixels, isBorder) === asked.background,
        isObject: nearestColor(pixels, isMiddle) === asked.object,
      };
    }),
  );
  return {
    first: validations[0]!,
    last: validations.at(-1)!,
    backgrounds: looks.filter(({ isBackground }) => isBackground).length,
    objects: looks.filter(({ isObject }) => isObject).length,
  };
}

/** "white circle on blue" */
function askedOf(prompt: string): { readonly object: string; readonly background: string } {
  const words = prompt.split(' ');
  return { object: words[0]!, background: words.at(-1)! };
}

/** Whether a point is there; x and y are shares of the side. */
type Region = (x: number, y: number) => boolean;

const isBorder: Region = (x, y) => Math.min(x, y, 1 - x, 1 - y) < BORDER;
const isMiddle: Region = (x, y) => Math.min(x, y, 1 - x, 1 - y) > MIDDLE;

/** The named colour nearest to the mean of a region. */
function nearestColor({ data, width, height }: Pixels, isIn: Region): string {
  const sums: [number, number, number] = [0, 0, 0];
  let count = 0;
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [((i % width) + 0.5) / width, (Math.floor(i / width) + 0.5) / height];
    if (!isIn(x, y)) continue;
    count++;
    for (const channel of [0, 1, 2] as const) sums[channel] += data[3 * i + channel]!;
  }
  const [red, green, blue] = sums;
  const mean = [red / count, green / count, blue / count] as const;
  const distances = COLOR_NAMES.map((name) => colorDistance(COLORS[name], mean));
  return COLOR_NAMES[distances.indexOf(Math.min(...distances))]!;
}
