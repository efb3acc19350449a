/**
 * @file Kernels of random odd shapes, and those of their gradients, against float64. Software compiles slowly, so only
 * one seed is run; `HDM_SHAPE_SEEDS=2,3,4` runs others.
 */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../../engine/gradient.ts';
import { evaluateToData } from '../../../engine/runtime/reference.ts';
import { relativeError } from '../../helpers/allclose.ts';
import { testGpu } from '../../helpers/gpu.ts';
import type { Case } from '../../ops/cases/case.ts';
import { buildLoss } from '../../ops/cases/gradients.ts';
import {
  attentions,
  largeProducts,
  movements,
  picker,
  pictures,
  products,
  reductions,
  rows,
} from './odd-cases.ts';

const SEEDS = (process.env['HDM_SHAPE_SEEDS'] ?? '1').split(',').map(Number);
/** Of numbers that are sums of thousands, in float32. */
const MOST_ERROR = 2e-5;
const { runtime, reason } = await testGpu();

const name = `odd shapes on a GPU ${reason}, seed %i`;

describe.skipIf(!runtime).each(SEEDS)(name, { concurrent: true }, (seed) => {
  const pick = picker(seed);
  const [one, ...others] = attentions(pick);
  const forward = [...products(pick), ...largeProducts(pick), ...others];
  const backward = [one!, ...pictures(pick), ...movements(pick), ...rows(pick), ...reductions(pick)];

  it.each(named(forward))('%s', async (_name, example) => {
    await expectReference(example, []);
  });

  it.each(named(backward))('%s, and its gradients', async (_name, example) => {
    await expectReference(example, ['x', 'y', 'z']); // of attention not the bias, which has no kernel of its own
  });
});

/** The result of a case, and the gradients of those of its inputs that are named. */
async function expectReference(example: Case, names: readonly string[]): Promise<void> {
  const { graph, result, loss, inputs, values } = buildLoss(example);
  graph.output('result', result);
  const wanted = inputs.filter((input) => names.some((name) => graph.inputs.get(name) === input));
  if (!example.noGradient) gradients(loss, wanted).forEach((to, index) => graph.output(`to ${index}`, to));
  const program = await runtime!.compile(graph, new Map());
  const results = await program.run(values);
  await program.dispose();
  for (const [name, expected] of Object.entries(evaluateToData(graph, values))) {
    expect(results[name]!.shape, name).toEqual(expected.shape);
    expect(relativeError(results[name]!, expected), name).toBeLessThan(MOST_ERROR);
  }
}

function named(list: readonly Case[]): [name: string, Case][] {
  return list.map((example) => [`${example.of} ${example.name}`, example]);
}
