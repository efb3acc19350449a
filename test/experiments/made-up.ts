/** @file An experiment and results that are made up. */
import type { ExperimentDocument } from '../../engine/experiments/document.ts';
import { parseExperiment } from '../../engine/experiments/document.ts';
import type { RunResult } from '../../engine/experiments/run-result.ts';
import type { Results } from '../../engine/experiments/results.ts';

/** Two variants of a recipe that is done in seconds. */
export const DOCUMENT = {
  question: 'Which is better?',
  claim: 'The mirrored one.',
  section: '3.1',
  recipe: 'toy-simple',
  changes: {
    stages: [{ steps: 10, batch: 4 }],
    validation: { pictures: 4, everySteps: 5 },
    samples: { prompts: [] },
  },
  data: { count: 100, isSimple: true },
  variants: { usual: {}, stack: { model: { transformer: { enc_blocks: 2, dec_blocks: 0 } } } },
  evaluation: { prompts: 1, steps: 1, categories: ['one'] },
  evaluations: { euler: {}, unipc: { sampler: 'unipc' } },
  expects: [
    { says: 'lower', measure: 'loss', of: { variant: 'stack' }, than: { variant: 'usual' }, is: 'smaller' },
  ],
};

type Expected = Partial<ExperimentDocument['expects'][number]>;

/** Results of `DOCUMENT`: final losses of the two variants by seed, and one expectation. */
export function madeUpResults(
  losses: { usual: number[]; stack: number[] },
  expected: Expected = {},
): Results {
  const { document } = parseExperiment(DOCUMENT, 'made-up');
  const runs = Object.entries(losses).flatMap(([variant, all]) =>
    all.map((loss, seed): RunResult => {
      return {
        variant,
        seed,
        folder: `${variant}-${seed}`,
        parameters: variant === 'usual' ? 2_000_000 : 1_500_000,
        steps: 10,
        trainMs: variant === 'usual' ? 1000 : 800,
        curve: [
          { step: 0, ms: 0, loss: 2 },
          { step: 5, ms: variant === 'usual' ? 500 : 400, loss: 1.5 },
          { step: 10, ms: variant === 'usual' ? 1000 : 800, loss },
        ],
        scores: {
          euler: {
            all: { right: seed, of: 4 },
            properties: { color: { right: 3, of: 4 }, kind: { right: 1, of: 4 } },
            passes: 8,
            pictureMs: 25,
          },
        },
      };
    }),
  );
  return {
    version: 1,
    name: 'made-up',
    finishedAt: '2026-11-27T12:00:00.000Z',
    device: 'cpu',
    precision: 'f32',
    autoencoder: 'mosaic',
    seeds: losses.usual.length,
    document: { ...document, expects: document.expects.map((each) => ({ ...each, ...expected })) },
    runs,
  };
}
