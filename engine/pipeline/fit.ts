/** @file Whether the parts of a model fit each other and this pipeline, asked before anything is computed. */
import type { Checkpoint } from '../checkpoints/checkpoint.ts';
import { HdmError } from '../errors.ts';
import { latentScale } from '../models/autoencoder-kl.ts';

/** Pixels per latent number, and latent numbers per token, along an axis: what sizes of pictures rest on. */
const [LATENT_SCALE, PATCH_SIZE] = [8, 2];

type Fitted = Pick<Checkpoint, 'path' | 'transformer' | 'textEncoder' | 'vae'>;

/** Throws `bad-model` with the first thing that does not fit. All parts that the model needs must be there. */
export function requireFit({ path, transformer, textEncoder, vae }: Fitted): void {
  const { patch_size, input_dim, ctx_dim, addon_info_embs_dim, class_cond, double_t } = transformer.config;
  const { latent_channels, in_channels, out_channels } = vae!.config;
  const scale = latentScale(vae!.config);
  const context = ctx_dim === null ? null : textEncoder!.config.hidden_size;
  const rules: readonly [isMet: boolean, problem: string, advice?: string][] = [
    [
      context === ctx_dim,
      `the text encoder gives ${context} numbers for each token, the transformer takes ${ctx_dim}`,
      'Use the text encoder that the model was trained with',
    ],
    [
      latent_channels === input_dim,
      `the VAE has ${latent_channels} latent channels, the transformer ${input_dim}`,
      'Use the VAE that the model was trained with',
    ],
    [
      in_channels === 3 && out_channels === 3,
      `expected a VAE with 3 colours, got ${in_channels} in and ${out_channels} out`,
    ],
    [
      scale === LATENT_SCALE,
      `expected a VAE that shrinks pictures ${LATENT_SCALE} times, got ${scale} times`,
    ],
    [patch_size === PATCH_SIZE, `expected a patch size of ${PATCH_SIZE}, got ${patch_size}`],
    [!class_cond, 'it draws classes by number (class_cond), which cannot be asked for here'],
    [!double_t, 'it needs a second time (double_t), which no sampler here gives'],
    [
      (addon_info_embs_dim ?? 0) <= 1,
      `expected at most 1 number of extra condition (addon_info_embs_dim), got ${addon_info_embs_dim}`,
    ],
  ];
  const broken = rules.find(([isMet]) => !isMet);
  if (broken) throw new HdmError('bad-model', path, broken[1], broken[2] ?? 'Use another model');
}
