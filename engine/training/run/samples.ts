/** @file Pictures of fixed prompts and seeds, drawn with a checkpoint as the studio draws with it. */
import { join } from 'node:path';
import { openCheckpoint } from '../../checkpoints/checkpoint.ts';
import type { FloatDType } from '../../graph/dtype.ts';
import { saveImage } from '../../image/save.ts';
import { pictureSettings } from '../../pipeline/picture-settings.ts';
import { openPipeline } from '../../pipeline/pipeline.ts';
import { DEFAULTS, type PictureRequest } from '../../pipeline/request.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { isAdapterMethod, type Recipe, type Stage } from '../recipe.ts';
import { ADAPTER_FILE } from './checkpoint.ts';
import { RUN_FILES, stepName } from './folder.ts';
import type { Happening } from './events.ts';

export interface SampleContext {
  readonly runtime: Runtime;
  readonly precision: FloatDType;
  readonly recipe: Recipe;
  readonly stage: Stage;
  /** Of the run. */
  readonly folder: string;
  readonly step: number;
  readonly appVersion: string;
}

/** Draws every prompt of the recipe with the checkpoint in `checkpoint`; tells each picture when it is written. */
export async function drawSamples(
  checkpoint: string,
  context: SampleContext,
  tell: (event: Happening) => void,
): Promise<void> {
  const { runtime, precision, recipe, folder, step, appVersion } = context;
  const isAdapter = isAdapterMethod(recipe.method);
  const model = isAdapter
    ? openCheckpoint(recipe.model.path!, elsewhere(recipe))
    : openCheckpoint(checkpoint);
  const adapters = isAdapter ? [{ path: join(checkpoint, ADAPTER_FILE), strength: 1 }] : [];
  const pipeline = await openPipeline(runtime, model, { precision, adapters });
  try {
    for (const [index, prompt] of recipe.samples.prompts.entries()) {
      const request = requestOf(prompt, context);
      const { pixels } = await pipeline.generate(request);
      const file = `${RUN_FILES.samples}/${stepName(step)}-prompt-${index}.png`;
      const settings = pictureSettings(request, pipeline, {
        appVersion,
        model: { name: `${recipe.name}, step ${step}` },
        adapters: [],
      });
      await saveImage(join(folder, file), pixels, settings);
      tell({ kind: 'sample', step, prompt: prompt.prompt, seed: prompt.seed, file });
    }
  } finally {
    await pipeline.dispose();
  }
}

function elsewhere({ model: { textEncoderPath, vaePath, tokenizerPath } }: Recipe) {
  return {
    ...(textEncoderPath !== undefined && { textEncoder: textEncoderPath }),
    ...(vaePath !== undefined && { vae: vaePath }),
    ...(tokenizerPath !== undefined && { tokenizer: tokenizerPath }),
  };
}

function requestOf(
  { prompt, negative, seed }: Recipe['samples']['prompts'][number],
  { recipe: { samples }, stage }: SampleContext,
): PictureRequest {
  const side = samples.size ?? stage.size;
  return {
    ...DEFAULTS,
    prompt,
    negativePrompt: negative,
    seed,
    width: side,
    height: side,
    steps: samples.steps,
    guidanceScale: samples.guidanceScale,
  };
}
