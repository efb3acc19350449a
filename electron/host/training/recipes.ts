/** @file Recipes that come with the studio: as a form shows them, and whole, with what a person decided. */
import { HdmError } from '../../../engine/errors.ts';
import { TOY_SOURCES } from '../../../engine/training/data/toy-scenes/world.ts';
import { readRecipe, recipeNames } from '../../../engine/training/recipe-files.ts';
import { isAdapterMethod, parseRecipe, stepsOf, type Recipe } from '../../../engine/training/recipe.ts';
import type { Recipe as ShownRecipe, TrainingPlan, TrainingSettings } from '../../contract.ts';
import type { Loadable } from '../../engine/protocol.ts';

type ModelPaths = Pick<Loadable, 'path' | 'textEncoder' | 'vae' | 'tokenizer'>;

export class Recipes {
  readonly #folder: string;
  #known: ReadonlyMap<string, Recipe> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  list(): ShownRecipe[] {
    return [...this.#all].map(([id, recipe]) => toShown(id, recipe));
  }

  /** Throws `bad-usage` for an unknown id. */
  get(id: string): Recipe {
    const recipe = this.#all.get(id);
    if (recipe) return recipe;
    throw new HdmError('bad-usage', id, 'there is no such recipe', 'Choose another one');
  }

  /** The recipe of a plan. Throws `bad-usage` for what the person has to choose differently. */
  resolve(plan: TrainingPlan, model: ModelPaths | undefined, precision: Recipe['precision']): Recipe {
    const recipe = this.get(plan.recipeId);
    const { settings, name } = plan;
    if (!model && needsOf(recipe) !== 'nothing') {
      throw new HdmError('bad-usage', name, 'this recipe goes on from a model', 'Choose the model');
    }
    const { stages, rank, factor, prompts, sampleEvery, saveEvery, seed } = settings;
    if (stages.length !== recipe.stages.length) {
      throw new HdmError('bad-usage', name, 'it has other stages than its recipe', 'Choose the recipe again');
    }
    const { adapter } = recipe;
    return parseRecipe({
      ...recipe,
      name,
      seed,
      precision,
      model: { ...recipe.model, ...(model && pathsOf(model)) },
      // What the rank multiplies stays as it was: alpha / rank is the strength of the changes.
      adapter: {
        ...adapter,
        ...(rank !== undefined && { rank, alpha: (adapter.alpha / adapter.rank) * rank }),
        ...(factor !== undefined && { factor }),
      },
      stages: recipe.stages.map(({ samples: _samples, ...stage }, i) => {
        const { steps, batch, size, learningRate } = stages[i]!;
        return { ...stage, steps, batch, size, optimizer: { ...stage.optimizer, learningRate } };
      }),
      samples: {
        ...recipe.samples,
        everySteps: sampleEvery,
        prompts: prompts.map((prompt, i) => ({ ...recipe.samples.prompts[i], prompt, seed: i })),
      },
      saving: { ...recipe.saving, everySteps: saveEvery },
    });
  }

  get #all(): ReadonlyMap<string, Recipe> {
    this.#known ??= new Map(recipeNames(this.#folder).map((id) => [id, readRecipe(id, this.#folder)]));
    return this.#known;
  }
}

function pathsOf({ path, textEncoder, vae, tokenizer }: ModelPaths): Partial<Recipe['model']> {
  return {
    path,
    ...(textEncoder !== undefined && { textEncoderPath: textEncoder }),
    ...(vae !== undefined && { vaePath: vae }),
    ...(tokenizer !== undefined && { tokenizerPath: tokenizer }),
  };
}

function toShown(id: string, recipe: Recipe): ShownRecipe {
  const { method, about, model, data } = recipe;
  const preset = typeof model.transformer === 'string' ? model.transformer : undefined;
  return {
    ...{ id, method, about },
    ...(preset !== undefined && { preset }),
    needs: needsOf(recipe),
    ...(data && { source: TOY_SOURCES[data] }),
    settings: settingsOf(recipe),
  };
}

/** From nothing, a model still needs a text encoder and a VAE, unless the recipe makes them as well. */
function needsOf({ method, model }: Recipe): ShownRecipe['needs'] {
  if (method === 'vae') return model.vae ? 'nothing' : 'parts';
  if (method !== 'pretrain') return 'model';
  return model.textEncoder && model.vae ? 'nothing' : 'parts';
}

function settingsOf({ method, stages, adapter, samples, saving, seed }: Recipe): TrainingSettings {
  return {
    stages: stages.map((stage) => ({
      trains: stage.trains,
      steps: stepsOf(stage),
      batch: stage.batch,
      size: stage.size,
      learningRate: stage.optimizer.learningRate,
    })),
    ...(isAdapterMethod(method) && { rank: adapter.rank }),
    ...(method === 'lokr' && { factor: adapter.factor }),
    prompts: samples.prompts.map(({ prompt }) => prompt),
    sampleEvery: samples.everySteps,
    saveEvery: saving.everySteps,
    seed,
  };
}
