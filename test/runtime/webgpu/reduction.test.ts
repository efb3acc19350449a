import { describe, expect, it } from 'vitest';
import { f32 } from '../../../engine/graph/dtype.ts';
import { Graph } from '../../../engine/graph/graph.ts';
import { mean } from '../../../engine/ops/reduce.ts';
import { evaluateToData } from '../../../engine/runtime/reference.ts';
import { piecesOf } from '../../../engine/runtime/webgpu/reduction.ts';
import { expectAllclose, TOLERANCES } from '../../helpers/allclose.ts';
import { testGpu } from '../../helpers/gpu.ts';

const { runtime, reason } = await testGpu();

it('every piece of a reduction has numbers', () => {
  for (let length = 1; length < 40_000; length += 97) {
    for (const results of [1, 3, 8, 260]) {
      const pieces = piecesOf([length, results], [0]);
      const each = Math.ceil(length / pieces);
      expect((pieces - 1) * each, `${length} x ${results} in ${pieces}`).toBeLessThan(length);
    }
  }
});

describe.skipIf(!runtime)(`means over axes in any place ${reason}`, () => {
  const shapes: [shape: number[], axes: number[]][] = [
    [[70_000, 8], [0]], // in pieces, one after the other: what one leaves in memory must not show in the next
    [[9000, 3], [0]],
    [[5000, 12], [0]],
    [[17, 33, 5], [1]],
    [
      [3, 7, 5, 2, 6, 2],
      [3, 5],
    ], // the gradient of an enlarged picture
    [
      [3, 129, 260],
      [0, 1],
    ],
    [[70_001], [0]],
  ];
  it.each(shapes)('%j over %j', async (shape, axes) => {
    const size = shape.reduce((product, each) => product * each, 1);
    const graph = new Graph();
    graph.output('y', mean(graph.input('x', 'f32', shape), axes));
    const x = f32(
      shape,
      Float32Array.from({ length: size }, (_, i) => Math.sin(i * 1.7) + (i % 5)),
    );
    const program = await runtime!.compile(graph, new Map());
    const { y } = await program.run({ x });
    await program.dispose();
    expectAllclose(y!, evaluateToData(graph, { x })['y']!, TOLERANCES.float32, 'y');
  });
});
