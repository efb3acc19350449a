import { describe, expect, it } from 'vitest';
import { f32, fromNumbers, i64, type DType, type TensorData } from '../../engine/graph/dtype.ts';
import { Graph, type Tensor } from '../../engine/graph/graph.ts';
import { cast, mul } from '../../engine/ops/elementwise.ts';
import { gather } from '../../engine/ops/indexing.ts';
import { linear } from '../../engine/ops/matmul.ts';
import { slice, split } from '../../engine/ops/movement.ts';
import { onnxRuntime } from '../../engine/runtime/onnx/runtime.ts';
import { evaluateToData } from '../../engine/runtime/reference.ts';
import { expectAllclose, TOLERANCES } from '../helpers/allclose.ts';

const NUMBERS = Array.from({ length: 24 }, (_, index) => index / 8 - 1);
const X = f32([2, 4], NUMBERS.slice(3, 11));

describe.each(['f32', 'f16', 'bf16'] as const)('a weight in %s', (dtype) => {
  it('is widened where it is used', async () => {
    await expectAgreement(dtype, (x, weight) => linear(x, cast(weight, 'f32')));
  });

  it('is cut into parts of rows', async () => {
    await expectAgreement(dtype, (x, weight) => {
      const [first, second] = split(cast(weight, 'f32'), 0, 2) as [Tensor, Tensor];
      return mul(linear(x, first), linear(x, second));
    });
  });

  it('is used as a whole beside some of its rows', async () => {
    await expectAgreement(dtype, (x, weight) => {
      const wide = cast(weight, 'f32');
      return mul(linear(x, slice(wide, 0, 5, 1)), linear(x, wide));
    });
  });

  it('is cut along its other axis', async () => {
    await expectAgreement(dtype, (x, weight) => {
      return linear(slice(x, 1, 0, 2), slice(cast(weight, 'f32'), 1, 2, 2));
    });
  });

  it('is a table of rows to gather', async () => {
    await expectAgreement(dtype, (x, weight) => {
      const rows = gather(weight, x.graph.constant(i64([2], [5, 0])));
      return mul(x, cast(rows, 'f32'));
    });
  });
});

describe('the reference', () => {
  it('names a weight that was not given', () => {
    const graph = new Graph();
    graph.output('result', graph.weight('lost', 'f32', [1]));
    expect(() => evaluateToData(graph, {})).toThrow('weight "lost": it was not given');
  });
});

/** ONNX Runtime and the reference on x [2, 4] and a weight [6, 4]. */
async function expectAgreement(dtype: DType, build: (x: Tensor, weight: Tensor) => Tensor): Promise<void> {
  const weight: TensorData = fromNumbers(dtype, [6, 4], NUMBERS);
  const graph = new Graph();
  graph.output('result', build(graph.input('x', 'f32', [2, 4]), graph.weight('weight', dtype, [6, 4])));
  const source = { dtype, shape: weight.shape, place: { kind: 'memory', data: weight.data } } as const;
  const program = await onnxRuntime('cpu').compile(graph, new Map([['weight', source]]));
  const { result } = await program.run({ x: X });
  await program.dispose();
  expectAllclose(result!, evaluateToData(graph, { x: X }, { weight }).result!, TOLERANCES.float32);
}
