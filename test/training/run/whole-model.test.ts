/** @file A whole model in one run: an autoencoder first, then a transformer with its own words on its latents. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { missingParts, openCheckpoint } from '../../../engine/checkpoints/checkpoint.ts';
import { parseRecipe } from '../../../engine/training/recipe.ts';
import { testFolder } from '../../helpers/folder.ts';
import { TINY_CONFIGS } from '../../helpers/tiny-model.ts';
import { TOY, train } from './tiny-run.ts';

it('the checkpoint of the last stage has every part inside, with the statistics of its latents', async () => {
  const folder = join(testFolder(), 'run');
  const optimizer = { learningRate: 0.1, warmUp: 1 };
  const { latents_mean: _mean, latents_std: _std, ...vae } = TINY_CONFIGS.vae;
  const recipe = parseRecipe({
    method: 'pretrain',
    model: {
      vae,
      textEncoder: { ...TINY_CONFIGS.textEncoder, vocab_size: 256 },
      transformer: { ...TINY_CONFIGS.transformer, depth: 1, dec_blocks: 1 },
    },
    stages: [
      { trains: 'vae', size: 64, steps: 2, batch: 2, optimizer },
      { size: 64, steps: 2, batch: 2, context: 16, optimizer },
    ],
    validation: { pictures: 2 },
    samples: { prompts: [{ prompt: 'a red circle' }], steps: 1 },
  });
  const { end, events } = await train({ folder, recipe, data: TOY });
  expect(end).toEqual({ reason: 'done', step: 4 });
  expect(events.filter(({ kind }) => kind === 'rehearsed').map(({ step }) => step)).toEqual([0, 2]);

  const checkpoint = openCheckpoint(join(folder, 'checkpoints/step-000004'));
  expect(missingParts(checkpoint)).toEqual([]);
  for (const part of [checkpoint.textEncoder, checkpoint.vae]) expect(part!.path).toContain('step-000004');
  expect(checkpoint.tokenizer).toContain('step-000004');
  expect(checkpoint.context).toEqual({ padding: 'max_length', length: 16 });
  const config = JSON.parse(readFileSync(join(folder, 'parts/vae/config.json'), 'utf8')) as {
    latents_std: number[];
  };
  expect(config.latents_std).toHaveLength(4);
  expect(config.latents_std.every((std) => std > 0)).toBe(true);
});
