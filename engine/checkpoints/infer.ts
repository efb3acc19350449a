/** @file Configs read off the shapes of the weights: for files that carry none, and to check those that do. */
import { HdmError } from '../errors.ts';
import type { TensorSet } from './tensors.ts';

/** Fields of a config.json. */
export interface Inferred {
  /** What the weights say; a config that says otherwise belongs to others. */
  readonly facts: Fields;
  /** The usual values of what leaves no trace in shapes; a config counts before them. */
  readonly guesses: Fields;
}

type Fields = Readonly<Record<string, unknown>>;

/** Fields of an XUT. The readings `skip`, `residual` and `positions` leave no trace and have usual values. */
export function inferXutConfig({ path, tensors }: TensorSet): Inferred {
  const shape = shapesOf(path, tensors);
  const [dim, input_dim, patch_size] = shape('in_patch.proj.weight') as [number, number, number];
  const depth = Math.max(
    countOf(tensors, (d) => `backbone.enc_blocks.${d}.`),
    countOf(tensors, (d) => `backbone.dec_blocks.${d}.`),
  );
  const first = firstBlock(tensors);
  const [heads, frequencies] = shape(`${first}.attn.rope.freqs`) as [number, number];
  const dim_head = dim / heads;
  const cross = tensors.get(`${first}.xattn.kv.weight`);
  const text = tensors.get('ctx_proj.weight') ?? cross;
  const hasSecondDecoder = tensors.has('backbone.dec_blocks.0.1.attn.qkv.weight');
  const blocks = (side: string): number[] =>
    Array.from({ length: depth }, (_, d) => countOf(tensors, (i) => `backbone.${side}.${d}.${i}.`));
  const before = countOf(tensors, (i) => `prev_tread_trns.blocks.${i}.`);
  const after = countOf(tensors, (i) => `post_tread_trns.blocks.${i}.`);
  const facts = {
    patch_size,
    input_dim,
    dim,
    dim_head,
    depth,
    mlp_dim: shape(`${first}.mlp.w3.weight`)[1],
    ctx_dim: text?.shape[1] ?? null,
    ...(text && { concat_ctx: cross === undefined }),
    enc_blocks: blocks('enc_blocks'),
    dec_blocks: blocks('dec_blocks'),
    ...(cross && hasSecondDecoder && { dec_ctx: tensors.has('backbone.dec_blocks.0.1.xattn.kv.weight') }),
    class_cond: tensors.get('class_token.weight')?.shape[0] ?? 0,
    shared_adaln: tensors.has('shared_adaln_attn.0.weight'),
    use_dyt: tensors.has(`${first}.attn_pre_norm.norm.in_weight`),
    double_t: tensors.has('r_emb.proj.0.weight'),
    addon_info_embs_dim: tensors.get('addon_info_embs_proj.0.weight')?.shape[1] ?? null,
    ...(before + after > 0 && { tread_config: { prev_trns_depth: before, post_trns_depth: after } }),
    rope_fraction: (frequencies * 4) / dim_head,
  };
  return { facts, guesses: {} };
}

/** A block that is no decoder's; those cross-attend to another width. */
function firstBlock(tensors: TensorSet['tensors']): string {
  const places = ['prev_tread_trns.blocks.0', 'backbone.enc_blocks.0.0', 'post_tread_trns.blocks.0'];
  return places.find((place) => tensors.has(`${place}.attn.rope.freqs`)) ?? 'backbone.enc_blocks.0.0';
}

/** Fields of a Qwen3 or Gemma3; rotary settings and windows are those of the released models. */
export function inferTextConfig({ path, tensors }: TensorSet): Inferred {
  const shape = shapesOf(path, tensors);
  const [vocab_size, hidden_size] = shape('embed_tokens.weight') as [number, number];
  const head_dim = shape('layers.0.self_attn.q_norm.weight')[0]!;
  const isGemma = tensors.has('layers.0.pre_feedforward_layernorm.weight');
  const facts = {
    model_type: isGemma ? 'gemma3_text' : 'qwen3',
    vocab_size,
    hidden_size,
    head_dim,
    intermediate_size: shape('layers.0.mlp.gate_proj.weight')[0],
    num_hidden_layers: countOf(tensors, (i) => `layers.${i}.`),
    num_attention_heads: shape('layers.0.self_attn.q_proj.weight')[0]! / head_dim,
    num_key_value_heads: shape('layers.0.self_attn.k_proj.weight')[0]! / head_dim,
    attention_bias: tensors.has('layers.0.self_attn.q_proj.bias'),
  };
  return { facts, guesses: isGemma ? { sliding_window: 512 } : {} };
}

/** Fields of an AutoencoderKL, read off its decoder: some files have no encoder. */
export function inferAutoencoderConfig({ path, tensors }: TensorSet): Inferred {
  const shape = shapesOf(path, tensors);
  if (tensors.has('decoder.mid.block_1.norm1.weight')) {
    const advice = 'Use the VAE as diffusers writes it';
    throw new HdmError('bad-model', path, 'the weights of its VAE have the names of another program', advice);
  }
  const levels = countOf(tensors, (i) => `decoder.up_blocks.${i}.`);
  const widths = Array.from(
    { length: levels },
    (_, i) => shape(`decoder.up_blocks.${levels - 1 - i}.resnets.0.conv1.weight`)[0]!,
  );
  const facts = {
    block_out_channels: widths,
    out_channels: shape('decoder.conv_out.weight')[0],
    latent_channels: shape('decoder.conv_in.weight')[1],
    layers_per_block: countOf(tensors, (i) => `decoder.up_blocks.0.resnets.${i}.`) - 1,
    use_quant_conv: tensors.has('quant_conv.weight'),
    use_post_quant_conv: tensors.has('post_quant_conv.weight'),
    mid_block_add_attention: tensors.has('decoder.mid_block.attentions.0.to_q.weight'),
  };
  // As SDXL has them, or as many as the widths allow.
  return { facts, guesses: { norm_num_groups: widths.reduce(greatestCommonDivisor, 32) } };
}

/** Throws `bad-model` when the config at `path` tells of other weights than these. */
export function requireAgreement(path: string, config: object, facts: Fields): void {
  const fields = new Map<string, unknown>(Object.entries(config));
  const wrong = Object.keys(facts).find((key) => !agrees(fields.get(key), facts[key]));
  if (wrong === undefined) return;
  const [said, found] = [JSON.stringify(fields.get(wrong)), JSON.stringify(facts[wrong])];
  const problem = `"${wrong}" is ${said}, but the weights say ${found}`;
  throw new HdmError('bad-model', path, problem, 'Use the config that belongs to the weights');
}

/** Equal, where one number may stand for a list of it, null for 0, and an object may say more than was found. */
function agrees(said: unknown, found: unknown): boolean {
  if (Array.isArray(found))
    return found.every((value, i) => value === (Array.isArray(said) ? said[i] : said));
  if (typeof found !== 'object' || found === null) return (said ?? 0) === (found ?? 0);
  return Object.entries(found).every(([key, value]) => (said as Record<string, unknown>)?.[key] === value);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function shapesOf(path: string, tensors: TensorSet['tensors']): (name: string) => readonly number[] {
  return (name) => {
    const source = tensors.get(name);
    if (source) return source.shape;
    throw new HdmError(
      'bad-model',
      path,
      `weight "${name}" is missing`,
      'The file is incomplete, or of another kind',
    );
  };
}

/** How many of `prefix(0)`, `prefix(1)`, … some tensor's name begins with. */
function countOf(tensors: TensorSet['tensors'], prefix: (index: number) => string): number {
  const names = [...tensors.keys()];
  let index = 0;
  while (names.some((name) => name.startsWith(prefix(index)))) index++;
  return index;
}
