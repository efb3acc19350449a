/** @file Adapters that were trained here load back, and change the picture. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../engine/checkpoints/checkpoint.ts';
import { openPipeline } from '../../../engine/pipeline/pipeline.ts';
import { DEFAULTS } from '../../../engine/pipeline/request.ts';
import { onnxRuntime } from '../../../engine/runtime/onnx/runtime.ts';
import { openAdapter, outlineAdapter } from '../../../engine/weights/adapters.ts';
import { testFolder } from '../../helpers/folder.ts';
import { tinyModel, tinyRecipe, TOY, train } from './tiny-run.ts';

const home = mkdtempSync(join(tmpdir(), 'hdm-test-'));
const model = tinyModel(home);
afterAll(() => rmSync(home, { recursive: true, force: true }));

const ALGORITHMS = { lora: ['LoRA'], loha: ['LoHa'], lokr: ['LoKr', 'norm'] } as const;

describe.each(Object.entries(ALGORITHMS))('%s', (method, algorithms) => {
  it('is trained, read back, and changes the picture', async () => {
    const folder = join(testFolder(), 'run');
    const stage = { size: 64, steps: 3, batch: 2, context: 16, optimizer: { learningRate: 0.5, warmUp: 0 } };
    const recipe = tinyRecipe(model, method as keyof typeof ALGORITHMS, { stages: [stage], average: null });
    const { events } = await train({ folder, recipe, data: TOY });
    const saved = events.find((event) => event.kind === 'checkpoint');
    const path = join(folder, saved!.folder, 'adapter.safetensors');

    const { layers } = outlineAdapter(path);
    expect(layers.every((layer) => layer.startsWith('lora_unet_'))).toBe(true);
    const adapter = openAdapter(path, openCheckpoint(model).transformer.weights);
    expect(adapter.algorithms).toEqual(algorithms);
    expect(adapter.unused).toEqual([]);
    expect(await draw([{ path, strength: 1 }])).not.toEqual(await draw([]));
  });
});

async function draw(adapters: { path: string; strength: number }[]): Promise<Uint8Array> {
  const pipeline = await openPipeline(onnxRuntime('cpu'), openCheckpoint(model), { adapters });
  const request = { ...DEFAULTS, prompt: 'a red circle', width: 64, height: 64, steps: 2 };
  const { pixels } = await pipeline.generate(request);
  await pipeline.dispose();
  return pixels.data;
}
