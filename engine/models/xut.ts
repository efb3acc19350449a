/** @file XUT, the Cross-U-Transformer of HDM (report §3.1-3.6), in the report's reading and the released one. */
import { HdmError } from '../errors.ts';
import { divideDims, multiplyDims, size, subtractDims, type Dim } from '../graph/dim.ts';
import { f32 } from '../graph/dtype.ts';
import type { Graph, Tensor } from '../graph/graph.ts';
import { mish, silu } from '../ops/activation.ts';
import { attention, rotate } from '../ops/attention.ts';
import { add, cast, cos, exp, like, mul, sin, sub, tanh } from '../ops/elementwise.ts';
import { gather, gatherTokens, replaceTokens } from '../ops/indexing.ts';
import { linear, matmul } from '../ops/matmul.ts';
import {
  broadcastTo,
  concat,
  dimension,
  range,
  reshape,
  slice,
  split,
  transpose,
  zeros,
} from '../ops/movement.ts';
import { layerNorm, rmsNorm } from '../ops/normalization.ts';
import type { Weights } from '../weights/weights.ts';
import type { XutConfig } from './xut-config.ts';

const RMS_EPSILON = 1e-6;
const LAYER_EPSILON = 1e-5;

export interface XutInputs {
  /** Noisy latent [B, C, p·h, p·w]. */
  readonly x: Tensor;
  /** Time [B], 1 = noise. */
  readonly t: Tensor;
  /** (y, x) of each token [B or 1, h·w, 2]. */
  readonly positions: Tensor;
  /** Hidden states of the text encoder [B, L, ctx_dim]. */
  readonly context?: Tensor;
  /** Extra conditions [B, addon_info_embs_dim]. */
  readonly addon?: Tensor;
  /** Second time [B] of double_t models. */
  readonly r?: Tensor;
  readonly classIds?: Tensor;
  /** TREAD: numbers of the image tokens that pass through the middle [B, K], ascending. */
  readonly kept?: Tensor;
}

/** What every block needs besides its tokens. */
interface Surroundings {
  readonly config: XutConfig;
  /** y, the condition [B, 1, D]. */
  readonly condition: Tensor;
  /** Modulation shared by all blocks, by branch; absent with shared_adaln false. */
  readonly shared: Record<Branch, Modulation> | undefined;
  /** (y, x) of every token [B, T, 2]. */
  readonly positions: Tensor;
  /** Text that blocks cross-attend to, with concat_ctx false. */
  readonly text: Tensor | undefined;
}

type Branch = 'attn' | 'xattn' | 'mlp';
type Modulation = readonly [scale: Tensor, shift: Tensor, gate: Tensor];

/** Velocity [B, C, p·h, p·w] in float32 for the inputs, as flow matching defines it: noise - data. */
export function xut(config: XutConfig, weights: Weights, inputs: XutInputs): Tensor {
  const { x } = inputs;
  const [batch, , height, width] = tokenGrid(config, x);
  const imageTokens = multiplyDims(height, width);
  const image = patchify(config, weights, x); // [B, T, D]
  const condition = conditionOf(config, weights, inputs); // [B, 1, D]
  const text = textFor(config, inputs, image);

  const isJoined = text !== undefined && config.concat_ctx;
  const tokens = isJoined ? concat([image, projectText(config, weights, text)], 1) : image; // [B, T + L, D]
  const place = broadcastTo(inputs.positions, [batch, imageTokens, 2]);
  const positions = isJoined
    ? concat([place, zeros(place, [batch, text.shape[1]!, 2])], 1) // text is not turned (NoPE)
    : place;
  const around: Surroundings = {
    config,
    condition,
    shared: config.shared_adaln ? sharedModulation(config, weights, condition) : undefined,
    positions,
    text: isJoined ? undefined : text,
  };

  const before = treadBlocks(
    config.tread_config?.prev_trns_depth,
    'prev_tread_trns',
    weights,
    tokens,
    around,
  );
  const middle = routed(before, around, inputs.kept, imageTokens, (routedTokens, routedPositions) =>
    backbone(weights.at('backbone'), routedTokens, { ...around, positions: routedPositions }),
  );
  const after = treadBlocks(config.tread_config?.post_trns_depth, 'post_tread_trns', weights, middle, around);
  return cast(unpatchify(config, weights, slice(after, 1, 0, imageTokens), x), 'f32');
}

// --- into tokens and back ---------------------------------------------------------------------------------

function tokenGrid(config: XutConfig, x: Tensor): [batch: Dim, channels: number, height: Dim, width: Dim] {
  const [batch, channels, height, width] = x.shape as [Dim, number, Dim, Dim];
  return [batch, channels, divideDims(height, config.patch_size), divideDims(width, config.patch_size)];
}

function patchify(config: XutConfig, weights: Weights, x: Tensor): Tensor {
  const { patch_size: patch, dim } = config;
  const [batch, channels, height, width] = tokenGrid(config, x);
  const project = weights.at('in_patch.proj');
  const weight = reshape(project.get('weight', [dim, channels, patch, patch]), [
    dim,
    channels * patch * patch,
  ]);
  const pieces = reshape(cast(x, weight.dtype), [batch, channels, height, patch, width, patch]);
  const flat = reshape(transpose(pieces, [0, 2, 4, 1, 3, 5]), [
    batch,
    multiplyDims(height, width),
    channels * patch * patch,
  ]);
  return linear(flat, weight, project.get('bias', [dim]));
}

function unpatchify(config: XutConfig, weights: Weights, tokens: Tensor, x: Tensor): Tensor {
  const { patch_size: patch, dim } = config;
  const [batch, channels, height, width] = tokenGrid(config, x);
  const flat = dense(weights.at('out_patch.proj'), tokens, dim, patch * patch * channels);
  const pieces = reshape(flat, [batch, height, width, patch, patch, channels]);
  return reshape(transpose(pieces, [0, 5, 1, 3, 2, 4]), x.shape);
}

/** Without a prompt, a model that knows text sees `ctx_size` zero tokens. */
function textFor(
  { ctx_dim, ctx_size }: XutConfig,
  { context, x }: XutInputs,
  image: Tensor,
): Tensor | undefined {
  if (context) return cast(context, image.dtype);
  return ctx_dim === null ? undefined : zeros(image, [x.shape[0]!, ctx_size, ctx_dim]);
}

function projectText(config: XutConfig, weights: Weights, text: Tensor): Tensor {
  if (config.ctx_dim === null) {
    throw new HdmError('bad-model', 'xut', 'this model takes no text (ctx_dim is null), yet some was given');
  }
  return dense(weights.at('ctx_proj'), text, config.ctx_dim, config.dim);
}

// --- condition --------------------------------------------------------------------------------------------

/** y: time, second time, class and extra conditions in one vector [B, 1, D]. */
function conditionOf(config: XutConfig, weights: Weights, inputs: XutInputs): Tensor {
  const { dim } = config;
  let y = embedTime(dim, weights.at('time_emb.proj.0'), inputs.t);
  if (config.double_t && inputs.r) {
    y = add(y, embedTime(dim, weights.at('r_emb.proj.0'), sub(inputs.t, inputs.r)));
  }
  if (config.class_cond && inputs.classIds) {
    const rows = gather(weights.get('class_token.weight', [config.class_cond, dim]), inputs.classIds);
    y = add(y, reshape(rows, [rows.shape[0]!, 1, dim]));
  }
  if (config.addon_info_embs_dim && inputs.addon) {
    const width = config.addon_info_embs_dim;
    const project = weights.at('addon_info_embs_proj');
    const addon = reshape(cast(inputs.addon, y.dtype), [inputs.addon.shape[0]!, 1, width]);
    y = add(y, dense(project.at(2), mish(dense(project.at(0), addon, width, dim)), dim, dim));
  }
  return y;
}

/** Mish(Linear([cos, sin] of 1000 t f)), f from 1 down to 1/10000. The angles need float32. */
function embedTime(dim: number, project: Weights, t: Tensor): Tensor {
  const half = dim / 2;
  // Rounded as the released model rounds them: at an angle of 1000 the last digit counts.
  const step = Math.fround(-Math.log(10000) / half);
  const frequencies = Float32Array.from({ length: half }, (_, k) => Math.exp(Math.fround(step * k)));
  const angles = mul(
    reshape(mul(t, like(t, 1000)), [t.shape[0]!, 1, 1]),
    t.graph.constant(f32([half], frequencies)),
  );
  const weight = project.get('weight', [dim, dim]);
  const waves = cast(concat([cos(angles), sin(angles)], 2), weight.dtype); // [B, 1, D]
  return mish(linear(waves, weight, project.get('bias', [dim])));
}

function sharedModulation(config: XutConfig, weights: Weights, y: Tensor): Record<Branch, Modulation> {
  const { dim } = config;
  const of = (name: string): Modulation => {
    const mlp = weights.at(`shared_adaln_${name}`);
    const normal = layerNorm(y, mlp.get('0.weight', [dim]), mlp.get('0.bias', [dim]), LAYER_EPSILON);
    return modulation(dense(mlp.at(3), mish(dense(mlp.at(1), normal, dim, 4 * dim)), 4 * dim, 3 * dim));
  };
  return { attn: of('attn'), xattn: of('xattn'), mlp: of('ffw') };
}

/** [B, 1, 3D] → scale + 1, shift, gate + 1. */
function modulation(parameters: Tensor): Modulation {
  const [scale, shift, gate] = split(parameters, 2, 3) as [Tensor, Tensor, Tensor];
  return [add(scale, like(scale, 1)), shift, add(gate, like(gate, 1))];
}

// --- the U ------------------------------------------------------------------------------------------------

function backbone(weights: Weights, tokens: Tensor, around: Surroundings): Tensor {
  const { config } = around;
  const states: Tensor[] = [];
  let x = tokens;
  for (let depth = 0; depth < config.depth; depth++) {
    for (let index = 0; index < blocksAt(config.enc_blocks, depth); index++) {
      x = block(weights.at(`enc_blocks.${depth}.${index}`), x, around, textOf(around));
    }
    states.push(x);
  }
  for (let depth = 0; depth < config.depth; depth++) {
    const skip = config.skip === 'deepest' ? states.at(-1)! : states.at(-1 - depth)!;
    for (let index = 0; index < blocksAt(config.dec_blocks, depth); index++) {
      const other = index === 0 ? skipOf(skip, around) : config.dec_ctx ? textOf(around) : undefined;
      x = block(weights.at(`dec_blocks.${depth}.${index}`), x, around, other);
    }
  }
  return x;
}

/** TREAD (report §3.6): only the kept image tokens and all text tokens go through `inner`. */
function routed(
  tokens: Tensor,
  { positions }: Surroundings,
  kept: Tensor | undefined,
  imageTokens: Dim,
  inner: (tokens: Tensor, positions: Tensor) => Tensor,
): Tensor {
  if (!kept) return inner(tokens, positions);
  const { graph } = tokens;
  const [batch, all] = tokens.shape as [Dim, Dim, number];
  const textTokens = subtractDims(all, imageTokens);
  const text = add(range(graph, textTokens, 'i64'), dimension(graph, imageTokens));
  const index = concat([kept, broadcastTo(text, [batch, textTokens])], 1); // [B, K + L]
  const result = inner(gatherTokens(tokens, index), gatherTokens(positions, index));
  return replaceTokens(tokens, index, result);
}

function treadBlocks(
  depth = 0,
  name: string,
  weights: Weights,
  tokens: Tensor,
  around: Surroundings,
): Tensor {
  let x = tokens;
  for (let index = 0; index < depth; index++) {
    x = block(weights.at(`${name}.blocks.${index}`), x, around, textOf(around));
  }
  return x;
}

/** What a block cross-attends to. */
interface Other {
  readonly tokens: Tensor;
  readonly width: number;
  /** Absent: its tokens are not turned. */
  readonly positions?: Tensor;
}

function textOf({ text, config }: Surroundings): Other | undefined {
  return text && { tokens: text, width: config.ctx_dim! };
}

function skipOf(tokens: Tensor, { positions, config }: Surroundings): Other {
  return { tokens, width: config.dim, positions };
}

// --- a block ----------------------------------------------------------------------------------------------

/** Training may compute a block again in the backward pass instead of keeping what is inside it. */
function block(weights: Weights, x: Tensor, around: Surroundings, other: Other | undefined): Tensor {
  return x.graph.checkpoint(() => branches(weights, x, around, other));
}

function branches(weights: Weights, x: Tensor, around: Surroundings, other: Other | undefined): Tensor {
  let stream = branch('attn', weights, x, around, (n) => selfAttention(weights.at('attn'), n, around));
  if (other) {
    stream = branch('xattn', weights, stream, around, (n) =>
      crossAttention(weights.at('xattn'), n, other, around),
    );
  }
  return branch('mlp', weights, stream, around, (n) => swiGlu(weights.at('mlp'), n, around.config));
}

/** Norm, modulation, `inner`, gate, residual. */
function branch(
  name: Branch,
  weights: Weights,
  x: Tensor,
  { config, condition, shared }: Surroundings,
  inner: (normal: Tensor) => Tensor,
): Tensor {
  const { dim } = config;
  const norm = weights.at(`${name}_pre_norm`);
  const [scale, shift, gate] = shared?.[name] ?? modulation(dense(norm.at('adaln'), condition, dim, 3 * dim));
  const normal = config.use_dyt
    ? tanh(mul(x, norm.get('norm.in_weight', [dim])))
    : rmsNorm(x, norm.get('norm.weight', [dim]), RMS_EPSILON);
  const modulated = add(mul(normal, scale), shift);
  return add(config.residual === 'normed' ? modulated : x, mul(inner(modulated), gate));
}

function selfAttention(weights: Weights, x: Tensor, { config, positions }: Surroundings): Tensor {
  const { dim } = config;
  const all = linear(x, weights.get('qkv.weight', [3 * dim, dim]));
  const [q, k, v] = split(all, 2, 3).map((part) => intoHeads(part, config)) as [Tensor, Tensor, Tensor];
  const angles = rotaryAngles(weights, positions, config, q.dtype);
  return joinHeads(weights, turn(q, angles), turn(k, angles), v, config);
}

function crossAttention(
  weights: Weights,
  x: Tensor,
  other: Other,
  { config, positions }: Surroundings,
): Tensor {
  const { dim } = config;
  const q = intoHeads(linear(x, weights.get('q.weight', [dim, dim])), config);
  const both = linear(other.tokens, weights.get('kv.weight', [2 * dim, other.width]));
  const [k, v] = split(both, 2, 2).map((part) => intoHeads(part, config)) as [Tensor, Tensor];
  const angles = rotaryAngles(weights, positions, config, q.dtype);
  const turnedKeys = other.positions ? turn(k, angles) : k;
  return joinHeads(weights, turn(q, angles), turnedKeys, v, config);
}

function swiGlu(weights: Weights, x: Tensor, { dim, mlp_dim: hidden }: XutConfig): Tensor {
  const w12 = weights.get('w12.weight', [2 * hidden, dim]);
  const [gate, value] = split(linear(x, w12, weights.get('w12.bias', [2 * hidden])), 2, 2) as [
    Tensor,
    Tensor,
  ];
  return dense(weights.at('w3'), mul(silu(gate), value), hidden, dim);
}

function intoHeads(x: Tensor, { dim, dim_head: width }: XutConfig): Tensor {
  return reshape(x, [x.shape[0]!, x.shape[1]!, dim / width, width]); // [B, T, H, d]
}

function joinHeads(weights: Weights, q: Tensor, k: Tensor, v: Tensor, { dim, dim_head }: XutConfig): Tensor {
  const mixed = attention(q, k, v, dim_head ** -0.5);
  return dense(weights.at('out'), reshape(mixed, [q.shape[0]!, q.shape[1]!, dim]), dim, dim);
}

// --- positions --------------------------------------------------------------------------------------------

interface Angles {
  /** [B, T, H, turned / 2] */
  readonly cosine: Tensor;
  readonly sine: Tensor;
}

/**
 * Axial RoPE with learned frequencies: angle = position on an axis · exp(freqs[head, k, axis]). Written as a matrix
 * product, positions [T, 2] x [2, H·k·2] with zeros where the axes differ, which is many times faster than
 * stretching both.
 */
function rotaryAngles(
  weights: Weights,
  positions: Tensor,
  config: XutConfig,
  dtype: Tensor['dtype'],
): Angles {
  const { dim, dim_head, rope_fraction } = config;
  const [heads, frequencies] = [dim / dim_head, (dim_head * rope_fraction) / 4];
  const freqs = cast(weights.get('rope.freqs', [heads, frequencies, 2]), 'f32');
  const sameAxis = freqs.graph.constant(f32([2, 1, 1, 2], [1, 0, 0, 1]));
  const table = reshape(mul(exp(freqs), sameAxis), [2, heads * frequencies * 2]);
  const [batch, tokens] = positions.shape as [Dim, Dim, number];
  const angles = reshape(matmul(positions, table), [batch, tokens, heads, frequencies * 2]);
  return { cosine: cast(cos(angles), dtype), sine: cast(sin(angles), dtype) };
}

function turn(x: Tensor, { cosine, sine }: Angles): Tensor {
  const [width, turned] = [x.shape[3] as number, (cosine.shape[3] as number) * 2];
  const first = rotate(slice(x, 3, 0, turned), cosine, sine, 'interleaved');
  return turned === width ? first : concat([first, slice(x, 3, turned, width - turned)], 3);
}

// --- small helpers ----------------------------------------------------------------------------------------

function dense(weights: Weights, x: Tensor, inputs: number, outputs: number): Tensor {
  return linear(x, weights.get('weight', [outputs, inputs]), weights.get('bias', [outputs]));
}

function blocksAt(blocks: XutConfig['enc_blocks'], depth: number): number {
  if (typeof blocks === 'number') return blocks;
  const number = blocks[depth];
  if (number === undefined) {
    const problem = `a list of ${blocks.length} block counts for a model with more depths`;
    throw new HdmError('bad-model', 'xut config', problem, 'Give one number for each depth');
  }
  return number;
}

/** The graph inputs of XUT; sizes b, h, w (token grid), l (text) and k (kept tokens) are free. */
export function xutInputs(
  graph: Graph,
  config: XutConfig,
  given: { context?: boolean; r?: boolean; classIds?: boolean; kept?: boolean } = {},
): XutInputs {
  const [b, h, w] = [size('b'), size('h'), size('w')];
  const { patch_size: patch, input_dim, ctx_dim, addon_info_embs_dim } = config;
  return {
    x: graph.input('x', 'f32', [b, input_dim, multiplyDims(h, patch), multiplyDims(w, patch)]),
    t: graph.input('t', 'f32', [b]),
    positions: graph.input('positions', 'f32', [b, multiplyDims(h, w), 2]),
    ...(given.context && ctx_dim && { context: graph.input('context', 'f32', [b, size('l'), ctx_dim]) }),
    ...(addon_info_embs_dim && { addon: graph.input('addon', 'f32', [b, addon_info_embs_dim]) }),
    ...(given.r && { r: graph.input('r', 'f32', [b]) }),
    ...(given.classIds && { classIds: graph.input('classIds', 'i64', [b]) }),
    ...(given.kept && { kept: graph.input('kept', 'i64', [b, size('k')]) }),
  };
}
