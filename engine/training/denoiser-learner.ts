/** @file A transformer that learns to denoise: whole, with its text encoder, or through an adapter. */
import { f32, i64, type TensorData } from '../graph/dtype.ts';
import type { Graph } from '../graph/graph.ts';
import { HdmError } from '../errors.ts';
import { latentScale } from '../models/autoencoder-kl.ts';
import type { Values, WeightSources } from '../runtime/runtime.ts';
import { openTokenizer } from '../text/tokenizer.ts';
import { adapterFrom, adaptWeight } from '../weights/adapters.ts';
import { graphWeights, type Weights } from '../weights/weights.ts';
import { isTrained, newAdapter } from './adapter.ts';
import { openContextWriter, openLatentEncoder, tokenizeBatch } from './encode.ts';
import {
  prefixed,
  trainerSettings,
  type Ahead,
  type Encoded,
  type Learner,
  type LearnerOptions,
} from './learner.ts';
import { denoisingLoss } from './objective.ts';
import {
  firstTextValues,
  firstValues,
  requireDenoisingModel,
  textEncoderShapes,
  trainsText,
  xutShapes,
  type DenoisingModel,
} from './parts.ts';
import { isAdapterMethod, type AdapterKind, type Recipe } from './recipe.ts';
import { Trainer } from './trainer.ts';
import { variableOf, variableWeights } from './variables.ts';

export const TRANSFORMER_PREFIX = 'transformer.';
export const TEXT_PREFIX = 'text_encoder.';

/** What is trained of a transformer, and how a graph reads it. */
interface Target {
  readonly first: () => Map<string, TensorData>;
  readonly frozen: WeightSources;
  readonly weights: (graph: Graph, kind: 'value' | 'average') => Weights;
}

/** Throws `bad-model` when parts are missing or do not fit, `bad-usage` for TREAD in a model without it. */
export async function openDenoiserLearner(options: LearnerOptions): Promise<Learner> {
  const { runtime, recipe, stage, precision } = options;
  const model = requireDenoisingModel(options.model, recipe);
  const { config } = model.transformer;
  if (stage.tread > 0 && config.tread_config === null) {
    const problem = 'this model does not route tokens, so "tread" must be 0';
    throw new HdmError('bad-usage', 'recipe', problem, 'Leave it out');
  }
  const { method } = recipe;
  const target = isAdapterMethod(method)
    ? adapterTarget(options, model, method)
    : wholeTarget(options, model);
  const learnsText = trainsText(model, recipe);
  const firstOfAll = (): Map<string, TensorData> =>
    new Map([...target.first(), ...(learnsText ? firstText(model, recipe) : [])]);
  const trainer = await Trainer.open(runtime, {
    ...trainerSettings(options),
    values: firstOfAll(),
    frozen: target.frozen,
    objective: (graph, kind) =>
      denoisingLoss(graph, {
        config,
        weights: target.weights(graph, kind),
        ...(learnsText && {
          textEncoder: {
            config: model.textEncoder!.config,
            weights: variableWeights(graph, TEXT_PREFIX, precision, kind),
          },
        }),
        isRouted: stage.tread > 0,
        precision,
      }),
  });
  const encoder = await openLatentEncoder(runtime, model.vae, precision);
  const tokenizer = config.ctx_dim === null ? undefined : openTokenizer(model.tokenizer!);
  const writer =
    tokenizer && !learnsText
      ? await openContextWriter(
          runtime,
          { ...model.textEncoder!, weights: model.textEncoder!.weights! },
          precision,
          trainer.variables,
        )
      : undefined;
  const ahead: Ahead = {
    latents: (batch) => encoder.encode(batch),
    words: (captions) => tokenizer && tokenizeBatch(tokenizer, captions, stage.context),
    async context(words) {
      if (!words || learnsText) return words?.values ?? {};
      await writer!.write(words.values);
      return {};
    },
    channels: model.vae.config.latent_channels,
    hasAspect: Boolean(config.addon_info_embs_dim),
  };
  return {
    trainer,
    grid: { positions: config.positions, latentScale: latentScale(model.vae.config) },
    hasTime: true,
    firstValues: firstOfAll,
    ahead,
    async encode(batch, draws): Promise<Encoded> {
      const shape = encoder.shapeOf(batch);
      const samples = shape[0]!;
      const words = ahead.words(batch.captions);
      const context = await ahead.context(words);
      const tokens = batch.positions.length / 2 / samples;
      const values = {
        latent: await ahead.latents(batch),
        noise: draws.noise(shape),
        positions: f32([samples, tokens, 2], batch.positions),
        ...(ahead.hasAspect && { addon: f32([samples, 1], batch.addon) }),
        ...context,
      };
      return { values, samples, tokens, cut: words?.cut ?? 0 };
    },
    trainingValues: ({ values, samples, tokens }, draws) => ({
      ...values,
      t: draws.times(samples, stage.timeShift),
      ...(stage.tread > 0 && { kept: draws.kept(samples, tokens, stage.tread) }),
    }),
    valuesAt: ({ values, samples, tokens }, t) => ({
      ...values,
      t: f32([samples], new Float32Array(samples).fill(t)),
      ...(stage.tread > 0 && allKept(samples, tokens)),
    }),
    async dispose() {
      await writer?.dispose();
      await encoder.dispose();
      await trainer.dispose();
    },
  };
}

function allKept(samples: number, tokens: number): Values {
  return {
    kept: i64(
      [samples, tokens],
      Array.from({ length: samples * tokens }, (_, i) => i % tokens),
    ),
  };
}

function wholeTarget({ recipe, precision }: LearnerOptions, { transformer }: DenoisingModel): Target {
  const shapes = xutShapes(transformer.config);
  return {
    first: () => prefixed(TRANSFORMER_PREFIX, firstValues(transformer, shapes, recipe.seed)),
    frozen: new Map(),
    weights: (graph, kind) => variableWeights(graph, TRANSFORMER_PREFIX, precision, kind),
  };
}

/** The change of each weight is the graph that drawing uses, with variables in place of the file's numbers. */
function adapterTarget(
  { recipe, precision }: LearnerOptions,
  { transformer }: DenoisingModel,
  kind: AdapterKind,
): Target {
  const tensors = newAdapter(kind, xutShapes(transformer.config), recipe.adapter, recipe.seed);
  const frozen = transformer.weights!;
  const adapters = [{ adapter: adapterFrom('new adapter', tensors, frozen), strength: 1 }];
  return {
    first: () => new Map([...tensors].filter(([key]) => isTrained(key))),
    frozen,
    weights: (graph, variable) =>
      graphWeights(graph, frozen, precision, (name, weight) =>
        adaptWeight(name, weight, adapters, (_graph, key, { shape }) =>
          variableOf(graph, variable, key, shape),
        ),
      ),
  };
}

function firstText({ textEncoder }: DenoisingModel, recipe: Recipe): Map<string, TensorData> {
  const shapes = textEncoderShapes(textEncoder!.config);
  return prefixed(TEXT_PREFIX, firstTextValues(textEncoder!, shapes, recipe.seed + 1));
}
