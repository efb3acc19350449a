/** @file A small picture from a model, to compare with others. */
import { openCheckpoint, type Elsewhere } from '../../engine/checkpoints/checkpoint.ts';
import { openPipeline } from '../../engine/pipeline/pipeline.ts';
import { DEFAULTS, type PictureRequest } from '../../engine/pipeline/request.ts';
import { openRuntime } from '../../engine/runtime/devices.ts';
import type { AdapterChoice } from '../../engine/weights/adapters.ts';

export interface DrawOptions extends Elsewhere {
  readonly adapters?: readonly AdapterChoice[];
  readonly request?: Partial<PictureRequest>;
}

/** The latent of a picture of two steps on the CPU, before it becomes pixels and loses small differences. */
export async function drawLatent(model: string, options: DrawOptions = {}): Promise<Float32Array> {
  return (await draw(model, options)).latent.data;
}

/** The bytes of a picture of two steps on the CPU. */
export async function drawPixels(model: string, options: DrawOptions = {}): Promise<Uint8Array> {
  return (await draw(model, options)).pixels.data;
}

async function draw(model: string, { adapters = [], request, ...elsewhere }: DrawOptions) {
  const { runtime } = await openRuntime('cpu');
  const pipeline = await openPipeline(runtime, openCheckpoint(model, elsewhere), { adapters });
  const small = { width: 64, height: 64, steps: 2, prompt: 'a red circle', seed: 1 };
  try {
    return await pipeline.generate({ ...DEFAULTS, ...small, ...request });
  } finally {
    await pipeline.dispose();
  }
}
