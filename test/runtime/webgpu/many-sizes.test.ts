/** @file More sizes than plans are kept for: those that were forgotten are made again, and nothing is given back twice. */
import { expect, it } from 'vitest';
import { size } from '../../../engine/graph/dim.ts';
import { f32, toFloat32 } from '../../../engine/graph/dtype.ts';
import { Graph } from '../../../engine/graph/graph.ts';
import { add } from '../../../engine/ops/elementwise.ts';
import { softmax } from '../../../engine/ops/normalization.ts';
import { testGpu } from '../../helpers/gpu.ts';

const { runtime, reason } = await testGpu();
const WIDTH = 32;

it.skipIf(!runtime)(
  `two runs at a time in sizes that come and go give the right numbers ${reason}`,
  async () => {
    const graph = new Graph();
    const x = graph.input('x', 'f32', [size('rows'), WIDTH]);
    const offset = graph.constant(
      f32(
        [WIDTH],
        Float32Array.from({ length: WIDTH }, (_, i) => i),
      ),
    );
    graph.output('y', add(softmax(x), offset));
    const program = await runtime!.compile(graph, new Map());
    const before = runtime!.memory().held;
    const numbers = (rows: number, add: number) =>
      Float32Array.from({ length: rows * WIDTH }, (_, i) => Math.sin(i + add));
    for (const rows of [...Array(24).keys()].map((n) => 1 + (n % 12))) {
      const results = await Promise.all(
        [0, 1].map(async (add) => {
          const { y } = await program.run({ x: f32([rows, WIDTH], numbers(rows, add)) });
          return { add, last: toFloat32(y!).slice(-WIDTH) };
        }),
      );
      for (const { add, last } of results) {
        const row = [...numbers(rows, add).slice(-WIDTH)].map(Math.exp);
        const sum = row.reduce((total, value) => total + value, 0);
        last.forEach((value, i) => expect(value).toBeCloseTo(row[i]! / sum + i, 4));
      }
    }
    await program.dispose();
    expect(runtime!.memory().held).toBe(before);
  },
);
