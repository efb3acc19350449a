/** @file Experiments: what patches do, what is refused, and that those of the studio can all be trained. */
import { describe, expect, it } from 'vitest';
import { parseExperiment } from '../../engine/experiments/document.ts';
import { experimentNames, readExperiment } from '../../engine/experiments/files.ts';
import { autoencoderName, jobsOf } from '../../engine/experiments/jobs.ts';
import { merged } from '../../engine/experiments/merge.ts';
import { gradients } from '../../engine/gradient.ts';
import { Graph } from '../../engine/graph/graph.ts';
import { verifyGraph } from '../../engine/graph/verify.ts';
import { xutShapes, textEncoderShapes } from '../../engine/training/parts.ts';
import { denoisingLoss } from '../../engine/training/objective.ts';
import { transformerOf, type Recipe } from '../../engine/training/recipe.ts';
import { variableOf, variableWeights } from '../../engine/training/variables.ts';
import { DOCUMENT } from './made-up.ts';

describe('a patch', () => {
  it('merges objects by key and lists of objects by item; all else takes the place of what was there', () => {
    const base = { a: { b: 1, c: 2 }, list: [{ x: 1, y: 1 }, { x: 2 }], times: [1, 2, 3], kept: true };
    const patch = { a: { c: 3 }, list: [{ y: 5 }], times: [4], kept: null, fresh: { z: 0 } };
    expect(merged(base, patch)).toEqual({
      a: { b: 1, c: 3 },
      list: [{ x: 1, y: 5 }, { x: 2 }],
      times: [4],
      kept: null,
      fresh: { z: 0 },
    });
    expect(base.a).toEqual({ b: 1, c: 2 });
  });
});

describe('the experiments of the studio', () => {
  it('are eight', () => {
    expect(experimentNames()).toEqual(
      ['adaln', 'crop', 'guidance', 'positions', 'residuals', 'skips', 'solvers', 'tread'], // prettier-ignore
    );
  });

  it.each(experimentNames())('%s: each variant is a recipe whose training graph can be built', (name) => {
    const { document, recipes, evaluations } = readExperiment(name);
    expect(document.expects.length).toBeGreaterThan(0);
    expect(evaluations.size).toBeGreaterThan(0);
    for (const recipe of recipes.values()) verifyGraph(trainingGraph(recipe));
  });

  it('change nothing but what they ask about', () => {
    const [plain, routed] = ['none', 'tread 0.5'].map((name) => readExperiment('tread').recipes.get(name)!);
    expect(plain!.stages[0]!.tread).toBe(0);
    expect({ ...plain!, stages: [{ ...plain!.stages[0]!, tread: 0.5 }] }).toEqual(routed);
  });

  it('compare skips with a stack of as many parameters', () => {
    const { recipes } = readExperiment('skips');
    const parameters = (name: string) => {
      const sizes = [...xutShapes(transformerOf(recipes.get(name)!)!).values()];
      return sizes.reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
    };
    expect(parameters('none') / parameters('deepest')).toBeCloseTo(1, 2);
    expect(parameters('mirrored')).toBe(parameters('deepest'));
  });

  it('share the runs of the recipe that most of them begin with', () => {
    const options = { seeds: 3, device: 'cpu' };
    const folders = ['adaln', 'skips', 'positions', 'residuals', 'guidance', 'solvers'].map(
      (name) => jobsOf(readExperiment(name), options)[0]!.folder,
    );
    expect(new Set(folders).size).toBe(1);
    const all = experimentNames().flatMap((name) => jobsOf(readExperiment(name), options));
    expect(new Set(all.map(({ folder }) => folder)).size).toBe(30);
    expect(jobsOf(readExperiment('adaln'), { ...options, device: 'webgpu' })[0]!.folder).not.toBe(folders[0]);
  });

  it('take an autoencoder from elsewhere', () => {
    const [job] = jobsOf(readExperiment('adaln'), { seeds: 1, vaePath: '/a/vae', device: 'cpu' });
    expect(job!.recipe.model).toMatchObject({ vaePath: '/a/vae' });
    expect(job!.recipe.model).not.toHaveProperty('vae');
    expect(autoencoderName(job!.recipe)).toBe('vae');
  });
});

/** Loss and gradients of a step, without a runtime. */
function trainingGraph(recipe: Recipe): Graph {
  const config = transformerOf(recipe)!;
  const text = recipe.model.textEncoder!;
  const graph = new Graph();
  const { loss } = denoisingLoss(graph, {
    config,
    weights: variableWeights(graph, 'transformer.', 'f32'),
    textEncoder: { config: text, weights: variableWeights(graph, 'text_encoder.', 'f32') },
    isRouted: recipe.stages[0]!.tread > 0,
    precision: 'f32',
  });
  const shapes = [
    ...[...xutShapes(config)].map(([name, shape]) => [`transformer.${name}`, shape] as const),
    ...[...textEncoderShapes(text)].map(([name, shape]) => [`text_encoder.${name}`, shape] as const),
  ];
  const values = shapes.map(([name, shape]) => variableOf(graph, 'value', name, shape));
  gradients(loss, values).forEach((gradient, i) => graph.output(`gradient ${i}`, gradient));
  return graph;
}

describe('an experiment is refused', () => {
  it.each<[what: string, change: object, says: RegExp]>([
    ['an unknown key', { repeat: 3 }, /there is no "repeat" here; known are question, claim/],
    ['no variants', { variants: {} }, /"variants": expected at least one variant/],
    ['a name like a number', { variants: { 4: {} } }, /"variants": expected names of small letters/],
    ['no data', { data: undefined }, /"data"/],
    ['two seeds where something is expected', { seeds: 2 }, /"seeds".*at least 3/],
    ['a recipe that is not there', { recipe: 'nothing' }, /no recipe of that name.*toy-simple/],
    ['a slip in a recipe', { variants: { bad: { stages: [{ tred: 0 }] } } }, /variant "bad".*"tred".*tread/],
    [
      'a slip in a transformer, which is no change',
      { variants: { usual: {}, same: { model: { transformer: { skips: 'none' } } } } },
      /the variants "usual" and "same" are the same recipe/,
    ],
    ['a slip in an evaluation', { evaluations: { euler: { cfg: 1 } } }, /"euler".*"cfg".*guidanceScale/],
    ['an unknown sampler', { evaluations: { euler: { sampler: 'magic' } } }, /"sampler".*unipc/],
    [
      'an evaluation that cannot be',
      { evaluations: { euler: { size: 100 } } },
      /"euler": picture: .*multiple of 16/,
    ],
    ['ratios that no scene has', { evaluations: { euler: { ratios: [3, 4] } } }, /"euler".*no usual picture/],
    [
      'an expectation of a variant that is not there',
      { expects: [{ ...DOCUMENT.expects[0], of: { variant: 'stuck' } }] },
      /"lower": there is no variant "stuck"\. There are: usual, stack/,
    ],
    [
      'an expectation of a score without an evaluation',
      { evaluations: {}, expects: [{ ...DOCUMENT.expects[0], measure: 'right' }] },
      /"right" is measured by an evaluation/,
    ],
    [
      'an unknown measure',
      { expects: [{ ...DOCUMENT.expects[0], measure: 'beauty' }] },
      /"expects.0.measure"/,
    ],
  ])('with %s', (_what, change, says) => {
    const parse = () => parseExperiment({ ...DOCUMENT, ...change }, 'mine');
    expect(parse).toThrow(says);
    expect(parse).toThrow(expect.objectContaining({ code: 'bad-usage' }));
  });

  it('when there is no file or experiment of that name; the names are told', () => {
    expect(() => readExperiment('nothing-like-it')).toThrow(/adaln, crop/);
  });
});
