/** @file Gemma3 as a text encoder (Gemma team 2025): the last hidden state after the final norm (report §4.1). */
import { z } from 'zod';
import type { FloatDType } from '../graph/dtype.ts';
import type { Tensor } from '../graph/graph.ts';
import { geluTanh } from '../ops/activation.ts';
import { add, cast, like, mul } from '../ops/elementwise.ts';
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

/** config.json of a Gemma3 text model; the keys are those of transformers. */
export const gemma3Config = causalConfig
  .extend({
    model_type: z.literal('gemma3_text'),
    query_pre_attn_scalar: z.number().positive().default(256),
    /** Every n-th layer looks at everything, the others through the window; used without layer_types. */
    sliding_window_pattern: z.int().positive().default(6),
    rope_theta: z.number().positive().default(1e6),
    rope_local_base_freq: z.number().positive().default(1e4),
    rope_scaling: z.object({ factor: z.number().positive() }).nullable().default(null),
    rope_parameters: z
      .object({ full_attention: ropeParameters, sliding_attention: ropeParameters })
      .optional(),
  })
  .refine(headsFit, HEADS_RULE)
  .refine(layersFit, LAYERS_RULE);

export type Gemma3Config = z.infer<typeof gemma3Config>;

/** Hidden states [B, T, hidden_size] in float32 for token ids [B, T]. */
export function gemma3(
  config: Gemma3Config,
  weights: Weights,
  { ids, mask }: TextInputs,
  precision: FloatDType = 'f32',
): Tensor {
  const { hidden_size: hidden, head_dim: width } = config;
  const { graph } = ids;
  // Weights are kept as their difference from one.
  const norm = (x: Tensor, at: Weights, size: number): Tensor => {
    const weight = at.get('weight', [size]);
    return rmsNorm(x, add(weight, like(weight, 1)), config.rms_norm_eps);
  };
  const tables = (rope: { theta: number; factor: number }) =>
    rotaryTables(graph, ids.shape[1]!, width, rope, precision);
  const kinds = {
    full_attention: {
      rotary: tables(ropeOf(config, 'full_attention')),
      bias: causalBias(mask, precision, null),
    },
    sliding_attention: {
      rotary: tables(ropeOf(config, 'sliding_attention')),
      bias: causalBias(mask, precision, config.sliding_window),
    },
  };

  const embedding = gather(weights.raw('embed_tokens.weight', [config.vocab_size, hidden]), ids);
  let x = cast(embedding, precision); // [B, T, D]
  x = mul(x, like(x, Math.sqrt(hidden)));
  for (let index = 0; index < config.num_hidden_layers; index++) {
    const layer = weights.at('layers').at(index);
    const scale = config.query_pre_attn_scalar ** -0.5;
    const settings = { config, ...kinds[kindOf(config, index)], scale, norm };
    x = residual(x, (h) => {
      const normal = norm(h, layer.at('input_layernorm'), hidden);
      const mixed = groupedAttention(layer.at('self_attn'), normal, settings);
      return norm(mixed, layer.at('post_attention_layernorm'), hidden);
    });
    x = residual(x, (h) => {
      const normal = norm(h, layer.at('pre_feedforward_layernorm'), hidden);
      const mixed = gatedMlp(layer.at('mlp'), normal, config, geluTanh);
      return norm(mixed, layer.at('post_feedforward_layernorm'), hidden);
    });
  }
  return cast(norm(x, weights.at('norm'), hidden), 'f32');
}

type LayerKind = 'full_attention' | 'sliding_attention';

function kindOf({ layer_types, sliding_window_pattern }: Gemma3Config, layer: number): LayerKind {
  if (layer_types) return layer_types[layer]!;
  return (layer + 1) % sliding_window_pattern === 0 ? 'full_attention' : 'sliding_attention';
}

function ropeOf(config: Gemma3Config, kind: LayerKind): { theta: number; factor: number } {
  const named = config.rope_parameters?.[kind];
  if (named) return { theta: named.rope_theta, factor: named.factor };
  if (kind === 'sliding_attention') return { theta: config.rope_local_base_freq, factor: 1 };
  return { theta: config.rope_theta, factor: config.rope_scaling?.factor ?? 1 };
}
