import { expect, it } from 'vitest';
import { addDims, multiplyDims, size } from '../../engine/graph/dim.ts';
import { f32 } from '../../engine/graph/dtype.ts';
import { Graph } from '../../engine/graph/graph.ts';
import { printGraph } from '../../engine/graph/print.ts';
import { attention } from '../../engine/ops/attention.ts';
import { add, like, mul } from '../../engine/ops/elementwise.ts';
import { linear } from '../../engine/ops/matmul.ts';
import { reshape, slice } from '../../engine/ops/movement.ts';

it('prints one line for each node, then the outputs', () => {
  const graph = new Graph();
  const pixels = multiplyDims(size('h'), size('w'));
  graph.input('picture', 'u8', [size('h'), size('w')]);
  const x = graph.input('x', 'f32', [size('b'), addDims(pixels, size('l')), 8]);
  const y = linear(x, graph.weight('qkv', 'f32', [8, 8]));
  const image = slice(y, 1, 0, pixels);
  const heads = reshape(image, [size('b'), pixels, 2, 4]);
  graph.output('velocity', attention(heads, heads, heads, 0.5));
  graph.output('shifted', add(mul(y, like(y, 0.1)), graph.constant(f32([8], [1, 2, 3, 4, 5, 6, 7, 8]))));
  expect(printGraph(graph)).toBe(
    [
      'input:picture u8 [h, w]',
      'input:x f32 [b, h*w + l, 8]',
      'weight:qkv f32 [8, 8]',
      '%3 = linear(input:x, weight:qkv) f32 [b, h*w + l, 8]',
      '%4 = slice(%3) f32 [b, h*w, 8]  {axis: 1, start: 0, length: h*w}',
      '%5 = reshape(%4) f32 [b, h*w, 2, 4]  {shape: [b, h*w, 2, 4]}',
      '%6 = attention(%5, %5, %5) f32 [b, h*w, 2, 4]  {scale: 0.5}',
      '%7 = constant(0.1) f32 []',
      '%8 = mul(%3, %7) f32 [b, h*w + l, 8]',
      '%9 = constant(1, 2, 3, 4, … 8 numbers) f32 [8]',
      '%10 = add(%8, %9) f32 [b, h*w + l, 8]',
      'output:velocity = %6',
      'output:shifted = %10',
    ].join('\n'),
  );
});
