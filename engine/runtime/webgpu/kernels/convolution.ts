/**
 * @file Convolutions of pictures [B, C, H, W] as products: of the weight with the patches of a picture, which are
 * gathered on the way and never stored.
 */
import type { Epilogue, Features, Kernel } from '../kernel.ts';
import { choicesFor, planProduct, type Choice, type Plan } from './plan.ts';
import { plainEpilogue, type Product } from './product.ts';
import { gathered, operandSource, type Source } from './source.ts';
import { buffer, type Scalar } from './wgsl.ts';

export interface ConvolutionProblem {
  /** The op: its result is the picture y, the picture x, or the weight. */
  readonly kind: 'conv2d' | 'conv2dBack' | 'conv2dWeights';
  /** x [B, C, H, W], weight [O, C, h, w], and y [B, O, H', W']. */
  readonly picture: readonly number[];
  readonly weight: readonly number[];
  readonly result: readonly number[];
  readonly stride: number;
  /** Zeros before the first row and column. */
  readonly before: number;
  readonly dtype: Scalar;
  readonly choice?: Choice;
}

export function convolutionChoices(p: ConvolutionProblem, features: Features): readonly Choice[] {
  return choicesFor(productOf(p), features);
}

/**
 * Kernels for a convolution. Bindings are the operands of the op in its order, then those of the epilogue, by default
 * the bias (of `conv2d`) and the result. An epilogue of a picture gets the channel as row and the pixel as column; one
 * of a weight, its first axis and the rest.
 */
export function convolutionPlan(p: ConvolutionProblem, features: Features, epilogue?: Epilogue): Plan {
  const product = productOf(p);
  const choice = p.choice ?? choicesFor(product, features)[0]!;
  return planProduct(product, choice, features, epilogue ?? plainResult(p, product));
}

/** One kernel for a convolution: the best choice that does not split the sums. */
export function convolutionKernel(p: ConvolutionProblem, features: Features, epilogue?: Epilogue): Kernel {
  const choice = p.choice ?? convolutionChoices(p, features).find(({ splits }) => splits === 1)!;
  return convolutionPlan({ ...p, choice: { ...choice, splits: 1 } }, features, epilogue).kernels[0];
}

function plainResult({ kind, dtype }: ConvolutionProblem, { m, n }: Product): Epilogue {
  const plain = plainEpilogue(m, n, dtype);
  if (kind !== 'conv2d') return plain;
  return {
    bindings: ['read', ...plain.bindings],
    width: plain.width,
    declarations: (first) => `${buffer(first, 'bias', dtype, 'read')}\n${plain.declarations(first + 1)}`,
    store: (value, at) => plain.store(`(${value} + f32(bias[${at.row}]))`, at),
  };
}

/** The sizes of a convolution by name. */
interface Sizes {
  readonly batch: number;
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
  readonly outputs: number;
  readonly tall: number;
  readonly wide: number;
  readonly height: number;
  readonly width: number;
  readonly stride: number;
  readonly before: number;
  readonly dtype: Scalar;
}

function productOf(p: ConvolutionProblem): Product {
  const [batch, channels, rows, columns] = p.picture as [number, number, number, number];
  const [outputs, , tall, wide] = p.weight as [number, number, number, number];
  const [, , height, width] = p.result as [number, number, number, number];
  const { stride, before, dtype } = p;
  const sizes = { batch, channels, rows, columns, outputs, tall, wide, height, width, stride, before, dtype };
  const numbers = [p.picture, p.result, p.weight].reduce(
    (sum, shape) => sum + shape.reduce((a, b) => a * b),
    0,
  );
  const bytes = (dtype === 'f16' ? 2 : 4) * numbers;
  return { name: p.kind, order: [1, 0], bytes, ...PRODUCTS[p.kind](sizes) };
}

type Shape = Pick<Product, 'batch' | 'm' | 'n' | 'k' | 'left' | 'right'>;

const PRODUCTS: Readonly<Record<ConvolutionProblem['kind'], (sizes: Sizes) => Shape>> = {
  // y[o, pixel] = Σ weight[o, tap] x[tap of pixel]
  conv2d(sizes) {
    const { batch, outputs, channels, tall, wide, height, width, dtype } = sizes;
    const [k, pixels] = [channels * tall * wide, height * width];
    const weight = { transposed: false, rowStride: k, batchStride: 0, offset: 0 };
    return {
      batch,
      m: outputs,
      n: pixels,
      k,
      left: operandSource(weight, dtype, 'inner', { outer: outputs, inner: k }),
      right: isPlain(sizes)
        ? planes(channels, pixels, dtype)
        : gatheredSource(sizes, 'outer', pixels, k, patch(sizes, 'batch', 'inner', 'outer')),
    };
  },
  // x[c, pixel] = Σ weight[o, c, tap] y[o, the pixel that saw this one through tap]
  conv2dBack(sizes) {
    const { batch, outputs, channels, rows, columns, tall, wide, height, width, dtype } = sizes;
    const [taps, pixels] = [tall * wide, rows * columns];
    const k = outputs * taps;
    const place = `(inner / ${taps}u * ${channels}u + outer) * ${taps}u + inner % ${taps}u`;
    return {
      batch,
      m: channels,
      n: pixels,
      k,
      left: gatheredSource(sizes, 'inner', channels, k, `return NAME_buffer[${place}];`),
      right: isPlain(sizes)
        ? planes(outputs, height * width, dtype)
        : gatheredSource(sizes, 'outer', pixels, k, backPatch(sizes)),
    };
  },
  // weight[o, tap] = Σ y[o, pixel] x[tap of pixel], over the pixels of all pictures
  conv2dWeights(sizes) {
    const { batch, outputs, channels, tall, wide, height, width } = sizes;
    const [taps, pixels] = [channels * tall * wide, height * width];
    const k = batch * pixels;
    const place = `(inner / ${pixels}u * ${outputs}u + outer) * ${pixels}u + inner % ${pixels}u`;
    const seen = patch(sizes, `inner / ${pixels}u`, 'outer', `inner % ${pixels}u`);
    return {
      batch: 1,
      m: outputs,
      n: taps,
      k,
      left: gatheredSource(sizes, 'inner', outputs, k, `return NAME_buffer[${place}];`),
      right: gatheredSource(sizes, 'inner', taps, k, seen),
    };
  },
};

/** 1 x 1 at stride 1: the patches are the picture. */
function isPlain({ tall, wide, stride, before, rows, columns, height, width }: Sizes): boolean {
  return tall * wide === 1 && stride === 1 && before === 0 && rows === height && columns === width;
}

function planes(channels: number, pixels: number, dtype: Scalar): Source {
  const planes = { transposed: false, rowStride: pixels, batchStride: channels * pixels, offset: 0 };
  return operandSource(planes, dtype, 'outer', { outer: pixels, inner: channels });
}

/** WGSL that returns the number of x which output `pixel` sees at `tap` [C, h, w]; 0 in the padding. */
function patch(sizes: Sizes, batch: string, tap: string, pixel: string): string {
  const { channels, rows, columns, tall, wide, width, stride, before } = sizes;
  return /* wgsl */ `let tap = ${tap};
  let pixel = ${pixel};
  let y = pixel / ${width}u * ${stride}u + tap / ${wide}u % ${tall}u;
  let x = pixel % ${width}u * ${stride}u + tap % ${wide}u;
  if (y < ${before}u || x < ${before}u || y >= ${rows + before}u || x >= ${columns + before}u) { return 0; }
  let plane = (${batch}) * ${channels}u + tap / ${tall * wide}u;
  return NAME_buffer[(plane * ${rows}u + y - ${before}u) * ${columns}u + x - ${before}u];`;
}

/** WGSL that returns the number of y which sees pixel `outer` of x at tap `inner` [O, h, w]; 0 where none does. */
function backPatch(sizes: Sizes): string {
  const { outputs, columns, tall, wide, height, width, stride, before } = sizes;
  return /* wgsl */ `let y = outer / ${columns}u + ${before}u - inner / ${wide}u % ${tall}u;
  let x = outer % ${columns}u + ${before}u - inner % ${wide}u;
  // Below zero they wrap around and are too large as well.
  if (y % ${stride}u != 0u || x % ${stride}u != 0u || y >= ${height * stride}u || x >= ${width * stride}u) { return 0; }
  let plane = batch * ${outputs}u + inner / ${tall * wide}u;
  return NAME_buffer[(plane * ${height}u + y / ${stride}u) * ${width}u + x / ${stride}u];`;
}

/** `body` returns one number of the buffer; NAME stands for the source's name. */
function gatheredSource(
  { dtype }: Sizes,
  along: 'outer' | 'inner',
  outer: number,
  inner: number,
  body: string,
): Source {
  return {
    dtype,
    along,
    outer,
    inner,
    aligned: 1,
    declarations: (binding, name, group) => /* wgsl */ `
${buffer(binding, `${name}_buffer`, dtype, 'read')}

fn ${name}_at(batch: u32, outer: u32, inner: u32) -> ${dtype} {
  if (outer >= ${outer}u || inner >= ${inner}u) { return 0; }
  ${body.replaceAll('NAME', name)}
}
${gathered(name, group, { dtype, along })}`,
  };
}
