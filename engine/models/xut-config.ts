/**
 * @file The config of an XUT and its sizes. A config without the fields `skip`, `residual`, `positions` and
 * `rope_fraction` means the reading of the released weights.
 */
import { z } from 'zod';

const count = z.int().positive();
const blocks = z.union([z.int().nonnegative(), z.array(z.int().nonnegative())], {
  error: 'expected a whole number, or a list with one for each depth',
});

/** Tokens of text. Attention takes memory with their square; models are trained with a few hundred. */
export const MAX_CONTEXT = 4096;

/** config.json of the transformer; the keys are the released ones. */
export const xutConfig = z
  .object({
    patch_size: count.default(2),
    /** Latent channels. */
    input_dim: count.default(4),
    dim: count,
    /** Width of the text encoder; null: no text. */
    ctx_dim: count.nullable().default(null),
    ctx_size: count.max(MAX_CONTEXT).default(256),
    /** Ignored: dim / dim_head counts. */
    heads: count.optional(),
    dim_head: count.default(64),
    mlp_dim: count,
    depth: count,
    /** Blocks per depth, one number for all or a list. */
    enc_blocks: blocks,
    dec_blocks: blocks,
    /** Only with concat_ctx false: all decoder blocks see the text, not the first of each depth alone. */
    dec_ctx: z.boolean().default(false),
    /** Number of classes; 0: none. */
    class_cond: z.int().nonnegative().nullable().default(0),
    shared_adaln: z.boolean().default(true),
    /** Text tokens join the image tokens (true), or blocks cross-attend to them (false). */
    concat_ctx: z.boolean().default(true),
    use_dyt: z.boolean().default(false),
    double_t: z.boolean().default(false),
    /** Numbers of extra condition, for the released model 1: ln(width / height). */
    addon_info_embs_dim: z.int().nonnegative().nullable().default(null),
    tread_config: z
      .object({
        prev_trns_depth: z.int().nonnegative(),
        post_trns_depth: z.int().nonnegative(),
        dropout_ratio: z.number().min(0).max(1).default(0.5),
      })
      .nullable()
      .default(null),
    /** Which encoder state a decoder depth attends to: always the last, or the mirrored one (report). */
    skip: z.enum(['deepest', 'mirrored']).default('deepest'),
    /** What a branch is added to: the normalised and modulated x, or x itself (report). */
    residual: z.enum(['normed', 'stream']).default('normed'),
    /** The position map it was trained with. */
    positions: z.enum(['bounding_box', 'unit_area']).default('bounding_box'),
    /** The part of each head that positions turn; the report says one half. */
    rope_fraction: z.number().positive().max(1).default(1),
  })
  .refine(({ dim, dim_head }) => dim % 2 === 0 && dim % dim_head === 0, {
    path: ['dim_head'],
    error: 'expected a divisor of dim, which must be even',
  })
  .refine(({ dim_head, rope_fraction }) => (dim_head * rope_fraction) % 4 === 0, {
    path: ['rope_fraction'],
    error: 'expected a part of dim_head that is a multiple of 4',
  });

export type XutConfig = z.infer<typeof xutConfig>;

const released = { enc_blocks: 1, depth: 4, addon_info_embs_dim: 1 };
const tread_config = { prev_trns_depth: 1, post_trns_depth: 3, dropout_ratio: 0.5 };

/** The sizes of report §4.1 and of the released models: 237, 343 and 556 million parameters. */
export const XUT_PRESETS = {
  small: xutConfig.parse({ ...released, tread_config, dim: 896, ctx_dim: 640, mlp_dim: 3072, dec_blocks: 2 }),
  base: xutConfig.parse({
    ...released,
    tread_config,
    dim: 1024,
    ctx_dim: 1024,
    mlp_dim: 3072,
    dec_blocks: 3,
  }),
  large: xutConfig.parse({
    ...released,
    tread_config,
    dim: 1280,
    dim_head: 128,
    ctx_dim: 1152,
    mlp_dim: 4096,
    dec_blocks: 3,
  }),
} as const;
