/** @file Aspect buckets of a stage: their shapes follow from its `bucketStep`. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { onnxRuntime } from '../../../engine/runtime/onnx/runtime.ts';
import { openDataset } from '../../../engine/training/data/dataset.ts';
import { splitDataset } from '../../../engine/training/run/held-out.ts';
import { openSession } from '../../../engine/training/run/session.ts';
import { testFolder } from '../../helpers/folder.ts';
import { tinyModel, tinyRecipe, TOY } from './tiny-run.ts';

it('a finer step makes buckets that are not square of a small size', async () => {
  expect(await shapes({ bucketStep: 16 })).toEqual(new Set(['48x80', '64x64', '80x48']));
  expect(await shapes({})).toEqual(new Set(['64x64']));
});

/** Widths and heights of the first batches. */
async function shapes(change: object): Promise<Set<string>> {
  const folder = testFolder();
  const stage = { size: 64, steps: 20, batch: 2, context: 16, crop: 'buckets', ...change };
  const recipe = tinyRecipe(tinyModel(folder), 'finetune', { stages: [stage] });
  const session = await openSession({
    runtime: onnxRuntime('cpu'),
    precision: 'f32',
    recipe,
    data: splitDataset(await openDataset(TOY), 0, 0),
    folder: join(folder, 'run'),
    position: { stage: 0, rank: 0, worldSize: 1 },
  });
  const found = new Set<string>();
  for (let step = 0; step < 20; step++) {
    const { width, height } = await session.loader.batch(step);
    found.add(`${width}x${height}`);
  }
  await session.close();
  return found;
}
