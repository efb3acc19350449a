/**
 * @file A whole model in a few hundred kilobytes: every kind of part and layer of a real one with random weights, so
 * that a test can draw in a tenth of a second. The same seed gives the same numbers everywhere.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TensorData } from '../../engine/graph/dtype.ts';
import { f32 } from '../../engine/graph/dtype.ts';
import { count } from '../../engine/graph/shape.ts';
import {
  autoencoderConfig,
  decoder,
  encoder,
  imageInput,
  latentInput,
  type AutoencoderConfig,
} from '../../engine/models/autoencoder-kl.ts';
import { textInputs } from '../../engine/models/causal-lm.ts';
import { qwen3, qwen3Config, type Qwen3Config } from '../../engine/models/qwen3.ts';
import { xut, xutInputs } from '../../engine/models/xut.ts';
import { xutConfig, type XutConfig } from '../../engine/models/xut-config.ts';
import { normals } from '../../engine/sampling/noise.ts';
import { writeSafetensors } from '../../engine/weights/write-safetensors.ts';
import { declaredWeights } from '../../engine/weights/weights.ts';

export interface TinyConfigs {
  readonly transformer: XutConfig;
  readonly textEncoder: Qwen3Config;
  readonly vae: AutoencoderConfig;
}

/** Where the parts of a written model lie. */
export interface TinyModel {
  readonly folder: string;
  /** Weight files; a config.json lies beside each. */
  readonly transformer: string;
  readonly textEncoder: string;
  readonly vae: string;
  /** Folder of tokenizer.json. */
  readonly tokenizer: string;
}

/** `<|endoftext|>`, after the 256 bytes. */
const END_OF_TEXT = 256;

export const TINY_CONFIGS: TinyConfigs = {
  transformer: xutConfig.parse({
    dim: 32,
    dim_head: 16,
    mlp_dim: 48,
    ctx_dim: 24,
    ctx_size: 16,
    depth: 2,
    enc_blocks: 1,
    dec_blocks: 2,
    addon_info_embs_dim: 1,
    tread_config: { prev_trns_depth: 1, post_trns_depth: 1 },
  }),
  textEncoder: qwen3Config.parse({
    model_type: 'qwen3',
    vocab_size: END_OF_TEXT + 1,
    hidden_size: 24,
    intermediate_size: 40,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 16,
  }),
  vae: autoencoderConfig.parse({
    block_out_channels: [8, 8, 8, 8],
    layers_per_block: 1,
    norm_num_groups: 8,
    sample_size: 64,
    latents_mean: [0.1, -0.2, 0.3, 0],
    latents_std: [1, 1.1, 0.9, 1.2],
  }),
};

/** Writes a diffusers folder that `sample` and the trainer can open, and returns where its parts are. */
export function writeTinyModel(folder: string, configs: Partial<TinyConfigs> = {}): TinyModel {
  const { transformer, textEncoder, vae } = { ...TINY_CONFIGS, ...configs };
  const write = (part: string, file: string, config: object, weights: Map<string, TensorData>): string => {
    mkdirSync(join(folder, part), { recursive: true });
    writeFileSync(join(folder, part, 'config.json'), JSON.stringify(config));
    writeSafetensors(join(folder, part, file), weights);
    return join(folder, part, file);
  };
  const file = 'diffusion_pytorch_model.safetensors';
  const model = {
    folder,
    transformer: write('transformer', file, transformer, prefixed('model.', xutWeights(transformer))),
    textEncoder: write('text_encoder', 'model.safetensors', textEncoder, qwen3Weights(textEncoder)),
    vae: write('vae', file, vae, autoencoderWeights(vae)),
    tokenizer: writeByteTokenizer(join(folder, 'tokenizer')),
  };
  const context = { padding: 'max_length', length: transformer.ctx_size };
  writeFileSync(join(folder, 'model_index.json'), JSON.stringify({ context }));
  return model;
}

/** Random weights of an XUT, by the names of its code (the released file puts `model.` before them). */
export function xutWeights(config: XutConfig, seed = 1): Map<string, TensorData> {
  const given = {
    context: config.ctx_dim !== null,
    r: config.double_t,
    classIds: Boolean(config.class_cond),
    kept: config.tread_config !== null,
  };
  return randomWeights(
    declaredWeights((graph, weights) => xut(config, weights, xutInputs(graph, config, given))),
    seed,
  );
}

export function qwen3Weights(config: Qwen3Config, seed = 2): Map<string, TensorData> {
  return randomWeights(
    declaredWeights((graph, weights) => qwen3(config, weights, textInputs(graph))),
    seed,
  );
}

export function autoencoderWeights(config: AutoencoderConfig, seed = 3): Map<string, TensorData> {
  return randomWeights(
    declaredWeights((graph, weights) => {
      encoder(config, weights, imageInput(graph, config));
      decoder(config, weights, latentInput(graph, config));
    }),
    seed,
  );
}

/** Matrices that keep the size of what they multiply, norms near 1, biases near 0. */
export function randomWeights(
  shapes: ReadonlyMap<string, readonly number[]>,
  seed: number,
): Map<string, TensorData> {
  return new Map(
    [...shapes].map(([name, shape], stream) => {
      const isVector = shape.length === 1;
      const spread = isVector ? 0.1 : count(shape.slice(1)) ** -0.5;
      const middle = isVector && name.endsWith('weight') ? 1 : 0;
      const numbers = normals(seed, stream, count(shape)).map((value) => middle + spread * value);
      return [name, f32(shape, numbers)];
    }),
  );
}

/** The same tensors with `prefix` before each name. */
export function prefixed<T>(prefix: string, tensors: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...tensors].map(([name, tensor]) => [prefix + name, tensor]));
}

/** A tokenizer that makes one token of each byte: the ids of "A" are [65 - 33 + …] as in byte-level BPE. */
function writeByteTokenizer(folder: string): string {
  const endOfText = { id: END_OF_TEXT, content: '<|endoftext|>', special: true, normalized: false };
  const tokenizer = {
    version: '1.0',
    added_tokens: [{ ...endOfText, single_word: false, lstrip: false, rstrip: false }],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    model: { type: 'BPE', vocab: byteVocabulary(), merges: [] },
  };
  const settings = {
    tokenizer_class: 'Qwen2Tokenizer',
    pad_token: endOfText.content,
    eos_token: endOfText.content,
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify(settings));
  return folder;
}

/** Byte-level BPE writes bytes as characters that can be seen: printable Latin-1 as it is, the others from U+0100. */
function byteVocabulary(): Record<string, number> {
  const isVisible = (byte: number): boolean => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  let hidden = 0x100;
  const characters = Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(isVisible(byte) ? byte : hidden++),
  );
  return Object.fromEntries(characters.map((character, byte) => [character, byte]));
}
