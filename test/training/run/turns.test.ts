/** @file A stage in which squares of several sizes take turns. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseRecipe, sizesOf } from '../../../engine/training/recipe.ts';
import { inTurns, type Batches } from '../../../engine/training/run/batches.ts';
import { testFolder } from '../../helpers/folder.ts';
import { tinyModel, tinyRecipe, train, trainAndKill } from './tiny-run.ts';

const DATA = { kind: 'toy', seed: 0, count: 24 } as const;
const STAGE = {
  size: 64,
  turns: [64, 128, 64],
  steps: 7,
  batch: 8,
  context: 16,
  tread: 0.5,
  optimizer: { learningRate: 0.05, warmUp: 1 },
};

it('sizes have batches of as many tokens, and shares that follow from their turns', () => {
  const recipe = parseRecipe({ method: 'lora', stages: [{ ...STAGE, turns: [64, 128, 64, 256] }] });
  expect(sizesOf(recipe.stages[0]!)).toEqual([
    { size: 64, batch: 8, share: 1 },
    { size: 128, batch: 2, share: 1 / 8 },
    { size: 256, batch: 1, share: 1 / 16 },
  ]);
  const { stages } = parseRecipe({ method: 'lora', stages: [{ size: 64, steps: 1, batch: 3 }] });
  expect(sizesOf(stages[0]!)).toEqual([{ size: 64, batch: 3, share: 1 }]);
});

it('every size goes through its own batches one after the other', async () => {
  const asked: string[] = [];
  const batches = (name: string): Batches => ({
    waitedMs: 1,
    next(number) {
      asked.push(`${name}${number}`);
      return Promise.resolve({ values: {}, images: 1, cut: 0, skipped: [] });
    },
    close: () => Promise.resolve(),
  });
  const both = inTurns([1, 1, 2], new Map([[1, batches('small')], [2, batches('large')]])); // prettier-ignore
  for (let number = 0; number < 7; number++) await both.next(number);
  expect(asked).toEqual(['small0', 'small1', 'large0', 'small2', 'small3', 'large1', 'small4']);
  expect(both.waitedMs).toBe(2);
});

it.each([0, 1])(
  'a run with %i cached crops sees them in turn, and learns the same when it goes on',
  async (cachedCrops) => {
    const folder = testFolder();
    const recipe = tinyRecipe(tinyModel(folder), 'finetune', { stages: [{ ...STAGE, cachedCrops }] });
    const [whole, broken] = [join(folder, 'whole'), join(folder, 'broken')];
    const { end, events } = await train({ folder: whole, recipe, data: DATA });
    expect(end.reason).toBe('done');
    const images = events.flatMap((event) => (event.kind === 'step' ? [event.images] : []));
    expect(images).toEqual([8, 2, 8, 8, 2, 8, 8]);
    if (cachedCrops > 0)
      expect(readdirSync(join(whole, 'latents'))).toEqual(['stage-1-128.bin', 'stage-1-64.bin']);

    await trainAndKill(
      { folder: broken, recipe, data: DATA },
      (event) => event.kind === 'step' && event.step === 4,
    );
    await train({ folder: broken, isResumed: true });
    const file = join('state', 'step-000007', 'value.safetensors');
    expect(readFileSync(join(broken, file)).equals(readFileSync(join(whole, file)))).toBe(true);
  },
);
