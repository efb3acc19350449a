/** @file Configs read off the shapes of the weights, for single files that carry none. */
import { HdmError } from '../errors.ts';
import type { TensorSet } from './tensors.ts';

/** Fields of an XUT config.json. The readings `skip`, `residual` and `positions` leave no trace in shapes. */
export function inferXutConfig({ path, tensors }: TensorSet): Record<string, unknown> {
  const shape = shapesOf(path, tensors);
  const [dim, input_dim, patch_size] = shape('in_patch.proj.weight') as [number, number, number];
  const depth = countOf(tensors, (d) => `backbone.enc_blocks.${d}.`);
  const first = 'backbone.enc_blocks.0.0';
  const [heads, frequencies] = shape(`${first}.attn.rope.freqs`) as [number, number];
  const dim_head = dim / heads;
  const cross = tensors.get(`${first}.xattn.kv.weight`);
  const text = tensors.get('ctx_proj.weight') ?? cross;
  const blocks = (side: string): number[] =>
    Array.from({ length: depth }, (_, d) => countOf(tensors, (i) => `backbone.${side}.${d}.${i}.`));
  const before = countOf(tensors, (i) => `prev_tread_trns.blocks.${i}.`);
  const after = countOf(tensors, (i) => `post_tread_trns.blocks.${i}.`);
  return {
    patch_size,
    input_dim,
    dim,
    dim_head,
    depth,
    mlp_dim: shape(`${first}.mlp.w3.weight`)[1],
    ctx_dim: text?.shape[1] ?? null,
    concat_ctx: cross === undefined,
    enc_blocks: blocks('enc_blocks'),
    dec_blocks: blocks('dec_blocks'),
    dec_ctx: tensors.has('backbone.dec_blocks.0.1.xattn.kv.weight'),
    class_cond: tensors.get('class_token.weight')?.shape[0] ?? 0,
    shared_adaln: tensors.has('shared_adaln_attn.0.weight'),
    use_dyt: tensors.has(`${first}.attn_pre_norm.norm.in_weight`),
    double_t: tensors.has('r_emb.proj.0.weight'),
    addon_info_embs_dim: tensors.get('addon_info_embs_proj.0.weight')?.shape[1] ?? null,
    tread_config: before + after > 0 ? { prev_trns_depth: before, post_trns_depth: after } : null,
    rope_fraction: (frequencies * 4) / dim_head,
  };
}

/** Fields of a Qwen3 or Gemma3 config.json; rotary settings and windows are those of the released models. */
export function inferTextConfig({ path, tensors }: TensorSet): Record<string, unknown> {
  const shape = shapesOf(path, tensors);
  const [vocab_size, hidden_size] = shape('embed_tokens.weight') as [number, number];
  const head_dim = shape('layers.0.self_attn.q_norm.weight')[0]!;
  const isGemma = tensors.has('layers.0.pre_feedforward_layernorm.weight');
  return {
    model_type: isGemma ? 'gemma3_text' : 'qwen3',
    vocab_size,
    hidden_size,
    head_dim,
    intermediate_size: shape('layers.0.mlp.gate_proj.weight')[0],
    num_hidden_layers: countOf(tensors, (i) => `layers.${i}.`),
    num_attention_heads: shape('layers.0.self_attn.q_proj.weight')[0]! / head_dim,
    num_key_value_heads: shape('layers.0.self_attn.k_proj.weight')[0]! / head_dim,
    attention_bias: tensors.has('layers.0.self_attn.q_proj.bias'),
    ...(isGemma && { sliding_window: 512 }),
  };
}

/** Fields of an AutoencoderKL config.json; 32 norm groups, as SDXL has. */
export function inferAutoencoderConfig({ path, tensors }: TensorSet): Record<string, unknown> {
  const shape = shapesOf(path, tensors);
  const levels = countOf(tensors, (i) => `encoder.down_blocks.${i}.`);
  return {
    block_out_channels: Array.from(
      { length: levels },
      (_, i) => shape(`encoder.down_blocks.${i}.resnets.0.conv1.weight`)[0],
    ),
    in_channels: shape('encoder.conv_in.weight')[1],
    out_channels: shape('decoder.conv_out.weight')[0],
    latent_channels: shape('decoder.conv_in.weight')[1],
    layers_per_block: countOf(tensors, (i) => `encoder.down_blocks.0.resnets.${i}.`),
    use_quant_conv: tensors.has('quant_conv.weight'),
    use_post_quant_conv: tensors.has('post_quant_conv.weight'),
    mid_block_add_attention: tensors.has('decoder.mid_block.attentions.0.to_q.weight'),
  };
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
