/**
 * @file First weights of a model from nothing, the same for the same seed. Matrices begin as PyTorch's Linear does,
 * uniform within ±1 / sqrt(fan-in). What ends a network or steers a block begins at zero, so that the first velocity is
 * zero and every block leaves its input as its norm made it.
 */
import { f32, type TensorData } from '../graph/dtype.ts';
import { count } from '../graph/shape.ts';
import { normals, uniforms } from '../sampling/noise.ts';
import { fanIn } from './optimizer.ts';
import type { Shapes } from './variables.ts';

type Rule = readonly [name: RegExp, fill: Fill];
/** The numbers of one tensor; `random` is its own row of random numbers. */
type Fill = (
  shape: readonly number[],
  random: { readonly seed: number; readonly stream: number },
) => Float32Array;

/** Spread of the embeddings and matrices of language models (Radford et al. 2019). */
const TEXT_SPREAD = 0.02;

const zero: Fill = (shape) => new Float32Array(count(shape));
const one: Fill = (shape) => new Float32Array(count(shape)).fill(1);
const uniform: Fill = (shape, { seed, stream }) => {
  const bound = fanIn(shape) ** -0.5;
  return uniforms(seed, stream, count(shape)).map((value) => (2 * value - 1) * bound);
};
const normal: Fill = (shape, { seed, stream }) =>
  normals(seed, stream, count(shape)).map((value) => value * TEXT_SPREAD);

/** Rotary frequencies [heads, k, 2]: ln-spaced from ln(pi) to ln(5 pi) over heads and k (released model §3). */
const rotary: Fill = (shape) => {
  const rows = count(shape) / 2;
  const [first, last] = [Math.log(Math.PI), Math.log(5 * Math.PI)];
  return Float32Array.from({ length: rows * 2 }, (_, i) => {
    const share = rows === 1 ? 0 : Math.floor(i / 2) / (rows - 1);
    return first + (last - first) * share;
  });
};

/**
 * Log-variance of a new autoencoder: that of the normal numbers which its latents are drawn towards. Begun with little
 * noise (-6), the starter's lost one of four channels each time, and decoded noisy latents worse.
 */
const FIRST_LOGVAR = 0;

/** What gives means and log-variances: the rows of the second half say the same for every picture. */
const posterior: Fill = (shape, random) => {
  const [values, half] = [uniform(shape, random), count(shape) / 2];
  return values.fill(shape.length > 1 ? 0 : FIRST_LOGVAR, half);
};

const NETWORK_RULES: readonly Rule[] = [
  [/\brope\.freqs$/, rotary],
  [/^quant_conv\./, posterior],
  [/\bshared_adaln_\w+\.3\.|\badaln\.|\bout_patch\.proj\./, zero],
  [/\bshared_adaln_\w+\.0\.weight$|norm\w*\.(in_)?weight$|_norm\.weight$/, one],
  [/norm\w*\.bias$|\bshared_adaln_\w+\.0\.bias$/, zero],
];

const TEXT_RULES: readonly Rule[] = [
  [/norm\.weight$/, one],
  [/\.bias$/, zero],
  [/weight$/, normal],
];

/** First weights of a transformer or an autoencoder with these shapes. */
export function initialNetwork(shapes: Shapes, seed: number): Map<string, TensorData> {
  return fill(shapes, seed, NETWORK_RULES);
}

/** First weights of a text encoder. */
export function initialTextEncoder(shapes: Shapes, seed: number): Map<string, TensorData> {
  return fill(shapes, seed, TEXT_RULES);
}

function fill(shapes: Shapes, seed: number, rules: readonly Rule[]): Map<string, TensorData> {
  return new Map(
    [...shapes].map(([name, shape], stream) => {
      const rule = rules.find(([pattern]) => pattern.test(name));
      return [name, f32(shape, (rule?.[1] ?? uniform)(shape, { seed, stream }))];
    }),
  );
}
