import { describe, expect, it } from 'vitest';
import { f32, toFloat64 } from '../../engine/graph/dtype.ts';
import { Graph, type Tensor } from '../../engine/graph/graph.ts';
import { geluTanh, mish, silu, softplus } from '../../engine/ops/activation.ts';
import { evaluateGraph } from '../../engine/runtime/reference.ts';
import { expectAllclose } from '../helpers/allclose.ts';

const POINTS = f32([7], [-200, -3, -0.5, 0, 0.5, 3, 200]);

/** Their formulas, as one would write them without a graph. */
const FORMULAS: readonly [name: string, op: (x: Tensor) => Tensor, formula: (x: number) => number][] = [
  ['silu', silu, (x) => x / (1 + Math.exp(-x))],
  ['softplus', softplus, (x) => (x > 100 ? x : Math.log1p(Math.exp(x)))],
  ['mish', mish, (x) => (x > 100 ? x : x * Math.tanh(Math.log1p(Math.exp(x))))],
  ['geluTanh', geluTanh, (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))],
];

describe('activations', () => {
  it.each(FORMULAS)('%s is its formula', (_name, op, formula) => {
    const graph = new Graph();
    graph.output('y', op(graph.input('x', 'f32', [7])));
    const { shape, data } = evaluateGraph(graph, { x: POINTS }).get('y')!;
    // The constants in a graph are float32.
    expectAllclose(
      { shape, data },
      { shape, data: toFloat64(POINTS).map(formula) },
      { absolute: 1e-8, relative: 1e-7 },
    );
  });

  it('geluTanh is close to the GELU with the error function', () => {
    const graph = new Graph();
    graph.output('y', geluTanh(graph.input('x', 'f32', [1])));
    const exact = 0.8413447460685429; // Φ(1)
    expect(evaluateGraph(graph, { x: f32([1], [1]) }).get('y')!.data[0]).toBeCloseTo(exact, 3);
  });
});
