/**
 * @file The loss of an autoencoder, on one whose latents are known: mean colours of 8 x 8 pixels (mosaic-vae.ts). What
 * it gives back, from its latent as it is and at half the size, follows from the picture by hand.
 */
import { expect, it } from 'vitest';
import { openOtherParts } from '../../engine/checkpoints/checkpoint.ts';
import { f32, toFloat32 } from '../../engine/graph/dtype.ts';
import { compilePart } from '../../engine/pipeline/compile.ts';
import { onnxRuntime } from '../../engine/runtime/onnx/runtime.ts';
import { uniforms } from '../../engine/sampling/noise.ts';
import { writeMosaicVae } from '../../engine/training/mosaic-vae.ts';
import { autoencoderLoss } from '../../engine/training/objective.ts';
import { testFolder } from '../helpers/folder.ts';

const [WIDTH, HEIGHT] = [48, 32];

it('adds what half a latent is off half a picture, by its weight', async () => {
  const image = uniforms(1, 0, 3 * HEIGHT * WIDTH).map((value) => 1.6 * value - 0.8);
  const whole = distance(image, mosaic(image, 8));
  const half = distance(blocks(image, 2), mosaic(blocks(image, 2), 8, 2));
  expect(half).toBeGreaterThan(0.05);

  expect(await lossOf(image, 0)).toBeCloseTo(whole, 3);
  expect(await lossOf(image, 0.5)).toBeCloseTo(whole + half / 2, 3);
});

async function lossOf(image: Float32Array, equivariance: number): Promise<number> {
  const folder = testFolder();
  writeMosaicVae(folder);
  const part = openOtherParts(folder, { vae: folder }).vae!;
  const runtime = onnxRuntime('cpu');
  const program = await compilePart(runtime, part, 'f32', (graph, weights) => {
    const { loss } = autoencoderLoss(graph, part.config, weights, { divergence: 0, equivariance });
    graph.output('loss', loss);
  });
  const latent = [1, 4, HEIGHT / 8, WIDTH / 8];
  const { loss } = await program.run({
    image: f32([1, 3, HEIGHT, WIDTH], image),
    posterior: f32(latent, new Float32Array((4 * HEIGHT * WIDTH) / 64)),
  });
  await program.dispose();
  return toFloat32(loss!)[0]!;
}

/**
 * Means of blocks of `side` x `side` in planes that are `shrunk` times smaller than the picture. The rows of one plane
 * follow those of the other, as its height is a multiple of the side.
 */
function blocks(planes: Float32Array, side: number, shrunk = 1): Float32Array {
  const width = WIDTH / shrunk;
  const means = new Float32Array(planes.length / side ** 2);
  planes.forEach((value, at) => {
    const [x, row] = [at % width, Math.floor(at / width)];
    means[Math.floor(row / side) * (width / side) + Math.floor(x / side)]! += value / side ** 2;
  });
  return means;
}

/** Each pixel as the mean of its block. */
function mosaic(planes: Float32Array, side: number, shrunk = 1): Float32Array {
  const width = WIDTH / shrunk;
  const means = blocks(planes, side, shrunk);
  return planes.map((_, at) => {
    const [x, row] = [at % width, Math.floor(at / width)];
    return means[Math.floor(row / side) * (width / side) + Math.floor(x / side)]!;
  });
}

function distance(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, at) => sum + Math.abs(value - b[at]!), 0) / a.length;
}
