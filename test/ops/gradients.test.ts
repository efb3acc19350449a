import { describe, expect, it } from 'vitest';
import { gradients } from '../../engine/gradient.ts';
import { f32, i64, toFloat64, type TensorData } from '../../engine/graph/dtype.ts';
import { Graph, type Tensor } from '../../engine/graph/graph.ts';
import { verifyGraph } from '../../engine/graph/verify.ts';
import { add, cast, exp, less, mul, where } from '../../engine/ops/elementwise.ts';
import { gather } from '../../engine/ops/indexing.ts';
import { slice } from '../../engine/ops/movement.ts';
import { softmax } from '../../engine/ops/normalization.ts';
import { largest, mean, sum } from '../../engine/ops/reduce.ts';
import { onnxRuntime } from '../../engine/runtime/onnx/runtime.ts';
import { evaluateGraph } from '../../engine/runtime/reference.ts';
import type { Values } from '../../engine/runtime/runtime.ts';
import { expectAllclose, looser, TOLERANCES } from '../helpers/allclose.ts';
import { CASES } from './cases/all.ts';
import type { Case } from './cases/case.ts';
import { buildLoss, withGradients } from './cases/gradients.ts';

const STEP = 1e-5;
const RUNTIME = onnxRuntime('cpu');
const DIFFERENTIABLE = CASES.filter((example) => !example.noGradient && buildLoss(example).inputs.length > 0);

describe('the gradient of each case', () => {
  it.each(named(DIFFERENTIABLE))('%s is that of finite differences', (_name, example) => {
    const plain = buildLoss(example);
    plain.graph.output('loss', plain.loss);
    const { graph, values } = withGradients(example);
    verifyGraph(graph);
    for (const [name, gradient] of evaluateGraph(graph, values)) {
      expectAllclose(
        gradient,
        differences(plain.graph, values, name.slice('to '.length)),
        TOLERANCES.differences,
        `gradient ${name}`,
      );
    }
  });

  it.each(named(DIFFERENTIABLE))('%s runs on ONNX Runtime', async (_name, example) => {
    const { graph, values } = withGradients(example);
    const tolerance = looser(TOLERANCES.gradient32, example.tolerance);
    const program = await RUNTIME.compile(graph, new Map());
    const results = await program.run(values);
    await program.dispose();
    for (const [name, gradient] of evaluateGraph(graph, values)) {
      expectAllclose(results[name]!, gradient, tolerance, `gradient ${name}`);
    }
  });
});

describe('gradients', () => {
  it('adds up the ways from a tensor to the loss', () => {
    const { graph, x } = vector();
    const [gradient] = gradients(sum(add(mul(x, x), add(x, x)), [0]), [x]);
    expect(valueOf(graph, gradient!, { x: f32([2], [3, -1]) })).toEqual([8, 0]);
  });

  it('knows tensors on the way as well as those at its start', () => {
    const { graph, x } = vector();
    const middle = mul(x, x);
    const [toMiddle, toStart] = gradients(sum(mul(middle, middle), [0]), [middle, x]);
    expect(valueOf(graph, toMiddle!, { x: f32([2], [3, -1]) })).toEqual([18, 2]);
    expect(valueOf(graph, toStart!, { x: f32([2], [3, -1]) })).toEqual([108, -4]);
  });

  it('knows a converted tensor of which only a part counts', () => {
    const { graph, x } = vector();
    const middle = cast(x, 'f16');
    const [gradient] = gradients(cast(sum(slice(middle, 0, 1, 1), [0]), 'f32'), [middle]);
    expect(valueOf(graph, gradient!, { x: f32([2], [3, -1]) })).toEqual([0, 1]);
  });

  it('is one for the loss itself', () => {
    const { graph, x } = vector();
    const loss = mean(x, [0]);
    expect(valueOf(graph, gradients(loss, [loss])[0]!, { x: f32([2], [3, 4]) })).toEqual([1]);
  });

  it('is zero where nothing flows', () => {
    const { graph, x } = vector();
    const other = graph.input('other', 'f32', [2, 1]);
    const loss = sum(where(less(x, mul(x, x)), cast(cast(x, 'i64'), 'f32'), x), [0]);
    const [toX, toOther] = gradients(loss, [x, other]);
    const values = { x: f32([2], [3, 0.5]), other: f32([2, 1], [1, 1]) };
    expect(valueOf(graph, toX!, values)).toEqual([0, 1]);
    expect(valueOf(graph, toOther!, values)).toEqual([0, 0]);
  });

  it('can be differentiated again', () => {
    const { graph, x } = vector();
    const [first] = gradients(sum(exp(mul(x, x)), [0]), [x]);
    const [second] = gradients(sum(first!, [0]), [x]);
    const value = 0.5;
    const expected = (2 + 4 * value ** 2) * Math.exp(value ** 2);
    expect(valueOf(graph, second!, { x: f32([2], [value, 0]) })[0]).toBeCloseTo(expected, 12);
  });

  it('adds the rows of a table that were read twice', () => {
    const graph = new Graph();
    const [table, index] = [graph.input('table', 'f32', [3, 1]), graph.input('index', 'i64', [3])];
    const [gradient, toIndex] = gradients(sum(gather(table, index), [0, 1]), [table, index]);
    const values = { table: f32([3, 1], [5, 6, 7]), index: i64([3], [2, 0, 2]) };
    expect(valueOf(graph, gradient!, values)).toEqual([1, 0, 2]);
    expect(valueOf(graph, toIndex!, values)).toEqual([0, 0, 0]);
  });

  it('keeps the forward pass in one piece where ops are composite', () => {
    const { graph, x } = vector();
    const before = softmax(x);
    gradients(sum(mul(before, before), [0]), [x]);
    expect(graph.nodes[before.id]).toBe(before);
    expect(graph.nodes.filter(({ op }) => op.name === 'softmax')).toEqual([before]);
  });

  it('names the op that is not differentiable', () => {
    const { x } = vector();
    expect(() => gradients(largest(x, [0]), [x])).toThrow(/^largest: .*not differentiable/);
  });

  it('passes by ops that are not differentiable where nothing asked for lies behind them', () => {
    const { graph, x } = vector();
    const other = graph.input('other', 'f32', [2]);
    const [gradient] = gradients(sum(mul(x, largest(other, [0])), [0]), [x]);
    expect(valueOf(graph, gradient!, { x: f32([2], [1, 2]), other: f32([2], [4, 5]) })).toEqual([5, 5]);
  });

  it('asks for a loss that is a single float32 number', () => {
    const { x } = vector();
    expect(() => gradients(x, [x])).toThrow(/^gradients: .*single f32 number, got f32 \[2\]/);
    expect(() => gradients(cast(sum(x, [0]), 'f16'), [x])).toThrow(/got f16 \[1\]/);
  });
});

function named(cases: readonly Case[]): [name: string, Case][] {
  return cases.map((example) => [`${example.of} ${example.name}`, example]);
}

/** Central differences of the output `loss` in float64. */
function differences(graph: Graph, values: Values, name: string): TensorData {
  const { dtype, shape } = values[name]!;
  const numbers = toFloat64(values[name]!);
  const lossAt = (index: number, value: number): number => {
    const moved = { dtype, shape, data: numbers.with(index, value) };
    return evaluateGraph(graph, { ...values, [name]: moved }).get('loss')!.data[0]!;
  };
  const slope = (x: number, index: number): number =>
    (lossAt(index, x + STEP) - lossAt(index, x - STEP)) / (2 * STEP);
  return { dtype, shape, data: numbers.map(slope) };
}

function vector(): { graph: Graph; x: Tensor } {
  const graph = new Graph();
  return { graph, x: graph.input('x', 'f32', [2]) };
}

function valueOf(graph: Graph, tensor: Tensor, values: Values): number[] {
  const name = `result ${graph.outputs.size}`;
  graph.output(name, tensor);
  return [...evaluateGraph(graph, values).get(name)!.data];
}
