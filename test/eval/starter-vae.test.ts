/** @file The autoencoder in the box: pictures that went through it still show what was asked for. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openOtherParts } from '../../engine/checkpoints/checkpoint.ts';
import { copyStarterVae } from '../../engine/checkpoints/starter.ts';
import { judge } from '../../engine/eval/judge.ts';
import { evaluationPrompts } from '../../engine/eval/prompts.ts';
import { wholeView, type Pixels } from '../../engine/image/pixels.ts';
import { openAutoencoder, type Autoencoder } from '../../engine/pipeline/autoencoder.ts';
import { nearestSide } from '../../engine/pipeline/request.ts';
import { onnxRuntime } from '../../engine/runtime/onnx/runtime.ts';
import { drawScene } from '../../engine/training/data/toy-scenes/draw.ts';
import { sceneSize, type Scene } from '../../engine/training/data/toy-scenes/scene.ts';

const SHORT_SIDE = 256;

let folder = '';
let autoencoder: Autoencoder;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hdm-starter-vae-'));
  const vae = join(folder, 'vae');
  copyStarterVae(vae);
  autoencoder = await openAutoencoder(onnxRuntime('cpu'), openOtherParts(vae, { vae }).vae!, 'f32');
});
afterAll(async () => {
  await autoencoder.dispose();
  rmSync(folder, { recursive: true });
});

it.each(['one', 'small', 'two'] as const)('%s: at least seven of eight', async (category) => {
  const wrong: string[] = [];
  for (const { text, scene, said } of evaluationPrompts(category, 8, 7)) {
    const back = await autoencoder.decode(await autoencoder.encode(pictureOf(scene)));
    if (!judge(back, scene, said).all) wrong.push(text);
  }
  expect(wrong.length, wrong.join('; ')).toBeLessThanOrEqual(1);
});

function pictureOf(scene: Scene): Pixels {
  const { width, height } = sceneSize(scene, SHORT_SIDE);
  return drawScene(scene, wholeView({ width: nearestSide(width), height: nearestSide(height) }));
}
