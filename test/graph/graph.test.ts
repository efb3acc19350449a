import { describe, expect, it } from 'vitest';
import { size } from '../../engine/graph/dim.ts';
import { convert, f32, fromNumbers, i64, toFloat32, toFloat64 } from '../../engine/graph/dtype.ts';
import { expandGraph, formatType, Graph, type Tensor } from '../../engine/graph/graph.ts';
import { verifyGraph } from '../../engine/graph/verify.ts';
import { add } from '../../engine/ops/elementwise.ts';
import { linear } from '../../engine/ops/matmul.ts';
import { reshape } from '../../engine/ops/movement.ts';
import { rmsNorm, softmax } from '../../engine/ops/normalization.ts';
import { evaluateGraph } from '../../engine/runtime/reference.ts';

describe('a graph', () => {
  it('lists its tensors in the order in which they were added', () => {
    const graph = new Graph();
    const x = graph.input('x', 'f32', [size('b'), 3]);
    const y = add(x, graph.scalar(2));
    expect(graph.nodes.map(({ op }) => op.name)).toEqual(['input', 'constant', 'add']);
    expect(graph.nodes[y.id]).toBe(y);
    expect(y.inputs[0]).toBe(x);
    expect(formatType(y)).toBe('f32 [b, 3]');
  });

  it('gives the same tensor for the same weight', () => {
    const graph = new Graph();
    expect(graph.weight('w', 'f16', [2])).toBe(graph.weight('w', 'f16', [2]));
    expect(graph.nodes.length).toBe(1);
  });

  it('refuses a second input or output of one name', () => {
    const graph = new Graph();
    const x = graph.input('x', 'f32', [1]);
    graph.output('y', x);
    expect(() => graph.input('x', 'f32', [1])).toThrow('input "x": the name is taken');
    expect(() => graph.output('y', x)).toThrow('output "y": the name is taken');
  });

  it('refuses a constant whose shape does not hold its numbers', () => {
    expect(() => new Graph().constant(f32([2, 2], [1, 2, 3]))).toThrow(
      'constant: 3 numbers given for the shape [2, 2]',
    );
  });

  it('adds nothing where an op would change nothing', () => {
    const graph = new Graph();
    const x = graph.input('x', 'f32', [2, 3]);
    expect(reshape(x, [2, 3])).toBe(x);
    expect(graph.nodes.length).toBe(1);
  });

  it('can write out composite ops as they are added', () => {
    const graph = new Graph({ keep: (op) => op.name === 'softmax' });
    const x = graph.input('x', 'f32', [2, 3]);
    softmax(linear(x, graph.weight('w', 'f32', [3, 3])));
    const names = graph.nodes.map(({ op }) => op.name);
    expect(names).toContain('softmax');
    expect(names).toContain('matmul');
    expect(names).not.toContain('linear');
  });
});

describe('expandGraph', () => {
  it('keeps names, types and values', () => {
    const graph = new Graph();
    const x = graph.input('x', 'f32', [size('b'), 2]);
    graph.output('y', softmax(rmsNorm(x, graph.weight('w', 'f32', [2]), 1e-6)));
    const expanded = expandGraph(graph, () => false);
    verifyGraph(expanded);
    const names = expanded.nodes.map(({ op }) => op.name);
    expect(names).not.toContain('rmsNorm');
    expect(names).not.toContain('softmax');
    expect(typesOf(expanded)).toEqual(typesOf(graph));
    const values = [{ x: f32([1, 2], [1, -2]) }, { w: f32([2], [0.5, 3]) }] as const;
    expect(evaluateGraph(expanded, ...values)).toEqual(evaluateGraph(graph, ...values));
  });

  it('leaves the original as it was', () => {
    const graph = new Graph();
    graph.output('y', softmax(graph.input('x', 'f32', [2])));
    const before = [...graph.nodes];
    expandGraph(graph, () => false);
    expect(graph.nodes).toEqual(before);
  });
});

describe('numbers of a tensor', () => {
  it('are rounded to the nearest of their format', () => {
    expect(toFloat32(fromNumbers('f16', [3], [1 / 3, 65504, -1e-8]))).toEqual(
      Float32Array.of(0.333251953125, 65504, -0),
    );
    expect(toFloat32(fromNumbers('bf16', [2], [1 / 3, 3.39e38]))).toEqual(
      Float32Array.of(0.333984375, 2 ** 128 * (1 - 2 ** -8)),
    );
  });

  it('are exact as integers, without their fraction', () => {
    expect(fromNumbers('i64', [2], [2 ** 53, -1.9]).data).toEqual(BigInt64Array.of(2n ** 53n, -1n));
    expect(toFloat64(i64([2], [2 ** 40 + 1, -7]))).toEqual(Float64Array.of(2 ** 40 + 1, -7));
  });

  it('come back unchanged through a wider format', () => {
    const narrow = fromNumbers('bf16', [3], [0.1, -7, 1e30]);
    expect(convert(convert(narrow, 'f32'), 'bf16')).toEqual(narrow);
  });

  it('keep infinity and NaN in bfloat16', () => {
    const values = toFloat32(fromNumbers('bf16', [3], [Infinity, -Infinity, NaN]));
    expect([...values]).toEqual([Infinity, -Infinity, NaN]);
  });
});

function typesOf({ inputs, weights, outputs }: Graph): string[] {
  const describeTensor = ([name, tensor]: [string, Tensor]): string => `${name} ${formatType(tensor)}`;
  return [...inputs, ...weights, ...outputs].map(describeTensor);
}
