/** @file What graphs become, looked at without a GPU. */
import { describe, expect, it } from 'vitest';
import type { Sizes } from '../../../engine/graph/dim.ts';
import { size } from '../../../engine/graph/dim.ts';
import { f32 } from '../../../engine/graph/dtype.ts';
import { expandGraph, Graph, type Tensor } from '../../../engine/graph/graph.ts';
import { silu } from '../../../engine/ops/activation.ts';
import { add, cast, mul } from '../../../engine/ops/elementwise.ts';
import { linear } from '../../../engine/ops/matmul.ts';
import { reshape, split, transpose } from '../../../engine/ops/movement.ts';
import { rmsNorm, softmax } from '../../../engine/ops/normalization.ts';
import { sum } from '../../../engine/ops/reduce.ts';
import { optimizerSettings, updateGraph } from '../../../engine/training/optimizer.ts';
import type { Features } from '../../../engine/runtime/webgpu/kernel.ts';
import { mergeProducts } from '../../../engine/runtime/webgpu/merge.ts';
import { prepareOperands } from '../../../engine/runtime/webgpu/operands.ts';
import { plan, type Plan } from '../../../engine/runtime/webgpu/plan.ts';
import { splitPrepared } from '../../../engine/runtime/webgpu/prepare.ts';
import { resolve } from '../../../engine/runtime/webgpu/resolve.ts';

const FEATURES: Features = {
  half: true,
  subgroups: [0, 0],
  matrices: [],
  workgroupBytes: 16384,
  workgroupThreads: 256,
  workgroupCount: 65535,
  bindingBytes: 2 ** 30,
};

describe('a plan', () => {
  it('has one kernel for residual, norm and modulation', () => {
    const graph = new Graph();
    const row = (name: string): Tensor => graph.input(name, 'f16', [2, 1, 64]);
    const [x, y] = ['x', 'y'].map((name) => graph.input(name, 'f16', [2, 10, 64])) as [Tensor, Tensor];
    const stream = add(x, mul(y, row('gate')));
    const normal = rmsNorm(stream, graph.input('weight', 'f16', [64]), 1e-6);
    graph.output('stream', stream);
    graph.output('modulated', add(mul(normal, row('scale')), row('shift')));
    const { steps } = planOf(graph);
    expect(steps).toHaveLength(1);
    expect(steps[0]!.kernel.source).toMatchSnapshot();
  });

  it('has one kernel for all that an update does to a tensor, in the place of the old values', () => {
    const graph = updateGraph(new Map([['w', [32, 64]]]), optimizerSettings.parse({}), true);
    const { steps, slots, copies } = planOf(graph);
    expect(steps).toHaveLength(1);
    expect(steps[0]!.kernel.bindings.filter((access) => access === 'both')).toHaveLength(4);
    expect([slots, copies]).toEqual([[], []]);
    expect(steps[0]!.kernel.source).toMatchSnapshot();
  });

  it('makes one product of q, k and v and reads its parts as views', () => {
    const graph = new Graph();
    const x = graph.input('x', 'f32', [size('n'), 32]);
    const parts = split(graph.weight('qkv', 'f32', [96, 32]), 0, 3).map((part) => linear(x, part));
    graph.output('y', mul(add(parts[0]!, parts[1]!), parts[2]!));
    const names = planOf(graph, { n: 8 }).steps.map(({ kernel }) => kernel.name);
    expect(names).toHaveLength(2);
    expect(names[0]).toMatch(/^matmul 8x32x96 f32/);
  });

  it('gives bias, activation and residual to the product', () => {
    const graph = new Graph();
    const x = graph.input('x', 'f32', [8, 32]);
    const y = linear(x, graph.weight('w', 'f32', [32, 32]), graph.weight('b', 'f32', [32]));
    graph.output('y', add(x, silu(y)));
    expect(planOf(graph).steps).toHaveLength(1);
  });

  it('moves nothing for views, and copies what is no strides', () => {
    const graph = new Graph();
    const x = graph.input('x', 'f32', [4, 6]);
    graph.output('sum', sum(reshape(transpose(x, [1, 0]), [3, 8]), [1]));
    graph.output('soft', softmax(x));
    expect(planOf(graph).steps).toHaveLength(2);
    const turned = new Graph();
    turned.output('y', transpose(turned.input('x', 'f32', [4, 6]), [1, 0]));
    const { steps } = planOf(turned);
    expect(steps).toHaveLength(1);
    expect(steps[0]!.kernel.source).toMatchSnapshot();
  });

  it('lets results share buffers when they do not live at the same time', () => {
    const graph = new Graph();
    let x = graph.input('x', 'f32', [64, 64]);
    for (let layer = 0; layer < 6; layer++) x = linear(x, graph.weight(`w${layer}`, 'f32', [64, 64]));
    graph.output('y', x);
    const { steps, slots } = planOf(graph);
    expect([steps.length, slots.length]).toEqual([6, 2]);
  });
});

describe('what depends on weights alone', () => {
  it('is computed once', () => {
    const graph = new Graph();
    const weight = cast(graph.weight('w', 'f16', [4, 4]), 'f32');
    const adapted = add(weight, mul(graph.weight('d', 'f32', [4, 4]), graph.scalar(0.5)));
    graph.output('y', linear(graph.input('x', 'f32', [2, 4]), adapted));
    const { once, rest } = splitPrepared(expandGraph(graph, () => false));
    expect([...once!.weights.keys()]).toEqual(['w', 'd']);
    expect(rest.weights.size).toBe(1);
    expect(planOf(rest).steps).toHaveLength(1);
  });

  it('is left alone when it is a weight or a number', () => {
    const graph = new Graph();
    const weight = cast(graph.weight('w', 'f16', [4]), 'f32');
    graph.output('y', mul(graph.input('x', 'f32', [4]), add(weight, graph.constant(f32([], [0])))));
    const { once } = splitPrepared(expandGraph(graph, () => false));
    expect(once?.outputs.size).toBe(1);
    const plain = new Graph();
    plain.output('y', mul(plain.input('x', 'f32', [4]), plain.weight('w', 'f32', [4])));
    expect(splitPrepared(plain).once).toBeUndefined();
  });
});

function planOf(graph: Graph, sizes: Sizes = {}): Plan {
  const resolved = resolve(
    expandGraph(graph, () => false),
    sizes,
    FEATURES.half,
  );
  return plan(prepareOperands(mergeProducts(resolved)), { features: FEATURES, buffersPerKernel: 16 });
}
