/** @file What the causal language models that serve as text encoders share: config fields, masks, rotary angles. */
import { z } from 'zod';
import { size, type Dim } from '../graph/dim.ts';
import { f32, type FloatDType } from '../graph/dtype.ts';
import type { Graph, Tensor } from '../graph/graph.ts';
import { attention, repeatHeads, rotate } from '../ops/attention.ts';
import { add, cast, cos, less, like, mul, sin, sub, where } from '../ops/elementwise.ts';
import { linear } from '../ops/matmul.ts';
import { range, reshape } from '../ops/movement.ts';
import type { Weights } from '../weights/weights.ts';

const count = z.int().positive();

/** Rotary settings of one kind of layer in newer config files. */
export const ropeParameters = z.object({
  rope_theta: z.number().positive(),
  rope_type: z.string().default('default'),
  factor: z.number().positive().default(1),
});

/** The config.json fields that every such model has. */
export const causalConfig = z.object({
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count,
  head_dim: count,
  rms_norm_eps: z.number().positive().default(1e-6),
  attention_bias: z.boolean().default(false),
  sliding_window: count.nullable().default(null),
  layer_types: z.array(z.enum(['full_attention', 'sliding_attention'])).optional(),
});

export type CausalConfig = z.infer<typeof causalConfig>;

/** For `refine`: query heads share key heads evenly, and rotary positions turn pairs of numbers. */
export function headsFit({ num_attention_heads, num_key_value_heads, head_dim }: CausalConfig): boolean {
  return num_attention_heads % num_key_value_heads === 0 && head_dim % 2 === 0;
}

export const HEADS_RULE = {
  path: ['num_key_value_heads'],
  error: 'expected a divisor of num_attention_heads, and an even head_dim',
};

/** For `refine`. */
export function layersFit({ layer_types, num_hidden_layers }: CausalConfig): boolean {
  return layer_types === undefined || layer_types.length === num_hidden_layers;
}

export const LAYERS_RULE = { path: ['layer_types'], error: 'expected one kind for each hidden layer' };

export interface TextInputs {
  /** Token ids [B, T]. */
  readonly ids: Tensor;
  /** 1 where a token is real, 0 where it is padding [B, T]. */
  readonly mask: Tensor;
}

/** The graph inputs of a text encoder; batch b and length t are free. */
export function textInputs(graph: Graph): TextInputs {
  const shape = [size('b'), size('t')];
  return { ids: graph.input('ids', 'i64', shape), mask: graph.input('mask', 'i64', shape) };
}

/**
 * What is added to attention scores [B, 1, T, T]: 0 where a token may look, a very negative number where it may
 * not: ahead, at padding, or further back than `window` tokens.
 */
export function causalBias(mask: Tensor, precision: FloatDType, window: number | null): Tensor {
  const { graph } = mask;
  const [batch, tokens] = mask.shape as [Dim, Dim];
  const places = range(graph, tokens, 'i64');
  const [query, key] = [reshape(places, [tokens, 1]), reshape(places, [1, tokens])];
  const isReal = less(like(mask, 0), reshape(mask, [batch, 1, 1, tokens]));
  const [open, closed] = [graph.scalar(0), graph.scalar(precision === 'f16' ? -3e4 : -1e30)];
  let bias = where(less(query, key), closed, where(isReal, open, closed));
  if (window !== null) bias = where(less(sub(query, key), like(query, window)), bias, closed);
  return cast(bias, precision);
}

export interface Rotary {
  readonly cosine: Tensor;
  readonly sine: Tensor;
}

/** Angles of rotary positions [1, T, 1, width / 2] (Su et al. 2021); `factor` slows them down (linear scaling). */
export function rotaryTables(
  graph: Graph,
  tokens: Dim,
  width: number,
  { theta, factor = 1 }: { theta: number; factor?: number },
  precision: FloatDType,
): Rotary {
  const half = width / 2;
  const frequencies = Float32Array.from({ length: half }, (_, k) => 1 / (factor * theta ** (k / half)));
  const places = reshape(range(graph, tokens, 'f32'), [1, tokens, 1, 1]);
  const angles = mul(places, graph.constant(f32([half], frequencies)));
  return { cosine: cast(cos(angles), precision), sine: cast(sin(angles), precision) };
}

export interface AttentionSettings {
  readonly config: CausalConfig;
  readonly rotary: Rotary;
  readonly bias: Tensor;
  readonly scale: number;
  /** The model's own norm, put on each head of queries and keys. */
  readonly norm: (x: Tensor, weights: Weights, width: number) => Tensor;
}

/** Grouped-query attention with normed queries and keys: `self_attn` of Qwen3 and Gemma3. */
export function groupedAttention(weights: Weights, x: Tensor, settings: AttentionSettings): Tensor {
  const { config, rotary, bias, scale, norm } = settings;
  const {
    hidden_size: hidden,
    num_attention_heads: heads,
    num_key_value_heads: groups,
    head_dim: width,
  } = config;
  const [batch, tokens] = x.shape as [Dim, Dim];
  const project = (name: string, outputs: number, inputs: number, source: Tensor): Tensor => {
    const at = weights.at(name);
    const weight = at.get('weight', [outputs, inputs]);
    return linear(source, weight, config.attention_bias ? at.get('bias', [outputs]) : undefined);
  };
  const intoHeads = (name: string, number: number): Tensor =>
    reshape(project(name, number * width, hidden, x), [batch, tokens, number, width]);

  const turn = (q: Tensor): Tensor => rotate(q, rotary.cosine, rotary.sine, 'halves');
  const q = turn(norm(intoHeads('q_proj', heads), weights.at('q_norm'), width));
  const k = turn(norm(intoHeads('k_proj', groups), weights.at('k_norm'), width));
  const v = intoHeads('v_proj', groups);
  const times = heads / groups;
  const mixed = attention(q, repeatHeads(k, times), repeatHeads(v, times), scale, bias);
  return project('o_proj', hidden, heads * width, reshape(mixed, [batch, tokens, heads * width]));
}

/** down(activation(gate(x)) · up(x)): `mlp` of Qwen3 and Gemma3. */
export function gatedMlp(
  weights: Weights,
  x: Tensor,
  { hidden_size: hidden, intermediate_size: inner }: CausalConfig,
  activation: (x: Tensor) => Tensor,
): Tensor {
  const gate = activation(linear(x, weights.get('gate_proj.weight', [inner, hidden])));
  const up = linear(x, weights.get('up_proj.weight', [inner, hidden]));
  return linear(mul(gate, up), weights.get('down_proj.weight', [hidden, inner]));
}

/** x plus what `inner` makes of it. */
export function residual(x: Tensor, inner: (x: Tensor) => Tensor): Tensor {
  return add(x, inner(x));
}
