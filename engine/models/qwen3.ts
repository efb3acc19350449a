/** @file Qwen3 as a text encoder (Yang et al. 2025): the last hidden state after the final norm (report §3.2). */
import { z } from 'zod';
import type { FloatDType } from '../graph/dtype.ts';
import type { Tensor } from '../graph/graph.ts';
import { silu } from '../ops/activation.ts';
import { cast } from '../ops/elementwise.ts';
import { gather } from '../ops/indexing.ts';
import { rmsNorm } from '../ops/normalization.ts';
import type { Weights } from '../weights/weights.ts';
import {
  causalBias,
  causalConfig,
  gatedMlp,
  groupedAttention,
  HEADS_RULE,
  headsFit,
  LAYERS_RULE,
  layersFit,
  residual,
  ropeParameters,
  rotaryTables,
  type TextInputs,
} from './causal-lm.ts';

/** config.json of a Qwen3 model; the keys are those of transformers. */
export const qwen3Config = causalConfig
  .extend({
    model_type: z.literal('qwen3'),
    rope_theta: z.number().positive().default(1e6),
    rope_parameters: ropeParameters.optional(),
    use_sliding_window: z.boolean().default(false),
    max_window_layers: z.int().nonnegative().default(0),
  })
  .refine(headsFit, HEADS_RULE)
  .refine(layersFit, LAYERS_RULE);

export type Qwen3Config = z.infer<typeof qwen3Config>;

/** Qwen3-0.6B, the text encoder of XUT-base. */
export const QWEN3_600M: Qwen3Config = qwen3Config.parse({
  model_type: 'qwen3',
  vocab_size: 151936,
  hidden_size: 1024,
  intermediate_size: 3072,
  num_hidden_layers: 28,
  num_attention_heads: 16,
  num_key_value_heads: 8,
  head_dim: 128,
  rope_theta: 1e6,
});

/** Hidden states [B, T, hidden_size] in float32 for token ids [B, T]. */
export function qwen3(
  config: Qwen3Config,
  weights: Weights,
  { ids, mask }: TextInputs,
  precision: FloatDType = 'f32',
): Tensor {
  const { hidden_size: hidden, head_dim: width } = config;
  const norm = (x: Tensor, at: Weights, size: number): Tensor =>
    rmsNorm(x, at.get('weight', [size]), config.rms_norm_eps);
  const rope = config.rope_parameters ?? { rope_theta: config.rope_theta, factor: 1 };
  const rotary = rotaryTables(
    ids.graph,
    ids.shape[1]!,
    width,
    { theta: rope.rope_theta, factor: rope.factor },
    precision,
  );

  let x = cast(gather(weights.raw('embed_tokens.weight', [config.vocab_size, hidden]), ids), precision); // [B, T, D]
  for (let index = 0; index < config.num_hidden_layers; index++) {
    const layer = weights.at('layers').at(index);
    const bias = causalBias(mask, precision, windowOf(config, index));
    const settings = { config, rotary, bias, scale: width ** -0.5, norm };
    x = residual(x, (h) =>
      groupedAttention(layer.at('self_attn'), norm(h, layer.at('input_layernorm'), hidden), settings),
    );
    x = residual(x, (h) =>
      gatedMlp(layer.at('mlp'), norm(h, layer.at('post_attention_layernorm'), hidden), config, silu),
    );
  }
  return cast(norm(x, weights.at('norm'), hidden), 'f32');
}

function windowOf({ layer_types, ...config }: Qwen3Config, layer: number): number | null {
  if (!config.use_sliding_window) return null;
  const isSliding = layer_types
    ? layer_types[layer] === 'sliding_attention'
    : layer >= config.max_window_layers;
  return isSliding ? config.sliding_window : null;
}
