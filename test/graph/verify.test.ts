import { describe, expect, it } from 'vitest';
import { HdmError } from '../../engine/errors.ts';
import { addDims, multiplyDims, size } from '../../engine/graph/dim.ts';
import { Graph, type Tensor } from '../../engine/graph/graph.ts';
import { verifyGraph } from '../../engine/graph/verify.ts';
import { add } from '../../engine/ops/elementwise.ts';
import { linear } from '../../engine/ops/matmul.ts';
import { range } from '../../engine/ops/movement.ts';

describe('verifyGraph', () => {
  it('accepts what is built in the ordinary way', () => {
    expect(() => verifyGraph(sample())).not.toThrow();
  });

  it('accepts a size that only a multiple tells', () => {
    const graph = new Graph();
    graph.input('x', 'f32', [multiplyDims(size('h'), 8)]);
    graph.output('y', range(graph, size('h'), 'i64'));
    expect(() => verifyGraph(graph)).not.toThrow();
  });

  it.each([
    ['an id that is not the position', { id: 7 }, 'its id is its position'],
    ['a node of another graph', { graph: new Graph() }, 'it belongs to this graph'],
    ['a type that the op does not infer', { shape: [size('b'), 3] }, 'its type is what its op infers'],
    ['a format that the op does not infer', { dtype: 'f16' }, 'its type is what its op infers'],
    ['operands that the op refuses', { inputs: [] }, 'its type is what its op infers'],
  ] as const)('refuses %s', (_name, change, rule) => {
    expectBroken(changed(sample(), 2, change), 'node %2 linear', rule);
  });

  it('refuses operands that come later', () => {
    const graph = sample();
    expectBroken(
      changed(graph, 2, { inputs: [graph.nodes[3]!, graph.nodes[1]!] }),
      'node %2 linear',
      'earlier nodes',
    );
  });

  it('refuses operands of another graph', () => {
    const graph = sample();
    const other = sample();
    expectBroken(
      changed(graph, 2, { inputs: [other.nodes[0]!, graph.nodes[1]!] }),
      'node %2 linear',
      'earlier nodes',
    );
  });

  it('refuses a size that no input tells', () => {
    const graph = new Graph();
    graph.input('x', 'f32', [addDims(size('h'), size('l')), multiplyDims(size('l'), size('l'))]);
    expectBroken(graph, 'node %0 input', 'each of its named sizes stands in an input');
  });

  it('refuses a size in an attribute that no input tells', () => {
    const graph = new Graph();
    graph.input('x', 'f32', [size('h')]);
    range(graph, multiplyDims(size('n'), 0), 'i64');
    expect(() => verifyGraph(graph)).not.toThrow();
    range(graph, size('n'), 'i64');
    expectBroken(graph, 'node %2 range', 'each of its named sizes stands in an input');
  });

  it.each(['inputs', 'weights', 'outputs'] as const)('refuses %s that are no node of the graph', (list) => {
    const graph = sample();
    graph[list].set('lost', sample()[list].values().next().value!);
    expectBroken(graph, '"lost"', 'a node of this graph and of its kind');
  });

  it('refuses an input that is something else', () => {
    const graph = sample();
    graph.inputs.set('sum', graph.nodes[3]!);
    expectBroken(graph, 'input "sum" %3', 'a node of this graph and of its kind');
  });
});

/** x, weight, linear, add. */
function sample(): Graph {
  const graph = new Graph();
  const product = linear(graph.input('x', 'f32', [size('b'), 2]), graph.weight('weight', 'f32', [2, 2]));
  graph.output('y', add(product, product));
  return graph;
}

/** Changes a node behind the graph's back. */
function changed(graph: Graph, position: number, change: Partial<Tensor>): Graph {
  Object.assign(graph.nodes[position]!, change);
  return graph;
}

function expectBroken(graph: Graph, where: string, rule: string): void {
  let thrown: unknown;
  try {
    verifyGraph(graph);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(HdmError);
  expect((thrown as HdmError).code).toBe('internal');
  expect((thrown as HdmError).message).toContain(where);
  expect((thrown as HdmError).message).toContain(rule);
}
