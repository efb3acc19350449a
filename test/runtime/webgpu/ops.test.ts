import { describe, it } from 'vitest';
import type { Graph } from '../../../engine/graph/graph.ts';
import { evaluateToData } from '../../../engine/runtime/reference.ts';
import type { Values } from '../../../engine/runtime/runtime.ts';
import { expectAllclose, looser, TOLERANCES, type Tolerance } from '../../helpers/allclose.ts';
import { testGpu } from '../../helpers/gpu.ts';
import { CASES } from '../../ops/cases/all.ts';
import { buildCase, valuesOf, type Case } from '../../ops/cases/case.ts';
import { buildLoss, withGradients } from '../../ops/cases/gradients.ts';

/** i64 is held as i32: nothing that a model counts is larger. */
const LEFT_OUT = 'of large integers';
const { runtime, reason } = await testGpu();
const cases = CASES.filter(({ name }) => name !== LEFT_OUT);
const differentiable = firstOfEach(
  cases.filter((example) => !example.noGradient && buildLoss(example).inputs.length > 0),
);

describe.skipIf(!runtime)(`every op on a GPU ${reason}`, () => {
  it.each(named(cases))('%s', async (_name, example) => {
    const { graph, result } = buildCase(example);
    graph.output('result', result);
    await expectReference(graph, valuesOf(example), example.tolerance);
  });
});

describe.skipIf(!runtime)(`the gradient of every op on a GPU ${reason}`, () => {
  it.each(named(differentiable))('%s', async (_name, example) => {
    const { graph, values } = withGradients(example);
    await expectReference(graph, values, looser(TOLERANCES.gradient32, example.tolerance));
  });
});

async function expectReference(graph: Graph, values: Values, tolerance: Tolerance): Promise<void> {
  const program = await runtime!.compile(graph, new Map());
  const results = await program.run(values);
  await program.dispose();
  for (const [name, expected] of Object.entries(evaluateToData(graph, values))) {
    expectAllclose(results[name]!, expected, tolerance, name);
  }
}

/** Gradients are made of ops that are compared above, and a software GPU needs seconds for each: one case of an op. */
function firstOfEach(list: readonly Case[]): Case[] {
  const seen = new Set<string>();
  return list.filter(({ of }) => !seen.has(of) && seen.add(of));
}

function named(list: readonly Case[]): [name: string, Case][] {
  return list.map((example) => [`${example.of} ${example.name}`, example]);
}
