/**
 * @file What an experiment is told: one JSON document. It names a claim, a recipe, what variants change of it, how
 * their models are evaluated, and what the claim lets one expect of the numbers.
 */
import { z } from 'zod';
import { HdmError, toHdmError } from '../errors.ts';
import { checkEvaluation, EVALUATION_DEFAULTS, type EvaluationOptions } from '../eval/evaluate.ts';
import { CATEGORIES } from '../eval/prompts.ts';
import { SAMPLERS, type SamplerName } from '../sampling/samplers.ts';
import { closed, parseClosed } from '../training/closed.ts';
import { KIND_NAMES } from '../training/data/toy-scenes/scene.ts';
import { parseRecipe, type Recipe } from '../training/recipe.ts';
import { readRecipe } from '../training/recipe-files.ts';
import { isScore, MEASURE_NAMES } from './measures.ts';
import { merged } from './merge.ts';

const count = z.int().positive();
const whole = z.int().nonnegative();
const words = z.string().min(1);
const patch = z.record(z.string(), z.unknown(), { error: 'expected an object' });
/** They lead rows and stand in lists; JSON would sort those that are numbers before the others. */
const NAME = /^[a-z][a-z0-9 ._-]*$/;
const patches = z
  .record(z.string(), patch)
  .refine((all) => Object.keys(all).every((name) => NAME.test(name)), {
    error: 'expected names of small letters and digits, a letter first',
  });

/** A variant drawn with an evaluation; what is left out is the first one. */
const place = closed({ variant: z.string().optional(), evaluation: z.string().optional() });

const expectation = closed({
  /** In words, what the report says or lets one expect. */
  says: words,
  measure: z.enum(MEASURE_NAMES),
  /** The measure of this is smaller (or …) … */
  of: place,
  /** … than of that. */
  than: place,
  is: z.enum(['smaller', 'larger', 'alike']),
  /** How far apart alike things may be, as a share of `than`. */
  within: z.number().positive().default(0.02),
});

/** Fewer seeds tell nothing of their spread. */
const FEWEST_SEEDS = 3;

export const experimentSchema = closed({
  /** For people. */
  question: words,
  /** What the report says, and in which section. */
  claim: words,
  section: words,
  /** The name of a recipe that comes with the studio, or a recipe. */
  recipe: z.union([words, patch]),
  /** What all variants change of it. */
  changes: patch.prefault({}),
  /** Toy scenes. */
  data: closed({ seed: whole.default(0), count, isSimple: z.literal(true).optional() }),
  /** Each variant is trained with the seeds 0, 1, … */
  seeds: count.default(FEWEST_SEEDS),
  variants: patches.refine((all) => Object.keys(all).length > 0, { error: 'expected at least one variant' }),
  /** What all evaluations have in common, and what each changes of it. */
  evaluation: patch.prefault({}),
  evaluations: patches.prefault({}),
  expects: z.array(expectation).default([]),
}).refine(({ seeds, expects }) => expects.length === 0 || seeds >= FEWEST_SEEDS, {
  path: ['seeds'],
  error: `where something is expected there must be at least ${FEWEST_SEEDS}`,
});

export type ExperimentDocument = z.infer<typeof experimentSchema>;
export type Expectation = ExperimentDocument['expects'][number];

/** A document with its patches applied: all that there is to train and to evaluate. */
export interface Experiment {
  readonly name: string;
  readonly document: ExperimentDocument;
  /** By the names of the variants, in their order. */
  readonly recipes: ReadonlyMap<string, Recipe>;
  readonly evaluations: ReadonlyMap<string, EvaluationOptions>;
}

const samplerNames = Object.keys(SAMPLERS) as [SamplerName];
const evaluationSchema = closed({
  prompts: count,
  seed: whole,
  steps: count,
  guidanceScale: z.number(),
  treadGuidance: z.number(),
  sampler: z.enum(samplerNames),
  size: count,
  categories: z.array(z.enum(CATEGORIES)).min(1),
  kinds: z.array(z.enum(KIND_NAMES)).min(1),
  ratios: z.tuple([z.number(), z.number()]),
});

/**
 * An experiment whose variants and evaluations all can be. Throws `bad-usage` that names what is wrong, and in which
 * of them.
 */
export function parseExperiment(value: unknown, name: string, where = name): Experiment {
  const document = parseClosed(experimentSchema, value, where);
  const recipes = new Map(
    Object.entries(document.variants).map(([variant, change]) => {
      const changed = merged(merged(baseOf(document), document.changes), change);
      return [variant, parseRecipe(changed, `${where}, variant "${variant}"`)];
    }),
  );
  requireDifferent(recipes, where);
  const [first] = recipes.values();
  const evaluations = new Map(
    Object.entries(document.evaluations).map(([evaluation, change]) => {
      const options = merged(merged(usualEvaluation(first!), document.evaluation), change);
      const inside = `${where}, evaluation "${evaluation}"`;
      return [evaluation, checked(parseClosed(evaluationSchema, options, inside), inside)];
    }),
  );
  const experiment = { name, document, recipes, evaluations };
  document.expects.forEach((expected) => requirePlaces(expected, experiment, where));
  return experiment;
}

function baseOf({ recipe }: ExperimentDocument): unknown {
  return typeof recipe === 'string' ? readRecipe(recipe) : recipe;
}

function usualEvaluation({ stages }: Recipe): EvaluationOptions {
  return { ...EVALUATION_DEFAULTS, categories: CATEGORIES, size: stages.at(-1)!.size };
}

function checked(options: EvaluationOptions, where: string): EvaluationOptions {
  try {
    checkEvaluation(options);
    return options;
  } catch (error) {
    const problem = toHdmError(error, where).message.replace(/\.$/, '');
    throw new HdmError('bad-usage', where, problem, '', error);
  }
}

/** The config of a transformer ignores keys that it does not know, so a slip would be a variant that is none. */
function requireDifferent(recipes: ReadonlyMap<string, Recipe>, where: string): void {
  const seen = new Map<string, string>();
  for (const [name, recipe] of recipes) {
    const text = JSON.stringify(recipe);
    const same = seen.get(text);
    seen.set(text, name);
    if (same === undefined) continue;
    const problem = `the variants "${same}" and "${name}" are the same recipe`;
    throw new HdmError('bad-usage', where, problem, 'Look for a key that is written otherwise in a recipe');
  }
}

function requirePlaces(expected: Expectation, { recipes, evaluations }: Experiment, where: string): void {
  const inside = `${where}, "${expected.says}"`;
  for (const { variant, evaluation } of [expected.of, expected.than]) {
    requireKnown(variant, recipes, 'variant', inside);
    requireKnown(evaluation, evaluations, 'evaluation', inside);
  }
  if (!isScore(expected.measure) || evaluations.size > 0) return;
  const problem = `"${expected.measure}" is measured by an evaluation, and there is none`;
  throw new HdmError('bad-usage', inside, problem, 'Add one under "evaluations"');
}

function requireKnown(
  name: string | undefined,
  known: ReadonlyMap<string, unknown>,
  what: string,
  where: string,
): void {
  if (name === undefined || known.has(name)) return;
  const problem = `there is no ${what} "${name}"`;
  throw new HdmError('bad-usage', where, problem, `There are: ${[...known.keys()].join(', ') || 'none'}`);
}
