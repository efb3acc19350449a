/**
 * @file An autoencoder that is made, not trained: the latent of 8 x 8 pixels is their mean colour, and a picture comes
 * back as a mosaic. With it a model that learns colours and places can be made in minutes on any processor. It has the
 * shape of every other one, so nothing else knows of it.
 *
 * Colours pass through the group norms unchanged because channels of ±64 and the negatives of the colours make mean
 * and variance the same for all pictures, and through SiLU because they are lifted to where it is a straight line.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toHdmError } from '../errors.ts';
import { f32, type TensorData } from '../graph/dtype.ts';
import { count } from '../graph/shape.ts';
import { autoencoderConfig } from '../models/autoencoder-kl.ts';
import { writeSafetensors } from '../weights/write-safetensors.ts';
import { autoencoderShapes } from './parts.ts';

const COLORS = 3;
/** Channels: colours, +ANCHOR, -ANCHOR, the colours' negatives. */
const WIDTH = 8;
const ANCHOR = 64;
/** Standard deviation of the channels, which the norm divides by. */
const NORM_SPREAD = ANCHOR / 2;
const LIFT = 20;
/** Log-variance of a latent that is certain. */
const CERTAIN = -30;
/** About that of colours in -1..1. */
const COLOR_SPREAD = 0.6;

export const MOSAIC_CONFIG = autoencoderConfig.parse({
  block_out_channels: [WIDTH, WIDTH, WIDTH, WIDTH],
  layers_per_block: 1,
  norm_num_groups: 1,
  use_quant_conv: false,
  use_post_quant_conv: false,
  mid_block_add_attention: false,
  sample_size: 64,
  latents_mean: [0, 0, 0, 0],
  latents_std: [COLOR_SPREAD, COLOR_SPREAD, COLOR_SPREAD, COLOR_SPREAD],
});

/** Writes it as a folder with config.json. */
export function writeMosaicVae(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'config.json'), JSON.stringify(MOSAIC_CONFIG, null, 2));
    writeSafetensors(join(folder, 'diffusion_pytorch_model.safetensors'), mosaicWeights());
  } catch (error) {
    throw toHdmError(error, folder, 'disk');
  }
}

function mosaicWeights(): Map<string, TensorData> {
  const shapes = autoencoderShapes(MOSAIC_CONFIG);
  return new Map([...shapes].map(([name, shape]) => [name, f32(shape, numbersOf(name, shape))]));
}

/** All zero but for what carries the colours; so a residual block is its input. */
function numbersOf(name: string, shape: readonly number[]): Float32Array {
  const numbers = new Float32Array(count(shape));
  if (name.endsWith('conv_norm_out.weight')) return numbers.fill(NORM_SPREAD);
  if (name.endsWith('conv_norm_out.bias')) return numbers.fill(LIFT);
  if (name.endsWith('conv_in.bias')) numbers.set([ANCHOR, -ANCHOR], COLORS);
  if (name === 'encoder.conv_out.bias') return numbers.fill(-LIFT, 0, COLORS).fill(CERTAIN, WIDTH / 2);
  if (name === 'decoder.conv_out.bias') return numbers.fill(-LIFT);
  const put = (to: number, from: number, taps: readonly number[], value: number): void => {
    for (const tap of taps) numbers[(to * shape[1]! + from) * 9 + tap] = value;
  };
  const [middle, square] = [[4], [0, 1, 3, 4]]; // of 3 x 3
  if (name.endsWith('conv_in.weight')) {
    for (let c = 0; c < COLORS; c++) put(c, c, middle, 1);
    for (let c = 0; c < COLORS; c++) put(c + WIDTH - COLORS, c, middle, -1);
  }
  if (name.endsWith('conv_out.weight')) for (let c = 0; c < COLORS; c++) put(c, c, middle, 1);
  if (name.endsWith('upsamplers.0.conv.weight')) for (let c = 0; c < WIDTH; c++) put(c, c, middle, 1);
  if (name.endsWith('downsamplers.0.conv.weight')) for (let c = 0; c < WIDTH; c++) put(c, c, square, 1 / 4);
  return numbers;
}
