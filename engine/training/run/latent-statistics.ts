/** @file Mean and spread of each latent channel, which the denoiser's units rest on; stored with the autoencoder. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openOtherParts } from '../../checkpoints/checkpoint.ts';
import type { FloatDType } from '../../graph/dtype.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type { Loader } from '../data/loader.ts';
import { openLatentEncoder } from '../encode.ts';

/** Pictures that are measured. */
const PICTURES = 64;

/**
 * Measures the autoencoder of a checkpoint on training pictures and writes what was found into its config. Returns the
 * share of each channel's variance that is the noise of the posterior: near 1 where the channel says nothing.
 */
export async function storeLatentStatistics(
  runtime: Runtime,
  precision: FloatDType,
  checkpoint: string,
  loader: Loader,
): Promise<number[]> {
  const part = openOtherParts(checkpoint).vae!;
  const channels = part.config.latent_channels;
  const zeros = (): Float64Array => new Float64Array(channels);
  const sums = { mean: zeros(), square: zeros(), noise: zeros() };
  const encoder = await openLatentEncoder(runtime, part, precision);
  let count = 0;
  for (let step = 0; step < Math.ceil(PICTURES / loader.batchSize); step++) {
    const batch = await loader.batch(step);
    const { mean, logvar } = await encoder.moments(batch);
    const [, , height, width] = encoder.shapeOf(batch) as [number, number, number, number];
    mean.forEach((value, i) => {
      const channel = Math.floor(i / (height * width)) % channels;
      sums.mean[channel]! += value;
      const noise = Math.exp(logvar[i]!);
      sums.square[channel]! += value * value + noise;
      sums.noise[channel]! += noise;
    });
    count += mean.length / channels;
  }
  await encoder.dispose();
  const latents_mean = Array.from(sums.mean, (sum) => Math.fround(sum / count));
  const latents_std = Array.from(sums.square, (sum, channel) =>
    Math.fround(Math.sqrt(Math.max(1e-12, sum / count - latents_mean[channel]! ** 2))),
  );
  const file = join(checkpoint, 'vae', 'config.json');
  const config: unknown = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...(config as object), latents_mean, latents_std }, null, 2));
  return Array.from(sums.noise, (sum, channel) => sum / count / latents_std[channel]! ** 2);
}
