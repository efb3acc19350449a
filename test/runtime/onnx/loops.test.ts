import { describe, expect, it } from 'vitest';
import { f32, toFloat32, type TensorData } from '../../../engine/graph/dtype.ts';
import { Graph } from '../../../engine/graph/graph.ts';
import { count } from '../../../engine/graph/shape.ts';
import { add, like, mul } from '../../../engine/ops/elementwise.ts';
import { sum } from '../../../engine/ops/reduce.ts';
import { compileLoops, PIECE } from '../../../engine/runtime/onnx/loops.ts';
import { onnxRuntime } from '../../../engine/runtime/onnx/runtime.ts';
import { OnnxVariables } from '../../../engine/runtime/onnx/variables.ts';
import { evaluateGraph } from '../../../engine/runtime/reference.ts';
import { normals, uniforms } from '../../../engine/sampling/noise.ts';
import { optimizerSettings, updateGraph, updateValues } from '../../../engine/training/optimizer.ts';
import { variableName, type Kind } from '../../../engine/training/variables.ts';

/** One tensor that needs several pieces, the last of them short, and small ones with the same and another fan-in. */
const SHAPES = new Map<string, readonly number[]>([
  ['large', [PIECE / 512 + 3, 1024]],
  ['small', [5, 1024]],
  ['other', [7]],
]);
const KINDS: readonly Kind[] = ['value', 'gradient', 'mean', 'square', 'average'];
const settings = optimizerSettings.parse({});

describe('an update as loops', () => {
  it('computes what the whole graph does', async () => {
    const graph = updateGraph(SHAPES, settings, true);
    const scalars = { learningRate: 0.3, gradientScale: 0.5, updates: 3, averageRate: 0.1 };
    const inputs = Object.fromEntries(
      Object.entries(updateValues(settings, scalars, true)).map(([name, value]) => [name, f32([], [value])]),
    );
    const start = startValues();
    const whole = updateGraph(SHAPES, settings, true);
    for (const [name, next] of whole.assignments) whole.output(name, next);
    const expected = evaluateGraph(whole, inputs, Object.fromEntries(start));

    const runtime = onnxRuntime('cpu');
    const variables = runtime.createVariables();
    for (const [name, value] of start) await variables.write(name, value);
    const program = await runtime.compile(graph, new Map(), variables);
    await program.run(inputs);
    for (const name of graph.assignments.keys()) {
      const is = toFloat32(await variables.read(name));
      const should = expected.get(name)!.data;
      let worst = 0;
      is.forEach((value, index) => (worst = Math.max(worst, Math.abs(value - should[index]!))));
      expect(worst, name).toBeLessThan(1e-6);
    }
    await program.dispose();
  });

  it('is refused where a number needs others, is read from outside, or has another shape', () => {
    const variables = new OnnxVariables();
    const reduced = new Graph();
    const a = reduced.variable('a', 'f32', [4]);
    reduced.assign('a', mul(a, sum(a, [0])));
    expect(compileLoops(reduced, variables)).toBeUndefined();

    const read = new Graph();
    const b = read.variable('b', 'f32', [4]);
    read.assign('b', add(b, like(b, 1)));
    read.output('b', b);
    expect(compileLoops(read, variables)).toBeUndefined();

    const stretched = new Graph();
    const c = stretched.variable('c', 'f32', [2, 4]);
    stretched.assign('c', add(c, stretched.variable('row', 'f32', [4])));
    expect(compileLoops(stretched, variables)).toBeUndefined();
  });
});

function startValues(): Map<string, TensorData> {
  const values = new Map<string, TensorData>();
  let stream = 0;
  for (const [name, shape] of SHAPES) {
    for (const kind of KINDS) {
      const draw = kind === 'square' ? uniforms : normals;
      values.set(variableName(kind, name), f32(shape, draw(0, stream++, count(shape))));
    }
  }
  return values;
}
