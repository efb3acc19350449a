/** @file The model that a run begins with: which parts come from files, and which from nothing. */
import {
  openCheckpoint,
  openOtherParts,
  type ContextRule,
  type ModelPart,
  type TextEncoderConfig,
} from '../checkpoints/checkpoint.ts';
import { HdmError } from '../errors.ts';
import { toFloat32, f32, type TensorData } from '../graph/dtype.ts';
import {
  decoder,
  encoder,
  imageInput,
  latentInput,
  type AutoencoderConfig,
} from '../models/autoencoder-kl.ts';
import { textInputs } from '../models/causal-lm.ts';
import { xut, xutInputs } from '../models/xut.ts';
import type { XutConfig } from '../models/xut-config.ts';
import { requireFit } from '../pipeline/fit.ts';
import { hiddenStates } from '../pipeline/text-encoder.ts';
import { readWeight } from '../weights/safetensors.ts';
import { declaredWeights } from '../weights/weights.ts';
import { initialNetwork, initialTextEncoder } from './initial.ts';
import { isAdapterMethod, transformerOf, type Recipe } from './recipe.ts';
import type { Shapes } from './variables.ts';

/** A part of a model; without weights it begins from nothing. */
export interface StartingPart<Config> extends Omit<ModelPart<Config>, 'weights'> {
  readonly weights: ModelPart<Config>['weights'] | undefined;
}

export interface StartingModel {
  readonly transformer: StartingPart<XutConfig> | undefined;
  readonly textEncoder: StartingPart<TextEncoderConfig> | undefined;
  readonly vae: StartingPart<AutoencoderConfig> | undefined;
  /** Folder of tokenizer.json. */
  readonly tokenizer: string | undefined;
  readonly context: ContextRule | undefined;
}

/** Parts that a run has made itself. */
export interface OwnParts {
  readonly vae?: string;
  readonly tokenizer?: string;
}

const NOTHING = '(from nothing)';

/** Opens what the recipe names; headers only. Throws `bad-usage` when the model to begin from is not said. */
export function openStartingModel(recipe: Recipe, own: OwnParts = {}): StartingModel {
  const { path, textEncoder, textEncoderPath, vae, vaePath, tokenizerPath } = recipe.model;
  const transformer = transformerOf(recipe);
  const elsewhere = {
    ...(textEncoderPath !== undefined && { textEncoder: textEncoderPath }),
    ...((own.vae ?? vaePath) !== undefined && { vae: (own.vae ?? vaePath)! }),
    ...((own.tokenizer ?? tokenizerPath) !== undefined && { tokenizer: (own.tokenizer ?? tokenizerPath)! }),
  };
  const needsModel = recipe.method !== 'pretrain' && recipe.method !== 'vae';
  const home = path ?? own.vae ?? vaePath ?? textEncoderPath;
  if (needsModel && path === undefined) {
    const problem = `the method "${recipe.method}" needs a model to begin from`;
    throw new HdmError('bad-usage', 'recipe', problem, 'Name it with --model, or as "path" under "model"');
  }
  const whole = needsModel ? openCheckpoint(path!, elsewhere) : undefined;
  const found = whole ?? (home === undefined ? undefined : openOtherParts(home, elsewhere));
  return {
    transformer: transformer ? fromNothing(transformer) : whole?.transformer,
    textEncoder: textEncoder ? fromNothing<TextEncoderConfig>(textEncoder) : found?.textEncoder,
    vae: typeof vae === 'object' && !own.vae ? fromNothing(vae) : found?.vae,
    tokenizer: own.tokenizer ?? found?.tokenizer,
    context: whole?.context,
  };
}

function fromNothing<Config>(config: Config): StartingPart<Config> {
  return { path: NOTHING, config, weights: undefined };
}

/** A model whose parts are all there. */
export interface DenoisingModel extends StartingModel {
  readonly transformer: StartingPart<XutConfig>;
  readonly vae: ModelPart<AutoencoderConfig>;
}

/** Throws `bad-model` when a part that training needs is missing, or the parts do not fit each other. */
export function requireDenoisingModel(
  model: StartingModel,
  { method, model: { path } }: Recipe,
): DenoisingModel {
  const { transformer, textEncoder, vae, tokenizer } = model;
  const needsText = transformer !== undefined && transformer.config.ctx_dim !== null;
  const missing = [
    ...(transformer ? [] : ['transformer']),
    ...(needsText && !textEncoder ? ['text encoder'] : []),
    ...(needsText && !tokenizer ? ['tokenizer'] : []),
    ...(vae?.weights ? [] : ['VAE']),
  ];
  if (missing.length > 0) {
    const problem = `to train with the method "${method}" there is no ${missing.join(' and no ')}`;
    const advice = 'Name a model that has it with --model, or the part under "model" in the recipe';
    throw new HdmError('bad-model', path ?? 'recipe', problem, advice);
  }
  const whole = { weights: new Map(), path: NOTHING };
  requireFit({
    path: path ?? 'recipe',
    transformer: { ...whole, config: transformer!.config },
    textEncoder: textEncoder && { ...whole, config: textEncoder.config },
    vae: { ...whole, config: vae!.config },
  });
  return { ...model, transformer: transformer!, vae: { ...vae!, weights: vae!.weights! } };
}

/** Whether the text encoder learns, too: one from nothing does, another where the recipe says so. */
export function trainsText({ textEncoder }: StartingModel, { method, model }: Recipe): boolean {
  if (textEncoder === undefined || isAdapterMethod(method)) return false;
  return textEncoder.weights === undefined || model.trainTextEncoder;
}

export function xutShapes(config: XutConfig): Shapes {
  return declaredWeights((graph, weights) => {
    xut(config, weights, xutInputs(graph, config, { context: config.ctx_dim !== null }));
  });
}

export function textEncoderShapes(config: TextEncoderConfig): Shapes {
  return declaredWeights((graph, weights) => {
    hiddenStates(config, weights, textInputs(graph), 'f32');
  });
}

export function autoencoderShapes(config: AutoencoderConfig): Shapes {
  return declaredWeights((graph, weights) => {
    encoder(config, weights, imageInput(graph, config));
    decoder(config, weights, latentInput(graph, config));
  });
}

/** First values of a network: those of its file, or new ones. */
export function firstValues(
  part: StartingPart<unknown>,
  shapes: Shapes,
  seed: number,
): Map<string, TensorData> {
  return part.weights ? valuesIn(part, shapes) : initialNetwork(shapes, seed);
}

export function firstTextValues(
  part: StartingPart<unknown>,
  shapes: Shapes,
  seed: number,
): Map<string, TensorData> {
  return part.weights ? valuesIn(part, shapes) : initialTextEncoder(shapes, seed);
}

function valuesIn({ weights, path }: StartingPart<unknown>, shapes: Shapes): Map<string, TensorData> {
  return new Map(
    [...shapes].map(([name, shape]) => {
      const source = weights!.get(name);
      if (!source) throw new HdmError('bad-model', path, `the weight "${name}" is missing`);
      return [name, f32(shape, toFloat32(readWeight(source)).slice())];
    }),
  );
}
