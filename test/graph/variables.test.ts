import { beforeEach, describe, expect, it } from 'vitest';
import { gradients } from '../../engine/gradient.ts';
import { size } from '../../engine/graph/dim.ts';
import { f32, toFloat32 } from '../../engine/graph/dtype.ts';
import { Graph, type Tensor } from '../../engine/graph/graph.ts';
import { printGraph } from '../../engine/graph/print.ts';
import { verifyGraph } from '../../engine/graph/verify.ts';
import { add, mul, sub } from '../../engine/ops/elementwise.ts';
import { linear } from '../../engine/ops/matmul.ts';
import { split } from '../../engine/ops/movement.ts';
import { softmax } from '../../engine/ops/normalization.ts';
import { sum } from '../../engine/ops/reduce.ts';
import { onnxRuntime } from '../../engine/runtime/onnx/runtime.ts';
import { evaluateGraph } from '../../engine/runtime/reference.ts';
import { testGpu } from '../helpers/gpu.ts';

const gpu = await testGpu();

describe.each([
  ['on ONNX Runtime', onnxRuntime('cpu')],
  [`on a GPU ${gpu.reason}`, gpu.runtime],
])('variables %s', (_name, present) => {
  const runtime = present!;
  beforeEach(({ skip }) => skip(!present, gpu.reason));

  it('stay from run to run, and all reads of a run see the old value', async () => {
    const graph = new Graph();
    const [a, c] = [graph.variable('a', 'f32', [2]), graph.variable('c', 'f32', [2])];
    graph.assign('a', add(a, c));
    graph.assign('c', a);
    graph.output('difference', sub(a, c));
    verifyGraph(graph);

    const variables = runtime.createVariables();
    await variables.write('a', f32([2], [1, 2]));
    await variables.write('c', f32([2], [10, 20]));
    const program = await runtime.compile(graph, new Map(), variables);
    const first = await program.run({});
    const second = await program.run({});
    expect([...toFloat32(first.difference!)]).toEqual([-9, -18]);
    expect([...toFloat32(second.difference!)]).toEqual([10, 20]);
    expect([...toFloat32(await variables.read('a'))]).toEqual([12, 24]);
    expect([...toFloat32(await variables.read('c'))]).toEqual([11, 22]);
    await program.dispose();
  });

  it('are shared by programs, and what was read is a copy', async () => {
    const variables = runtime.createVariables();
    await variables.write('a', f32([1], [1]));
    const before = await variables.read('a');
    const writer = new Graph();
    writer.assign('a', mul(writer.variable('a', 'f32', [1]), writer.input('x', 'f32', [1])));
    const reader = new Graph();
    reader.output('a', reader.variable('a', 'f32', [1]));
    const [write, read] = await Promise.all(
      [writer, reader].map((graph) => runtime.compile(graph, new Map(), variables)),
    );
    await write!.run({ x: f32([1], [5]) });
    expect([...toFloat32((await read!.run({})).a!)]).toEqual([5]);
    expect([...toFloat32(before)]).toEqual([1]);
    expect(variables.names()).toEqual(['a']);
  });

  it('are named when they were never written, and when there are none', async () => {
    const graph = new Graph();
    graph.output('a', graph.variable('a', 'f32', [1]));
    await expect(runtime.compile(graph, new Map())).rejects.toThrow(/compiled without its own/);
    const program = await runtime.compile(graph, new Map(), runtime.createVariables());
    await expect(program.run({})).rejects.toThrow(/^variable "a": expected f32 \[1\], got nothing/);
  });

  it('tell named sizes, which may change from run to run', async () => {
    const variables = runtime.createVariables();
    const writer = new Graph();
    const n = size('n');
    writer.assign('a', mul(writer.input('x', 'f32', [n]), writer.scalar(2)));
    const reader = new Graph();
    reader.output('a', add(reader.variable('a', 'f32', [n]), reader.input('y', 'f32', [n])));
    verifyGraph(reader);
    const [write, read] = await Promise.all(
      [writer, reader].map((graph) => runtime.compile(graph, new Map(), variables)),
    );
    await write!.run({ x: f32([1], [1]) });
    await write!.run({ x: f32([3], [1, 2, 3]) });
    expect([...toFloat32((await read!.run({ y: f32([3], [1, 1, 1]) })).a!)]).toEqual([3, 5, 7]);
    await expect(read!.run({ y: f32([2], [1, 1]) })).rejects.toThrow(
      /^variable "a": expected f32 \[n\] with n=2/,
    );
  });
});

describe('a variable', () => {
  it('cannot become another type', () => {
    const graph = new Graph();
    graph.variable('a', 'f32', [2]);
    expect(() => graph.assign('a', graph.input('x', 'f32', [3]))).toThrow(
      /f32 \[2\] and cannot become f32 \[3\]/,
    );
  });

  it('is printed with what it becomes', () => {
    const graph = new Graph();
    graph.assign('a', add(graph.variable('a', 'f32', [2]), graph.input('x', 'f32', [2])));
    expect(printGraph(graph)).toContain('variable:a := %2');
  });
});

describe('checkpointing', () => {
  it('computes segments again, to the same gradients', () => {
    const { graph, loss, of } = layered();
    const plain = gradients(loss, of);
    const nodes = graph.nodes.length;
    const again = gradients(loss, of, { checkpointing: true });
    verifyGraph(graph);
    expect(graph.nodes.length - nodes).toBeGreaterThan(0);
    expect(graph.nodes.slice(nodes).filter(({ op }) => op.name === 'softmax')).toHaveLength(2);
    of.forEach((_, index) => {
      graph.output(`plain ${index}`, plain[index]!);
      graph.output(`again ${index}`, again[index]!);
    });
    const values = evaluateGraph(graph, layeredValues());
    of.forEach((_, index) => {
      expect(values.get(`again ${index}`)).toEqual(values.get(`plain ${index}`));
    });
  });

  it('needs nothing in the backward pass that lies inside a segment', () => {
    const { graph, loss, of } = layered();
    const forward = loss.id + 1;
    const before = graph.nodes.length;
    gradients(loss, of, { checkpointing: true });
    const inside = new Set(graph.segments.flatMap(({ start, end }) => graph.nodes.slice(start, end - 1)));
    const readers = graph.nodes.slice(Math.max(forward, before));
    const kept = readers.flatMap(({ inputs }) => inputs).filter((input) => inside.has(input));
    expect(kept.filter(({ op }) => !['constant', 'weight'].includes(op.name))).toEqual([]);
  });
});

describe('the gradient of a tensor that is cut into parts', () => {
  it('is put together from those of the parts, without zeros in between', () => {
    const graph = new Graph();
    const x = graph.input('x', 'f32', [2, 6]);
    const [first, second, third] = split(x, 1, 3) as [Tensor, Tensor, Tensor];
    const [gradient] = gradients(sum(add(mul(first, second), third), [0, 1]), [x]);
    graph.output('gradient', gradient!);
    expect(gradient!.op.name).toBe('concat');
    const values = { x: f32([2, 6], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]) };
    const expected = [3, 4, 1, 2, 1, 1, 9, 10, 7, 8, 1, 1];
    expect([...evaluateGraph(graph, values).get('gradient')!.data]).toEqual(expected);
  });
});

/** Two layers, each a segment, with a tensor of the first used behind it. */
function layered(): { graph: Graph; loss: Tensor; of: Tensor[] } {
  const graph = new Graph();
  const x = graph.input('x', 'f32', [size('b'), 3]);
  const weights = ['v', 'w'].map((name) => graph.input(name, 'f32', [3, 3]));
  let y = x;
  for (const weight of weights)
    y = graph.checkpoint(() => softmax(mul(linear(y, weight), linear(y, weight))));
  return { graph, loss: sum(mul(y, add(y, x)), [0, 1]), of: [x, ...weights] };
}

function layeredValues() {
  const numbers = (length: number, step: number) =>
    Array.from({ length }, (_, i) => Math.sin(step * (i + 1)));
  return { x: f32([2, 3], numbers(6, 1)), v: f32([3, 3], numbers(9, 2)), w: f32([3, 3], numbers(9, 3)) };
}
