import { describe, expect, it } from 'vitest';
import { expandGraph, formatType, type Graph } from '../../engine/graph/graph.ts';
import { isComposite } from '../../engine/graph/op.ts';
import { verifyGraph } from '../../engine/graph/verify.ts';
import { onnxRuntime } from '../../engine/runtime/onnx/runtime.ts';
import { evaluateToData } from '../../engine/runtime/reference.ts';
import type { Values } from '../../engine/runtime/runtime.ts';
import { expectAllclose } from '../helpers/allclose.ts';
import { CASES } from './cases/all.ts';
import { buildCase, valuesOf, type Case } from './cases/case.ts';

const RUNTIME = onnxRuntime('cpu');

describe.each(grouped(CASES))('%s', (_op, cases) => {
  it.each(cases.map((example) => [example.name, example] as const))('%s', async (_name, example) => {
    const graph = graphOf(example);
    verifyGraph(graph);
    const expected = evaluateToData(graph, valuesOf(example)).result!;
    const fused = await run(graph, valuesOf(example));
    expect(fused.dtype).toBe(expected.dtype);
    expectAllclose(fused, expected, example.tolerance, 'ONNX Runtime');
    if (!graph.nodes.some(({ op }) => isComposite(op))) return;
    const composed = await run(
      expandGraph(graph, () => false),
      valuesOf(example),
    );
    expectAllclose(composed, expected, example.tolerance, 'ONNX Runtime with the op written out');
  });
});

describe('composite ops', () => {
  it.each(composites())('%s composes to the type that it infers', (_name, example) => {
    const { graph } = buildCase(example);
    for (const node of [...graph.nodes]) {
      if (!isComposite(node.op)) continue;
      expect(formatType(node.op.compose(node.inputs, node.attributes))).toBe(formatType(node));
    }
  });
});

function graphOf(example: Case): Graph {
  const { graph, result } = buildCase(example);
  graph.output('result', result);
  return graph;
}

async function run(graph: Graph, values: Values) {
  const program = await RUNTIME.compile(graph, new Map());
  const { result } = await program.run(values);
  await program.dispose();
  return result!;
}

function grouped(cases: readonly Case[]): [op: string, cases: Case[]][] {
  return Object.entries(Object.groupBy(cases, ({ of }) => of)) as [string, Case[]][];
}

function composites(): [string, Case][] {
  const withComposites = CASES.filter((example) =>
    buildCase(example).graph.nodes.some(({ op }) => isComposite(op)),
  );
  return withComposites.map((example) => [`${example.of} ${example.name}`, example]);
}
