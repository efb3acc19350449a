/**
 * @file AutoencoderKL (Rombach et al. 2022): pictures to latents and back, with the weight names of diffusers.
 * The released model uses SDXL's sizes with EQ-VAE weights (report §1, reference of the released model §4).
 */
import { z } from 'zod';
import { multiplyDims, size } from '../graph/dim.ts';
import type { Graph, Tensor } from '../graph/graph.ts';
import { silu } from '../ops/activation.ts';
import { attention } from '../ops/attention.ts';
import { conv2d, upsample } from '../ops/convolution.ts';
import { add, cast } from '../ops/elementwise.ts';
import { linear } from '../ops/matmul.ts';
import { reshape, slice, transpose } from '../ops/movement.ts';
import { groupNorm } from '../ops/normalization.ts';
import type { Weights } from '../weights/weights.ts';

const count = z.int().positive();

/** config.json of the VAE; the keys are those of diffusers. */
export const autoencoderConfig = z
  .object({
    in_channels: count.default(3),
    out_channels: count.default(3),
    latent_channels: count.default(4),
    block_out_channels: z.array(count).min(1),
    layers_per_block: count.default(2),
    norm_num_groups: count.default(32),
    use_quant_conv: z.boolean().default(true),
    use_post_quant_conv: z.boolean().default(true),
    mid_block_add_attention: z.boolean().default(true),
    /** Side of the pictures it was trained with, in pixels. */
    sample_size: count.default(1024),
    scaling_factor: z.number().positive().default(1),
    shift_factor: z.number().nullable().default(null),
    /** Statistics of each latent channel; the denoiser works on (latent - mean) / std. */
    latents_mean: z.array(z.number()).nullable().default(null),
    latents_std: z.array(z.number().positive()).nullable().default(null),
  })
  .refine(
    ({ block_out_channels, norm_num_groups }) =>
      block_out_channels.every((width) => width % norm_num_groups === 0),
    { path: ['norm_num_groups'], error: 'expected a divisor of all block_out_channels' },
  )
  .refine(({ latents_mean, latent_channels }) => !latents_mean || latents_mean.length === latent_channels, {
    path: ['latents_mean'],
    error: 'expected one number for each of the latent_channels',
  })
  .refine(({ latents_std, latent_channels }) => !latents_std || latents_std.length === latent_channels, {
    path: ['latents_std'],
    error: 'expected one number for each of the latent_channels',
  });

export type AutoencoderConfig = z.infer<typeof autoencoderConfig>;

/** SDXL's sizes, which the released model has. */
export const SDXL_AUTOENCODER: AutoencoderConfig = autoencoderConfig.parse({
  block_out_channels: [128, 256, 512, 512],
});

const EPSILON = 1e-6;

/** Pixels per latent number along an axis. */
export function latentScale({ block_out_channels }: AutoencoderConfig): number {
  return 2 ** (block_out_channels.length - 1);
}

/** Mean and log-variance [B, latent, H/8, W/8] in float32 of a picture [B, 3, H, W] in -1..1. */
export function encoder(
  config: AutoencoderConfig,
  weights: Weights,
  image: Tensor,
): [mean: Tensor, logvar: Tensor] {
  const { block_out_channels: widths, latent_channels, layers_per_block } = config;
  const at = weights.at('encoder');
  let x = convolve(at.at('conv_in'), image, config.in_channels, widths[0]!, 3);
  widths.forEach((width, index) => {
    const block = at.at('down_blocks').at(index);
    for (let layer = 0; layer < layers_per_block; layer++) {
      x = resnet(config, block.at('resnets').at(layer), x, width);
    }
    if (index < widths.length - 1) x = shrink(block.at('downsamplers.0.conv'), x, width);
  });
  const deepest = widths.at(-1)!;
  x = middle(config, at.at('mid_block'), x, deepest);
  x = silu(norm(config, at.at('conv_norm_out'), x, deepest));
  x = convolve(at.at('conv_out'), x, deepest, 2 * latent_channels, 3);
  if (config.use_quant_conv) {
    x = convolve(weights.at('quant_conv'), x, 2 * latent_channels, 2 * latent_channels, 1);
  }
  const part = (start: number): Tensor => cast(slice(x, 1, start, latent_channels), 'f32');
  return [part(0), part(latent_channels)];
}

/** Picture [B, 3, 8h, 8w] in about -1..1, float32, of a latent [B, latent, h, w]. */
export function decoder(config: AutoencoderConfig, weights: Weights, latent: Tensor): Tensor {
  const { latent_channels, layers_per_block } = config;
  const widths = config.block_out_channels.toReversed();
  const at = weights.at('decoder');
  let x = latent;
  if (config.use_post_quant_conv) {
    x = convolve(weights.at('post_quant_conv'), x, latent_channels, latent_channels, 1);
  }
  x = convolve(at.at('conv_in'), x, latent_channels, widths[0]!, 3);
  x = middle(config, at.at('mid_block'), x, widths[0]!);
  widths.forEach((width, index) => {
    const block = at.at('up_blocks').at(index);
    for (let layer = 0; layer <= layers_per_block; layer++) {
      x = resnet(config, block.at('resnets').at(layer), x, width);
    }
    if (index < widths.length - 1) x = convolve(block.at('upsamplers.0.conv'), upsample(x), width, width, 3);
  });
  x = silu(norm(config, at.at('conv_norm_out'), x, widths.at(-1)!));
  return cast(convolve(at.at('conv_out'), x, widths.at(-1)!, config.out_channels, 3), 'f32');
}

/** The graph input of the encoder; batch b and latent size h, w, in steps of `step`, are free. */
export function imageInput(graph: Graph, config: AutoencoderConfig, step = 1): Tensor {
  const scale = latentScale(config) * step;
  const [height, width] = [multiplyDims(size('h'), scale), multiplyDims(size('w'), scale)];
  return graph.input('image', 'f32', [size('b'), config.in_channels, height, width]);
}

/** The graph input of the decoder. */
export function latentInput(graph: Graph, config: AutoencoderConfig): Tensor {
  return graph.input('latent', 'f32', [size('b'), config.latent_channels, size('h'), size('w')]);
}

function middle(config: AutoencoderConfig, weights: Weights, x: Tensor, width: number): Tensor {
  let y = resnet(config, weights.at('resnets.0'), x, width);
  if (config.mid_block_add_attention) y = selfAttention(config, weights.at('attentions.0'), y, width);
  return resnet(config, weights.at('resnets.1'), y, width);
}

function resnet(config: AutoencoderConfig, weights: Weights, x: Tensor, width: number): Tensor {
  const inputs = x.shape[1] as number;
  const half = convolve(
    weights.at('conv1'),
    silu(norm(config, weights.at('norm1'), x, inputs)),
    inputs,
    width,
    3,
  );
  const whole = convolve(
    weights.at('conv2'),
    silu(norm(config, weights.at('norm2'), half, width)),
    width,
    width,
    3,
  );
  const straight = inputs === width ? x : convolve(weights.at('conv_shortcut'), x, inputs, width, 1);
  return add(straight, whole);
}

/** One head over all places of the latent. */
function selfAttention(config: AutoencoderConfig, weights: Weights, x: Tensor, width: number): Tensor {
  const [batch, , height, breadth] = x.shape as [Tensor['shape'][number], number, number, number];
  const places = multiplyDims(height, breadth);
  const normal = norm(config, weights.at('group_norm'), x, width);
  const tokens = transpose(reshape(normal, [batch, width, places]), [0, 2, 1]); // [B, T, C]
  const project = (name: string, source: Tensor): Tensor => {
    const at = weights.at(name);
    return linear(source, at.get('weight', [width, width]), at.get('bias', [width]));
  };
  const [q, k, v] = ['to_q', 'to_k', 'to_v'].map((name) =>
    reshape(project(name, tokens), [batch, places, 1, width]),
  ) as [Tensor, Tensor, Tensor];
  const mixed = reshape(attention(q, k, v, width ** -0.5), [batch, places, width]);
  const result = transpose(project('to_out.0', mixed), [0, 2, 1]);
  return add(x, reshape(result, x.shape));
}

function norm({ norm_num_groups }: AutoencoderConfig, weights: Weights, x: Tensor, width: number): Tensor {
  return groupNorm(x, weights.get('weight', [width]), weights.get('bias', [width]), norm_num_groups, EPSILON);
}

function convolve(weights: Weights, x: Tensor, inputs: number, outputs: number, kernel: 1 | 3): Tensor {
  const weight = weights.get('weight', [outputs, inputs, kernel, kernel]);
  const edge = (kernel - 1) / 2;
  const padding = [edge, edge] as const;
  return conv2d(cast(x, weight.dtype), weight, weights.get('bias', [outputs]), { stride: 1, padding });
}

/** Halves height and width; the released weights expect the padding after the last row and column only. */
function shrink(weights: Weights, x: Tensor, width: number): Tensor {
  const weight = weights.get('weight', [width, width, 3, 3]);
  return conv2d(x, weight, weights.get('bias', [width]), { stride: 2, padding: [0, 1] });
}
