/**
 * @file What one stage of a run trains: a trainer, and how a batch of pictures and captions becomes its inputs. There
 * are two kinds, denoisers (denoiser.ts) and autoencoders; the loop knows only this interface.
 */
import { f32, type FloatDType, type TensorData } from '../graph/dtype.ts';
import { latentScale } from '../models/autoencoder-kl.ts';
import type { Runtime, Values } from '../runtime/runtime.ts';
import type { Grid } from './data/crops.ts';
import type { Words } from './data/cached-loader.ts';
import type { Batch } from './data/loader.ts';
import type { BatchDraws } from './draws.ts';
import { autoencoderLoss } from './objective.ts';
import { autoencoderShapes, firstValues, type StartingModel } from './parts.ts';
import type { Recipe, Stage } from './recipe.ts';
import { Trainer, type TrainerOptions } from './trainer.ts';
import { variableWeights } from './variables.ts';

export interface Learner {
  readonly trainer: Trainer;
  /** What the loader must know of the model. */
  readonly grid: Grid;
  /** Whether the loss depends on a time t. */
  readonly hasTime: boolean;
  /** What the trained values are when nothing was learned yet. */
  firstValues(): ReadonlyMap<string, TensorData>;
  /** The inputs of a batch but for time and routing; a context goes into its variable. */
  encode(batch: Batch, draws: BatchDraws): Promise<Encoded>;
  /** For latents and words that are made ahead of their step; absent where no latent is an input. */
  readonly ahead?: Ahead;
  /** All inputs of a training step. */
  trainingValues(encoded: Encoded, draws: BatchDraws): Values;
  /** All inputs at one time for every sample, all tokens kept. */
  valuesAt(encoded: Encoded, t: number): Values;
  dispose(): Promise<void>;
}

/** The pieces of `encode`. */
export interface Ahead {
  /** [B, C, h, w] in the units of the denoiser. */
  latents(batch: Batch): Promise<TensorData>;
  /** Of captions; absent for models without text. */
  words(captions: readonly string[]): Words | undefined;
  /** The inputs that words are; a frozen text encoder's context goes into its variable. */
  context(words: Words | undefined): Promise<Values>;
  /** Channels of a latent. */
  readonly channels: number;
  /** Whether the model has an aspect condition. */
  readonly hasAspect: boolean;
}

export interface Encoded {
  readonly values: Values;
  readonly samples: number;
  readonly tokens: number;
  /** Captions that were longer than the context. */
  readonly cut: number;
}

export interface LearnerOptions {
  readonly runtime: Runtime;
  readonly recipe: Recipe;
  readonly stage: Stage;
  readonly model: StartingModel;
  readonly precision: FloatDType;
}

export const VAE_PREFIX = 'vae.';

/** What every trainer of a recipe is told. */
export function trainerSettings({
  recipe,
  stage,
  precision,
}: LearnerOptions): Omit<TrainerOptions, 'values' | 'objective' | 'frozen'> {
  return {
    optimizer: stage.optimizer,
    checkpointing: stage.checkpointing,
    hasAverages: recipe.average !== null,
    scalesLoss: precision === 'f16',
  };
}

/** An autoencoder that learns to give pictures back. */
export async function openAutoencoderLearner(options: LearnerOptions): Promise<Learner> {
  const { runtime, recipe, stage, model, precision } = options;
  const part = model.vae!;
  const shapes = autoencoderShapes(part.config);
  const first = (): Map<string, TensorData> => prefixed(VAE_PREFIX, firstValues(part, shapes, recipe.seed));
  const trainer = await Trainer.open(runtime, {
    ...trainerSettings(options),
    values: first(),
    frozen: new Map(),
    objective: (graph, kind) =>
      autoencoderLoss(graph, part.config, variableWeights(graph, VAE_PREFIX, precision, kind), stage),
  });
  const scale = latentScale(part.config);
  return {
    trainer,
    grid: { positions: 'bounding_box', latentScale: scale },
    hasTime: false,
    firstValues: first,
    encode({ pixels, width, height }, draws) {
      const samples = pixels.length / (3 * width * height);
      const latent = [samples, part.config.latent_channels, height / scale, width / scale];
      const values = {
        image: f32([samples, 3, height, width], pixels),
        posterior: draws.posterior(latent),
      };
      return Promise.resolve({ values, samples, tokens: 0, cut: 0 });
    },
    trainingValues: ({ values }) => values,
    valuesAt: ({ values }) => values,
    dispose: () => trainer.dispose(),
  };
}

export function prefixed<T>(prefix: string, tensors: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...tensors].map(([name, tensor]) => [prefix + name, tensor]));
}
