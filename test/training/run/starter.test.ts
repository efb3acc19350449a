/**
 * @file The starter model's two recipes, made small in every size but whole in their path: an autoencoder from nothing
 * that becomes smooth, then a transformer with its text encoder on its latents, with TREAD, without, and with pictures
 * twice as large in between.
 */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openCheckpoint, openOtherParts, type ModelPart } from '../../../engine/checkpoints/checkpoint.ts';
import { wholeView } from '../../../engine/image/pixels.ts';
import type { AutoencoderConfig } from '../../../engine/models/autoencoder-kl.ts';
import { openAutoencoder } from '../../../engine/pipeline/autoencoder.ts';
import { onnxRuntime } from '../../../engine/runtime/onnx/runtime.ts';
import { drawScene } from '../../../engine/training/data/toy-scenes/draw.ts';
import { randomScene } from '../../../engine/training/data/toy-scenes/random-scene.ts';
import { newestCheckpoint } from '../../../engine/training/run/checkpoint.ts';
import { parseRecipe, type Recipe } from '../../../engine/training/recipe.ts';
import { readRecipe } from '../../../engine/training/recipe-files.ts';
import type { TrainingEvent } from '../../../engine/training/run/events.ts';
import { testFolder } from '../../helpers/folder.ts';
import { TOY, train } from './tiny-run.ts';

const SIDE = 64;
/** Of each stage of the autoencoder. */
const VAE_STEPS = [80, 10];
/** Of each stage of the transformer. */
const STEPS = [40, 20, 8];

it('the recipes of the starter model go the same way at the smallest size', async () => {
  const folder = testFolder();
  const vaeRun = join(folder, 'vae');
  const vae = await train({ folder: vaeRun, recipe: smallVae(readRecipe('starter-vae')), data: TOY });
  const [fresh, learned] = lossesOf(vae.events);
  expect(learned).toBeLessThan(fresh! * 0.8);
  const autoencoder = newestCheckpoint(vaeRun);
  expect(await likeness(openOtherParts(autoencoder).vae!)).toBeGreaterThan(0.35);

  const modelRun = join(folder, 'model');
  const recipe = smallModel(readRecipe('starter'), autoencoder);
  const { end, events } = await train({ folder: modelRun, recipe, data: TOY });
  expect(end.reason).toBe('done');
  const [tread, whole, mixed] = recipe.stages;
  const [untrained, afterTread, beforeWhole, afterWhole, , afterMixed] = lossesOf(events);
  expect(afterTread).toBeLessThan(untrained! * 0.8);
  expect(afterWhole).toBeLessThan(beforeWhole!);
  expect(afterMixed).toBeLessThan(untrained! * 0.8);
  expect([tread!.tread, whole!.tread, mixed!.tread]).toEqual([0.5, 0, 0]);
  expect(mixed!.turns).toContain(2 * SIDE);
  const { transformer, textEncoder, tokenizer } = openCheckpoint(newestCheckpoint(modelRun));
  expect([transformer, textEncoder, tokenizer]).not.toContain(undefined);
  const drawn = events.filter((event) => event.kind === 'sample' && event.step === end.step);
  expect(drawn).toHaveLength(recipe.samples.prompts.length);
});

/** Losses on held-out pictures. */
function lossesOf(events: readonly TrainingEvent[]): number[] {
  return events.flatMap((event) => (event.kind === 'validation' ? [event.loss] : []));
}

function smallVae(recipe: Recipe): Recipe {
  const { model, stages, ...rest } = recipe;
  return parseRecipe({
    ...rest,
    model: { vae: { ...(model.vae as object), block_out_channels: [16, 32, 32, 32] } },
    stages: stages.map((stage, at) => ({ ...stage, size: SIDE, steps: VAE_STEPS[at], batch: 2 })),
    average: 0.9,
    validation: { pictures: 16, everySteps: 1000 },
  });
}

function smallModel(recipe: Recipe, vaePath: string): Recipe {
  const { model, stages, ...rest } = recipe;
  const small = [
    { size: SIDE, steps: STEPS[0], batch: 8 },
    { size: SIDE, steps: STEPS[1], batch: 8 },
    { size: SIDE, turns: [SIDE, SIDE, SIDE, 2 * SIDE], steps: STEPS[2], batch: 8 },
  ];
  return parseRecipe({
    ...rest,
    model: {
      vaePath,
      transformer: { ...(model.transformer as object), depth: 2, dim: 64, mlp_dim: 192, ctx_dim: 64 },
      textEncoder: {
        ...(model.textEncoder as object),
        hidden_size: 64,
        intermediate_size: 192,
        num_hidden_layers: 1,
      },
    },
    stages: stages.map((stage, at) => ({ ...stage, ...small[at]! })),
    average: 0.9,
    validation: { pictures: 16, everySteps: 1000 },
    samples: {
      ...recipe.samples,
      prompts: recipe.samples.prompts.slice(0, 1),
      everySteps: 1000,
      steps: 2,
      size: SIDE,
    },
  });
}

/** How far pictures that were encoded and decoded are like themselves: the correlation of their numbers. */
async function likeness(part: ModelPart<AutoencoderConfig>): Promise<number> {
  const autoencoder = await openAutoencoder(onnxRuntime('cpu'), part, 'f32');
  const pairs: [number, number][] = [];
  for (let number = 0; number < 8; number++) {
    const picture = drawScene(randomScene(TOY.seed, 5000 + number), wholeView({ width: SIDE, height: SIDE }));
    const back = await autoencoder.decode(await autoencoder.encode(picture));
    picture.data.forEach((value, at) => pairs.push([value, back.data[at]!]));
  }
  await autoencoder.dispose();
  return correlation(pairs);
}

function correlation(pairs: readonly (readonly [number, number])[]): number {
  const mean = (of: (pair: readonly [number, number]) => number): number =>
    pairs.reduce((sum, pair) => sum + of(pair), 0) / pairs.length;
  const [a, b] = [mean(([x]) => x), mean(([, y]) => y)];
  const spread = (at: 0 | 1, middle: number): number => Math.sqrt(mean((pair) => (pair[at] - middle) ** 2));
  return mean(([x, y]) => (x - a) * (y - b)) / (spread(0, a) * spread(1, b));
}
