/** @file The simplest convolutions: one thread for each result. */
import { groupNumber, spread } from '../groups/written.ts';
import type { Features, Kernel } from '../kernel.ts';

export interface ConvolutionProblem {
  readonly kind: 'conv2d' | 'conv2dBack' | 'conv2dWeights';
  readonly picture: readonly number[];
  readonly weight: readonly number[];
  readonly result: readonly number[];
  readonly stride: number;
  readonly before: number;
  readonly dtype: 'f16' | 'f32';
}

const THREADS = 64;

export function convolutionKernel(p: ConvolutionProblem, features: Features): Kernel {
  const [batch, channels, rows, columns] = p.picture as [number, number, number, number];
  const [outputs, , tall, wide] = p.weight as [number, number, number, number];
  const [, , height, width] = p.result as [number, number, number, number];
  const c = {
    batch,
    channels,
    rows,
    columns,
    outputs,
    tall,
    wide,
    height,
    width,
    stride: p.stride,
    before: p.before,
  };
  const constants = Object.entries(c).map(([name, value]) => `const ${name}: i32 = ${value};`);
  const { names, total, body } = FORMS[p.kind](c);
  const workgroups = spread(Math.ceil(total / THREADS), features);
  const declared = names.map(
    (name, index) =>
      `@group(0) @binding(${index}) var<storage, ${name === 'result' ? 'read_write' : 'read'}> ${name}: array<${p.dtype}>;`,
  );
  const source = `${p.dtype === 'f16' ? 'enable f16;' : ''}
${constants.join('\n')}
${declared.join('\n')}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let index = i32(${groupNumber(workgroups)} * ${THREADS}u + thread);
  if (index >= ${total}) { return; }
  var total = 0.0;
${body}
  result[index] = ${p.dtype}(total);
}
`;
  const flops = 2 * batch * outputs * height * width * channels * tall * wide;
  return {
    name: `${p.kind} ${p.picture.join('x')} ${p.weight.join('x')}`,
    source,
    bindings: names.map((name) => (name === 'result' ? 'write' : 'read')),
    workgroups,
    flops,
    bytes: 0,
  };
}

type Sizes = Readonly<
  Record<'batch' | 'channels' | 'rows' | 'columns' | 'outputs' | 'tall' | 'wide' | 'height' | 'width', number>
>;

const FORMS = {
  conv2d: ({ batch, outputs, height, width }: Sizes) => ({
    names: ['picture', 'weight', 'bias', 'result'],
    total: batch * outputs * height * width,
    body: `
  let x = index % width; let y = (index / width) % height; let o = (index / (width * height)) % outputs;
  let b = index / (width * height * outputs);
  total = f32(bias[o]);
  for (var ch = 0; ch < channels; ch++) { for (var i = 0; i < tall; i++) { for (var j = 0; j < wide; j++) {
    let row = y * stride + i - before; let column = x * stride + j - before;
    if (row < 0 || column < 0 || row >= rows || column >= columns) { continue; }
    total += f32(picture[((b * channels + ch) * rows + row) * columns + column]) * f32(weight[((o * channels + ch) * tall + i) * wide + j]);
  } } }`,
  }),
  conv2dBack: ({ batch, channels, rows, columns }: Sizes) => ({
    names: ['g', 'weight', 'result'],
    total: batch * channels * rows * columns,
    body: `
  let column = index % columns; let row = (index / columns) % rows; let ch = (index / (columns * rows)) % channels;
  let b = index / (columns * rows * channels);
  for (var o = 0; o < outputs; o++) { for (var i = 0; i < tall; i++) { for (var j = 0; j < wide; j++) {
    let y = row + before - i; let x = column + before - j;
    if (y < 0 || x < 0 || y % stride != 0 || x % stride != 0 || y / stride >= height || x / stride >= width) { continue; }
    total += f32(g[((b * outputs + o) * height + y / stride) * width + x / stride]) * f32(weight[((o * channels + ch) * tall + i) * wide + j]);
  } } }`,
  }),
  conv2dWeights: ({ outputs, channels, tall, wide }: Sizes) => ({
    names: ['picture', 'g', 'result'],
    total: outputs * channels * tall * wide,
    body: `
  let j = index % wide; let i = (index / wide) % tall; let ch = (index / (wide * tall)) % channels;
  let o = index / (wide * tall * channels);
  for (var b = 0; b < batch; b++) { for (var y = 0; y < height; y++) { for (var x = 0; x < width; x++) {
    let row = y * stride + i - before; let column = x * stride + j - before;
    if (row < 0 || column < 0 || row >= rows || column >= columns) { continue; }
    total += f32(picture[((b * channels + ch) * rows + row) * columns + column]) * f32(g[((b * outputs + o) * height + y) * width + x]);
  } } }`,
  }),
};
