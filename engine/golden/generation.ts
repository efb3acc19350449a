/** @file Reference generations of a whole model, from prompt to pixels. */
import { openCheckpoint } from '../checkpoints/checkpoint.ts';
import { checkJson } from '../checkpoints/tensors.ts';
import { f32, type FloatDType, type TensorData, toFloat32 } from '../graph/dtype.ts';
import { positionMap } from '../models/positions.ts';
import { openPipeline, type Pipeline } from '../pipeline/pipeline.ts';
import { DEFAULTS } from '../pipeline/request.ts';
import { openTokenizer, tokenizePrompt } from '../text/tokenizer.ts';
import { dirname } from 'node:path';
import { z } from 'zod';
import { compare, type Comparison, type GoldenFile } from './golden-file.ts';

/** Of a whole generation, whose steps add to each other's errors; pixels of 255. */
const TOLERANCES: Readonly<Record<FloatDType, { latent: number; pixels: number }>> = {
  f32: { latent: 1e-3, pixels: 2 },
  f16: { latent: 0.1, pixels: 16 },
  bf16: { latent: 0.8, pixels: 128 },
};

/** Whole generations of a model, from prompt to pixels. */
export async function checkGeneration(golden: GoldenFile): Promise<Comparison[]> {
  const { file, runtime, model = dirname(file.path) } = golden;
  const pipeline = await openPipeline(runtime, openCheckpoint(model), { precision: golden.precision });
  try {
    return await compareGenerations(pipeline, golden);
  } finally {
    await pipeline.dispose();
  }
}

async function compareGenerations(pipeline: Pipeline, golden: GoldenFile): Promise<Comparison[]> {
  const { file, tensors, precision } = golden;
  const tolerances = TOLERANCES[precision];
  const { checkpoint } = pipeline;
  const tokenizer = openTokenizer(checkpoint.tokenizer!);
  const comparisons: Comparison[] = [];
  for (const [name, text] of Object.entries(file.metadata)) {
    if (!tensors.has(`${name}.noise`)) continue;
    const made = checkJson(JSON.parse(text), generationMetadata, `${file.path} ${name}`);
    const [width, height] = made.size;
    const { ids } = tokenizePrompt(tokenizer, made.prompt, checkpoint.context);
    const expectedIds = tensors.get(`${name}.ids`)!;
    const noise = tensors.get(`${name}.noise`)!;
    const grid = { height: height / 16, width: width / 16 };
    const given = tensors.get(`${name}.pos`);
    const camera = made.camera && {
      xShift: made.camera.x_shift,
      yShift: made.camera.y_shift,
      zoom: made.camera.zoom,
    };
    const { latent, pixels } = await pipeline.generate(
      {
        ...DEFAULTS,
        prompt: made.prompt,
        width,
        height,
        steps: made.steps,
        guidanceScale: made.cfg,
        camera: camera ?? DEFAULTS.camera,
      },
      {
        noise: toFloat32(noise),
        // Without a map the public model takes that of its token grid.
        ...(!given && {
          positions: positionMap(checkpoint.transformer.config.positions, grid.height, grid.width),
        }),
      },
    );
    const asData = (data: ArrayLike<number>): TensorData => f32([data.length], data);
    const compareWith = (
      tolerance: number | undefined,
      what: string,
      got: TensorData,
      expected = tensors.get(`${name}.${what}`)!,
    ): Comparison =>
      compare(golden, `${name} ${what}`, got, expected, tolerance === undefined ? {} : { tolerance });
    comparisons.push(
      compareWith(0, 'ids', asData(ids), expectedIds),
      compareWith(undefined, 'context', await pipeline.encodePrompt(made.prompt)),
      compareWith(tolerances.latent, 'latent', asData(latent.data)),
      compareWith(tolerances.pixels, 'image', asData(pixels.data)),
    );
  }
  return comparisons;
}

const generationMetadata = z.object({
  prompt: z.string(),
  size: z.tuple([z.int(), z.int()]),
  steps: z.int().positive(),
  cfg: z.number(),
  camera: z.object({ x_shift: z.number(), y_shift: z.number(), zoom: z.number() }).nullable(),
});
