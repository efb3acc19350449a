/** @file What is learned: the loss of a batch, as graph. */
import { divideDims, multiplyDims, size, type Dim } from '../graph/dim.ts';
import type { FloatDType } from '../graph/dtype.ts';
import type { Graph, Tensor } from '../graph/graph.ts';
import type { TextEncoderConfig } from '../checkpoints/checkpoint.ts';
import { decoder, encoder, imageInput, type AutoencoderConfig } from '../models/autoencoder-kl.ts';
import { textInputs } from '../models/causal-lm.ts';
import { xut } from '../models/xut.ts';
import type { XutConfig } from '../models/xut-config.ts';
import { add, exp, like, max, mul, neg, sub } from '../ops/elementwise.ts';
import { reshape } from '../ops/movement.ts';
import { mean } from '../ops/reduce.ts';
import { hiddenStates } from '../pipeline/text-encoder.ts';
import type { Weights } from '../weights/weights.ts';

export interface Losses {
  /** Mean over the batch, a single number. */
  readonly loss: Tensor;
  /** Of each sample [B]. */
  readonly losses: Tensor;
}

export interface DenoisingParts {
  readonly config: XutConfig;
  readonly weights: Weights;
  /** A text encoder that is trained along; without one, the context comes from the variable `context`. */
  readonly textEncoder?: { readonly config: TextEncoderConfig; readonly weights: Weights };
  /** Whether tokens are routed around the middle (TREAD); `kept` is then an input. */
  readonly isRouted: boolean;
  readonly precision: FloatDType;
}

/** The variable that a frozen text encoder writes and training reads: [B, L, ctx_dim]. */
export const CONTEXT = 'context';

/**
 * Flow matching (report §2.1, reference of the released model §6): x_t = t · noise + (1 - t) · latent, the model
 * tells noise - latent from it, and the loss is the mean of the squared error.
 * Inputs: latent and noise [B, C, 2h, 2w], t [B], positions [B, h·w, 2], addon, kept, and ids and mask [B, L] with a
 * text encoder that is trained along.
 */
export function denoisingLoss(graph: Graph, parts: DenoisingParts): Losses {
  const { config, weights, textEncoder, isRouted, precision } = parts;
  const { patch_size: patch, input_dim, ctx_dim, addon_info_embs_dim } = config;
  const [b, h, w] = [size('b'), size('h'), size('w')];
  const latentShape = [b, input_dim, multiplyDims(h, patch), multiplyDims(w, patch)];
  const latent = graph.input('latent', 'f32', latentShape);
  const noise = graph.input('noise', 'f32', latentShape);
  const t = graph.input('t', 'f32', [b]);

  const share = reshape(t, [b, 1, 1, 1]);
  const x = add(mul(share, noise), mul(sub(like(t, 1), share), latent));
  const context = textEncoder
    ? hiddenStates(textEncoder.config, textEncoder.weights, textInputs(graph), precision)
    : ctx_dim && graph.variable(CONTEXT, 'f32', [b, size('l'), ctx_dim]);
  const velocity = xut(config, weights, {
    x,
    t,
    positions: graph.input('positions', 'f32', [b, multiplyDims(h, w), 2]),
    ...(context && { context }),
    ...(addon_info_embs_dim && { addon: graph.input('addon', 'f32', [b, addon_info_embs_dim]) }),
    ...(isRouted && { kept: graph.input('kept', 'i64', [b, size('k')]) }),
  });
  const error = sub(velocity, sub(noise, latent));
  return ofSamples(mean(mul(error, error), [1, 2, 3]), b);
}

/** What an autoencoder's loss is made of, besides the distance of the decoded picture. */
export interface AutoencoderLossWeights {
  readonly divergence: number;
  readonly equivariance: number;
}

/**
 * Of an autoencoder: the mean absolute error of the decoded picture, plus `divergence` times the divergence of its
 * latent from standard normal numbers (Kingma & Welling 2014), plus `equivariance` times the error of the picture at
 * half its size, decoded from the latent at half its size (Skorokhodov et al. 2025; Kouzelis et al. 2025).
 * Inputs: image [B, 3, H, W] in -1..1, posterior [B, C, H/8, W/8] standard normal.
 */
export function autoencoderLoss(
  graph: Graph,
  config: AutoencoderConfig,
  weights: Weights,
  { divergence, equivariance }: AutoencoderLossWeights,
): Losses {
  const image = imageInput(graph, config, equivariance > 0 ? 2 : 1);
  const [latentMean, logvar] = encoder(config, weights, image);
  const posterior = graph.input('posterior', 'f32', latentMean.shape);
  const latent = drawLatent(latentMean, logvar, posterior);
  const distance = distanceOf(decoder(config, weights, latent), image);
  const spread = sub(add(exp(logvar), mul(latentMean, latentMean)), add(logvar, like(logvar, 1)));
  const terms = [distance, mul(mean(spread, [1, 2, 3]), like(distance, divergence / 2))];
  if (equivariance > 0) {
    const small = distanceOf(decoder(config, weights, halve(latent)), halve(image));
    terms.push(mul(small, like(small, equivariance)));
  }
  return ofSamples(terms.reduce(add), image.shape[0]!);
}

/** Mean absolute error of each sample. */
function distanceOf(decoded: Tensor, image: Tensor): Tensor {
  const error = sub(decoded, image);
  return mean(max(error, neg(error)), [1, 2, 3]);
}

/** [B, C, H, W] at half its size: the mean of each 2 x 2. */
function halve(x: Tensor): Tensor {
  const [b, c, ...sides] = x.shape as [Dim, Dim, Dim, Dim];
  const [height, width] = sides.map((side) => divideDims(side, 2)) as [Dim, Dim];
  return reshape(mean(reshape(x, [b, c, height, 2, width, 2]), [3, 5]), [b, c, height, width]);
}

/** mean + standard deviation · noise: a draw from what the encoder says (the posterior). */
export function drawLatent(latentMean: Tensor, logvar: Tensor, posterior: Tensor): Tensor {
  return add(latentMean, mul(exp(mul(logvar, like(logvar, 0.5))), posterior));
}

function ofSamples(perSample: Tensor, batch: Dim): Losses {
  const losses = reshape(perSample, [batch]);
  return { losses, loss: mean(losses, [0]) };
}
