/** @file The model in the box: what a fresh install draws is what was asked for. */
import { expect, it } from 'vitest';
import { openCheckpoint } from '../../engine/checkpoints/checkpoint.ts';
import { requireStarter } from '../../engine/checkpoints/starter.ts';
import { evaluate, EVALUATION_DEFAULTS } from '../../engine/eval/evaluate.ts';
import { openPipeline } from '../../engine/pipeline/pipeline.ts';
import { onnxRuntime } from '../../engine/runtime/onnx/runtime.ts';

const OPTIONS = { ...EVALUATION_DEFAULTS, prompts: 4, steps: 12, categories: ['one'] } as const;

it('draws the background, the colour and the kind of thing that were asked for', async () => {
  const checkpoint = openCheckpoint(requireStarter());
  expect(checkpoint.examples.length).toBeGreaterThanOrEqual(3);
  const pipeline = await openPipeline(onnxRuntime('cpu'), checkpoint);
  const { categories } = await evaluate(pipeline, OPTIONS);
  await pipeline.dispose();
  const { background, color, kind } = categories.one!.properties;
  expect(background).toEqual({ right: 4, of: 4 });
  expect(color).toEqual({ right: 4, of: 4 });
  expect(kind!.right).toBeGreaterThanOrEqual(3);
});
