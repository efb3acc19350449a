/** @file Recipes: those that come with the studio, and what is refused. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseRecipe, totalSteps, type Method } from '../../engine/training/recipe.ts';
import { RECIPES, readRecipe, recipeNames } from '../../engine/training/recipe-files.ts';

const STAGE = { size: 64, steps: 10, batch: 2 };

describe('the recipes of the studio', () => {
  it.each(recipeNames())('%s is read and says what it is for', (name) => {
    const recipe = readRecipe(name);
    expect(recipe.about).not.toBe('');
    expect(totalSteps(recipe)).toBeGreaterThan(0);
  });

  it('there is one for each method', () => {
    const methods = new Set(recipeNames().map((name) => readRecipe(name).method));
    const wanted: Method[] = ['pretrain', 'continue', 'finetune', 'lora', 'loha', 'lokr', 'vae'];
    expect([...methods].sort()).toEqual(wanted.sort());
  });

  it('come in an order that knows all of them, the quickest first', () => {
    const names = recipeNames();
    const order = readFileSync(join(RECIPES, 'order.txt'), 'utf8').trim().split('\n');
    expect(names).toEqual(order);
    expect(names[0]).toBe('toy-simple');
  });

  it('the report of pretraining sees as many pictures as the report says', () => {
    const { stages } = readRecipe('pretrain-base');
    const seen = stages.map(({ samples }) => samples);
    expect(seen).toEqual([152_500_000, 42_340_000, 8_469_000, 3_649_000]);
    expect(stages.map(({ optimizer }) => optimizer.learningRate)).toEqual([0.5, 0.1, 0.05, 0.02]);
  });
});

describe('a recipe is refused', () => {
  it.each([
    [
      'an unknown key',
      { method: 'lokr', stages: [{ ...STAGE, learning_rate: 1 }] },
      /learning_rate.*known are.*optimizer/,
    ],
    ['an unknown method', { method: 'dreambooth', stages: [STAGE] }, /"method".*pretrain.*lokr/],
    ['no stages', { method: 'lora', stages: [] }, /"stages"/],
    [
      'steps and samples at once',
      { method: 'lora', stages: [{ ...STAGE, samples: 5 }] },
      /either "steps" or "samples"/,
    ],
    [
      'neither steps nor samples',
      { method: 'lora', stages: [{ size: 64, batch: 1 }] },
      /either "steps" or "samples"/,
    ],
    ['pretraining without a transformer', { method: 'pretrain', stages: [STAGE] }, /"model.transformer"/],
    [
      'a transformer from nothing that is fine-tuned',
      { method: 'finetune', model: { transformer: 'base' }, stages: [STAGE] },
      /"model.transformer"/,
    ],
    ['an autoencoder whose stages train another', { method: 'vae', stages: [STAGE] }, /"trains": "vae"/],
    [
      'a rate that cannot be',
      { method: 'lora', stages: [{ ...STAGE, optimizer: { learningRate: -1 } }] },
      /learningRate/,
    ],
    [
      'turns without its own size',
      { method: 'lora', stages: [{ ...STAGE, turns: [128, 256] }] },
      /"size" among the sizes that take turns/,
    ],
    [
      'buckets that take turns',
      { method: 'lora', stages: [{ ...STAGE, crop: 'buckets', turns: [STAGE.size, 128] }] },
      /only squares for a denoiser/,
    ],
    [
      'a text encoder that learns beside an adapter',
      { method: 'lora', model: { path: 'x', trainTextEncoder: true }, stages: [STAGE] },
      /trainTextEncoder.*"continue" and "finetune"/,
    ],
    ['times that fall', { method: 'lora', stages: [STAGE], validation: { times: [0.5, 0.2] } }, /rising/],
    ['a text', 'lokr', /expected object/],
  ])('with %s', (_what, value, message) => {
    expect(() => parseRecipe(value, 'mine.json')).toThrow(message);
    expect(() => parseRecipe(value, 'mine.json')).toThrow(expect.objectContaining({ code: 'bad-usage' }));
  });

  it('when there is no file or recipe of that name; the names are told', () => {
    expect(() => readRecipe('nothing-like-it')).toThrow(/toy-smallest/);
  });
});
