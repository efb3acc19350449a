/**
 * @file What a training run is told: one JSON document. Everything that changes what is learned stands in it, so a
 * recipe, its data and a device make the same model again.
 */
import { z } from 'zod';
import { autoencoderConfig } from '../models/autoencoder-kl.ts';
import { qwen3Config } from '../models/qwen3.ts';
import { MAX_CONTEXT, XUT_PRESETS, xutConfig, type XutConfig } from '../models/xut-config.ts';
import { closed, parseClosed } from './closed.ts';
import { BUCKET_DEFAULTS } from './data/crops.ts';
import { TOY_WORDS } from './data/toy-scenes/world.ts';
import { optimizerSettings } from './optimizer.ts';

/** How a model is trained. */
export const METHODS = {
  pretrain: 'a transformer from nothing',
  continue: 'all weights of a model, going on with its pretraining',
  finetune: 'all weights of a model, towards new pictures',
  lora: 'a LoRA beside a model',
  loha: 'a LoHa beside a model',
  lokr: 'a LoKr beside a model',
  vae: 'an autoencoder',
} as const;

export type Method = keyof typeof METHODS;
export type AdapterKind = 'lora' | 'loha' | 'lokr';

const count = z.int().positive();
const rate = z.number().min(0).max(1);
const seed = z.int().min(0);

const presetNames = Object.keys(XUT_PRESETS) as [keyof typeof XUT_PRESETS];

const model = closed({
  /** File or folder of the model to begin from, or whose other parts are used; `--model` sets it. */
  path: z.string().min(1).optional(),
  /** Parts that lie elsewhere. */
  textEncoderPath: z.string().min(1).optional(),
  vaePath: z.string().min(1).optional(),
  tokenizerPath: z.string().min(1).optional(),
  /** A transformer from nothing: the name of a size, or its config. */
  transformer: z.union([z.enum(presetNames), xutConfig]).optional(),
  /** A text encoder from nothing, trained along. Its words are those of the captions. */
  textEncoder: qwen3Config.optional(),
  /** Whether the text encoder of the model to begin from learns, too. One from nothing always does. */
  trainTextEncoder: z.boolean().default(false),
  /**
   * An autoencoder from nothing, which stages with `trains: "vae"` make; or, where no path names another, one that is
   * there already: the starter model's, or one of mean colours that needs no training.
   */
  vae: z.union([z.enum(['starter', 'mosaic']), autoencoderConfig]).optional(),
});

const adapter = closed({
  /** Width of the thin matrices. */
  rank: count.default(16),
  /** Changes are multiplied by alpha / rank. */
  alpha: z.number().positive().default(16),
  /** LoKr: the largest side of its small matrix. */
  factor: count.default(4),
  /** LoKr: the large matrix is whole, not the product of two thin ones. */
  fullMatrix: z.boolean().default(true),
  /** LoKr: norms with a bias learn, too. */
  trainNorms: z.boolean().default(true),
});

const stage = closed({
  trains: z.enum(['denoiser', 'vae']).default('denoiser'),
  /** Side of the squares in pixels, or root of the area of the buckets. */
  size: count,
  /**
   * Of a denoiser's squares: the sizes of one batch after the other, again and again, `size` among them. Batches of other
   * sizes have about as many tokens. Sizes that are learned in turn are not forgotten for each other.
   */
  turns: z.array(count).min(2).max(64).optional(),
  /** Updates; or say `samples`, pictures seen. */
  steps: count.optional(),
  samples: count.optional(),
  /** Pictures that are computed together, and how many such batches make one update. */
  batch: count,
  accumulation: count.default(1),
  optimizer: closed(optimizerSettings.shape).prefault({}),
  /** Part of the image tokens that skip the middle (TREAD). */
  tread: z.number().min(0).lt(1).default(0),
  /**
   * Of a denoiser: how far the times t that it learns are shifted towards noise, as those of drawing can be; 1: not.
   * What is where is decided in much noise, of which sigmoids of normal numbers show little.
   */
  timeShift: z.number().positive().default(1),
  /** Tokens of text. */
  context: count.max(MAX_CONTEXT).default(256),
  /** Blocks are computed again in the backward pass: less memory, more time. */
  checkpointing: z.boolean().default(false),
  crop: z.enum(['shifted-square', 'buckets']).default('shifted-square'),
  /** Sides of buckets are multiples of this, in pixels: a quarter of a small size makes three shapes. */
  bucketStep: count.default(BUCKET_DEFAULTS.step),
  /** Of squares: half of them are zoomed into, up to this. For the camera, and for pictures larger than `size`. */
  zoom: z.number().min(1).max(16).default(1),
  /**
   * Of an autoencoder: weight of the divergence in its loss. A larger one makes latents that stand more noise, and
   * pictures that are given back less exactly; far too large, latents say nothing.
   */
  divergence: z.number().nonnegative().default(1e-6),
  /**
   * Of an autoencoder: weight of what a latent of half the size is off the picture of half the size. With it latents
   * are as smooth as pictures, and a denoiser learns them in fewer steps.
   */
  equivariance: z.number().nonnegative().default(0),
  /**
   * Crops of each picture that are encoded once, before the stage, and used again in every epoch; 0: every sample is
   * another crop, encoded when it is needed. The next stage uses them again when it caches as many of the same size.
   */
  cachedCrops: z.int().min(0).max(64).default(0),
})
  .refine(({ steps, samples }) => (steps === undefined) !== (samples === undefined), {
    error: 'a stage says either "steps" or "samples"',
  })
  .refine(({ turns, size }) => turns === undefined || turns.includes(size), {
    path: ['turns'],
    error: 'expected "size" among the sizes that take turns',
  })
  .refine(({ turns, trains, crop }) => turns === undefined || (trains === 'denoiser' && crop !== 'buckets'), {
    path: ['turns'],
    error: 'only squares for a denoiser take turns',
  })
  .refine(({ zoom, crop }) => zoom === 1 || crop !== 'buckets', {
    path: ['zoom'],
    error: 'only squares are zoomed into',
  })
  .refine(
    ({ cachedCrops, trains, crop }) => cachedCrops === 0 || (trains === 'denoiser' && crop !== 'buckets'),
    {
      path: ['cachedCrops'],
      error: 'latents are cached for a denoiser and squares of one size',
    },
  );

const recipeSchema = closed({
  name: z.string().min(1).max(100).default('training'),
  /** What it is for, in words. */
  about: z.string().default(''),
  method: z.enum(Object.keys(METHODS) as [Method]),
  /** Toy scenes that it is made for: what it is trained on where nobody says otherwise. */
  data: z.enum(TOY_WORDS).optional(),
  model: model.prefault({}),
  adapter: adapter.prefault({}),
  stages: z.array(stage).min(1),
  captions: closed({
    shuffleGroups: z.boolean().default(false),
    shuffleTags: z.boolean().default(false),
    dropGroups: rate.default(0),
    dropTags: rate.default(0),
    /** Part of the samples without a caption, which guidance needs. */
    dropCaption: rate.default(0.1),
  }).prefault({}),
  /** How much of the running mean of the weights stays at each step; null: none is kept. */
  average: z.number().min(0).lt(1).nullable().default(0.999),
  precision: z.enum(['auto', 'f32', 'f16']).default('auto'),
  seed: seed.default(0),
  validation: closed({
    /** Pictures held out, at most a tenth of all; 0: none. */
    pictures: z.int().min(0).max(1024).default(16),
    /** Times t at which the loss is taken, rising. */
    times: z.array(z.number().gt(0).lt(1)).min(1).default([0.1, 0.3, 0.5, 0.7, 0.9]),
    everySteps: count.default(500),
  }).prefault({}),
  samples: closed({
    prompts: z
      .array(closed({ prompt: z.string(), negative: z.string().default(''), seed: seed.default(0) }))
      .max(16)
      .default([]),
    everySteps: count.default(500),
    steps: count.max(1000).default(16),
    guidanceScale: z.number().default(3),
    /** Pixels; by default the size of the stage. */
    size: count.optional(),
  }).prefault({}),
  saving: closed({
    everySteps: count.default(500),
    keepLast: count.default(3),
    keepBest: z.boolean().default(true),
  }).prefault({}),
})
  .refine(({ method, stages }) => method !== 'vae' || stages.every(({ trains }) => trains === 'vae'), {
    path: ['stages'],
    error: 'with the method "vae" every stage has "trains": "vae"',
  })
  .refine(({ model, stages }) => typeof model.vae !== 'object' || stages[0]?.trains === 'vae', {
    path: ['stages'],
    error: 'an autoencoder from nothing needs a first stage with "trains": "vae"',
  })
  .refine(({ method, stages }) => method === 'vae' || stages.at(-1)?.trains === 'denoiser', {
    path: ['stages'],
    error: 'the last stage must train the denoiser',
  })
  .refine(({ method, model }) => (method === 'pretrain') === (model.transformer !== undefined), {
    path: ['model', 'transformer'],
    error: 'it belongs to the method "pretrain", which needs it',
  })
  .refine(({ method, model }) => !model.trainTextEncoder || method === 'continue' || method === 'finetune', {
    path: ['model', 'trainTextEncoder'],
    error: 'it belongs to the methods "continue" and "finetune"',
  })
  .refine(({ validation: { times } }) => times.every((t, i) => i === 0 || t > times[i - 1]!), {
    path: ['validation', 'times'],
    error: 'expected rising times',
  });

export type Recipe = z.infer<typeof recipeSchema>;
export type Stage = Recipe['stages'][number];

/** A recipe with all defaults filled in. Throws `bad-usage` that names what is wrong and what is known. */
export function parseRecipe(value: unknown, where = 'recipe'): Recipe {
  return parseClosed(recipeSchema, value, where);
}

/** The config of a transformer from nothing; `undefined` when it begins from a model. */
export function transformerOf({ model: { transformer } }: Recipe): XutConfig | undefined {
  return typeof transformer === 'string' ? XUT_PRESETS[transformer] : transformer;
}

export function isAdapterMethod(method: Method): method is AdapterKind {
  return method === 'lora' || method === 'loha' || method === 'lokr';
}

/** Squares of one size in a stage with several. */
export interface SizeInTurns {
  readonly size: number;
  /** Pictures of a batch. */
  readonly batch: number;
  /** How many of its pictures are seen for each of the stage's own size. */
  readonly share: number;
}

/** The sizes of a stage, its own first; the others have batches of about as many tokens. */
export function sizesOf({ size, batch, turns = [size] }: Stage): SizeInTurns[] {
  const times = (wanted: number): number => turns.filter((turn) => turn === wanted).length;
  return [...new Set([size, ...turns])].map((each) => {
    const own = Math.max(1, Math.round(batch * (size / each) ** 2));
    return { size: each, batch: own, share: (own * times(each)) / (batch * times(size)) };
  });
}

/** Updates of a stage. */
export function stepsOf({ steps, samples, batch, accumulation }: Stage): number {
  return steps ?? Math.max(1, Math.ceil(samples! / (batch * accumulation)));
}

/** Updates of the whole run. */
export function totalSteps({ stages }: Recipe): number {
  return stages.reduce((sum, each) => sum + stepsOf(each), 0);
}
