/** @file A text encoder that is there already: frozen, or trained along. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openCheckpoint } from '../../../engine/checkpoints/checkpoint.ts';
import { toFloat32 } from '../../../engine/graph/dtype.ts';
import { readWeight } from '../../../engine/weights/safetensors.ts';
import { testFolder } from '../../helpers/folder.ts';
import { TOY, tinyModel, tinyRecipe, train } from './tiny-run.ts';

it('learns from its own weights where the recipe says so, and stays as it is otherwise', async () => {
  const home = testFolder();
  const model = tinyModel(home);
  const stages = [{ size: 64, steps: 3, batch: 2, context: 16, optimizer: { learningRate: 0.1, warmUp: 1 } }];
  const runs = await Promise.all(
    [false, true].map(async (trainTextEncoder) => {
      const folder = join(home, String(trainTextEncoder));
      const recipe = tinyRecipe(model, 'continue', { model: { path: model, trainTextEncoder }, stages });
      const { events } = await train({ folder, recipe, data: TOY });
      const losses = events.flatMap((event) => (event.kind === 'step' ? [event.loss] : []));
      return { losses, checkpoint: join(folder, 'checkpoints/step-000003') };
    }),
  );
  const [frozen, trained] = runs as [(typeof runs)[0], (typeof runs)[0]];
  // Both begin from the same model; after one step they are two.
  expect(trained.losses[0]).toBeCloseTo(frozen.losses[0]!, 5);
  expect(trained.losses[2]).not.toBeCloseTo(frozen.losses[2]!, 5);
  expect(existsSync(join(frozen.checkpoint, 'text_encoder'))).toBe(false);

  const words = (path: string): Map<string, number[]> => {
    const { weights } = openCheckpoint(path).textEncoder!;
    return new Map([...weights].map(([name, source]) => [name, [...toFloat32(readWeight(source))]]));
  };
  const [before, after] = [words(model), words(trained.checkpoint)];
  expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
  const moved = [...after].filter(([name, values]) =>
    values.some((value, i) => Math.abs(value - before.get(name)![i]!) > 2e-3 * Math.abs(value)),
  );
  expect(moved.length).toBeGreaterThan(before.size / 2);
});
