/**
 * @file Convolutions of pictures [B, C, H, W] as products: of the weight with the patches of a picture, which are
 * gathered on the way and never stored.
 */
import type { Epilogue, Features, Kernel } from '../kernel.ts';
import { choicesFor, planProduct, type Choice, type Plan } from './plan.ts';
import { plainEpilogue, type Product } from './product.ts';
import {
  gathered,
  groupOf,
  guarded,
  operandSource,
  placedSource,
  typeOf,
  WIDTHS,
  type Source,
} from './source.ts';
import { buffer, lines, type Scalar } from './wgsl.ts';

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
        : patches(sizes, { along: 'outer', outer: pixels, inner: k }, 'batch', 'inner', 'outer'),
    };
  },
  // x[c, pixel] = Σ weight[o, c, tap] y[o, the pixel that saw this one through tap]
  conv2dBack(sizes) {
    const { batch, outputs, channels, rows, columns, tall, wide, height, width, dtype } = sizes;
    const pixels = rows * columns;
    const k = outputs * tall * wide;
    return {
      batch,
      m: channels,
      n: pixels,
      k,
      left: turnedWeight(sizes, { along: 'inner', outer: channels, inner: k }),
      right: isPlain(sizes)
        ? planes(outputs, height * width, dtype)
        : backPatches(sizes, { along: 'outer', outer: pixels, inner: k }),
    };
  },
  // weight[o, tap] = Σ y[o, pixel] x[tap of pixel], over the pixels of all pictures
  conv2dWeights(sizes) {
    const { batch, outputs, channels, tall, wide, height, width } = sizes;
    const [taps, pixels] = [channels * tall * wide, height * width];
    const k = batch * pixels;
    const [picture, pixel] = [`inner / ${pixels}u`, `inner % ${pixels}u`];
    return {
      batch: 1,
      m: outputs,
      n: taps,
      k,
      left: pixelsOfAll(sizes, { along: 'inner', outer: outputs, inner: k }),
      right: patches(sizes, { along: 'inner', outer: taps, inner: k }, picture, 'outer', pixel),
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

/** What a source is asked for: its axes, and the one along which a fetch runs. */
type Axes = Pick<Source, 'along' | 'outer' | 'inner'>;

/** The numbers of x that output pixels see at their taps [C, h, w]; 0 in the padding. `batch`, `tap`, `pixel`: WGSL. */
function patches(sizes: Sizes, axes: Axes, batch: string, tap: string, pixel: string): Source {
  const { channels, rows, columns, tall, wide, width, stride, before } = sizes;
  const planeAt = (place: string): string => `(${batch}) * ${channels}u + ${place} / ${tall * wide}u`;
  if (isInRows(sizes)) {
    return neighbours(sizes, axes, {
      plane: planeAt(`(${tap})`),
      y: `(${pixel}) / ${width}u + (${tap}) / 3u % 3u - 1u`,
      x: `(${pixel}) % ${width}u`,
      side: `(${tap}) % 3u`,
    });
  }
  return gatheredSource(
    sizes,
    axes,
    /* wgsl */ `let tap = ${tap};
  let pixel = ${pixel};
  let y = pixel / ${width}u * ${stride}u + tap / ${wide}u % ${tall}u;
  let x = pixel % ${width}u * ${stride}u + tap % ${wide}u;
  if (y < ${before}u || x < ${before}u || y >= ${rows + before}u || x >= ${columns + before}u) { return 0; }
  return NAME_buffer[((${planeAt('tap')}) * ${rows}u + y - ${before}u) * ${columns}u + x - ${before}u];`,
  );
}

/** The numbers of y that see pixel `outer` of x at tap `inner` [O, h, w]; 0 where none does. */
function backPatches(sizes: Sizes, axes: Axes): Source {
  const { outputs, columns, tall, wide, height, width, stride, before } = sizes;
  const plane = `batch * ${outputs}u + inner / ${tall * wide}u`;
  if (isInRows(sizes)) {
    return neighbours(sizes, axes, {
      plane,
      y: `outer / ${width}u + 1u - inner / 3u % 3u`,
      x: `outer % ${width}u`,
      side: '2u - inner % 3u',
    });
  }
  return gatheredSource(
    sizes,
    axes,
    /* wgsl */ `let y = outer / ${columns}u + ${before}u - inner / ${wide}u % ${tall}u;
  let x = outer % ${columns}u + ${before}u - inner % ${wide}u;
  // Below zero they wrap around and are too large as well.
  if (y % ${stride}u != 0u || x % ${stride}u != 0u || y >= ${height * stride}u || x >= ${width * stride}u) { return 0; }
  return NAME_buffer[((${plane}) * ${height}u + y / ${stride}u) * ${width}u + x / ${stride}u];`,
  );
}

/** weight[o, c, tap] by c and [o, tap]: a group goes on from one number to the next without a division. */
function turnedWeight(sizes: Sizes, axes: Axes): Source {
  const { channels, tall, wide, dtype } = sizes;
  const taps = tall * wide;
  const place = `(inner / ${taps}u * ${channels}u + outer) * ${taps}u + inner % ${taps}u`;
  if (axes.inner % 8 > 0) return gatheredSource(sizes, axes, `return NAME_buffer[${place}];`);
  return {
    dtype,
    ...axes,
    aligned: 1,
    declarations(binding, name, group) {
      const type = typeOf(group);
      const next = (step: number): string => /* wgsl */ `
  let value_${step} = ${name}_buffer[place];
  place += select(1u, ${(channels - 1) * taps + 1}u, tap == ${taps - 1}u);
  tap = select(tap + 1u, 0u, tap == ${taps - 1}u);`;
      return /* wgsl */ `
${buffer(binding, `${name}_buffer`, dtype, 'read')}

fn ${name}_inside(batch: u32, outer: u32, inner: u32) -> ${type} {
  var tap = inner % ${taps}u;
  var place = ${place};
  ${lines(WIDTHS[group], next)}
  return ${groupOf(group, dtype, (step) => `value_${step}`)};
}
${guarded(name, type, axes)}`;
    },
  };
}

/** y[b, o, pixel] by o and [b, pixel]. */
function pixelsOfAll(sizes: Sizes, axes: Axes): Source {
  const { outputs, height, width } = sizes;
  const pixels = height * width;
  const place = `(inner / ${pixels}u * ${outputs}u + outer) * ${pixels}u + inner % ${pixels}u`;
  return placedSource(sizes.dtype, axes, place, pixels);
}

/**
 * Whether neighbours along a row of the result see neighbours of the picture: at 3 x 3 and stride 1, where rows are
 * whole groups.
 */
function isInRows({ tall, wide, stride, before, rows, columns, height, width }: Sizes): boolean {
  const isSame = rows === height && columns === width;
  return tall === 3 && wide === 3 && stride === 1 && before === 1 && isSame && columns % 8 === 0;
}

/**
 * Where a group of neighbours is, as WGSL: its plane, its row (too large when above the first), its column, and which
 * numbers are seen: 0 those one to the left, 2 those one to the right.
 */
interface Neighbourhood {
  readonly plane: string;
  readonly y: string;
  readonly x: string;
  readonly side: string;
}

/** How a group is moved by one number, with the one that comes in from the group beside it. */
const MOVED = {
  words: {
    left: '(here << vec4(16u)) | (vec4(other.w, here.xyz) >> vec4(16u))',
    right: '(here >> vec4(16u)) | (vec4(here.yzw, other.x) << vec4(16u))',
  },
  numbers: { left: 'vec4(other.w, here.xyz)', right: 'vec4(here.yzw, other.x)' },
} as const;

/** Groups of neighbours in planes of rows, moved to a side: two loads at most for all of a group. */
function neighbours(
  { dtype, rows, columns }: Sizes,
  axes: Axes,
  { plane, y, x, side }: Neighbourhood,
): Source {
  return {
    dtype,
    ...axes,
    aligned: 8,
    declarations(binding, name, group) {
      const isWords = group === '8 x f16';
      const [width, type] = [WIDTHS[group], typeOf(group)];
      const element = isWords ? type : `vec4<${dtype}>`;
      const moved = MOVED[isWords ? 'words' : 'numbers'];
      return /* wgsl */ `
${buffer(binding, `${name}_buffer`, element, 'read')}

fn ${name}_inside(batch: u32, outer: u32, inner: u32) -> ${type} {
  let y = ${y};
  if (y >= ${rows}u) { return ${type}(); }
  let x = ${x};
  let side = ${side};
  let at = ((${plane}) * ${rows}u + y) * ${columns / width}u + x / ${width}u;
  let here = ${name}_buffer[at];
  if (side == 1u) { return ${type}(here); }
  let is_left = side == 0u;
  var other = ${element}();
  if (select((x < ${columns - width}u), (x > 0u), is_left)) { other = ${name}_buffer[select(at + 1u, at - 1u, is_left)]; }
  return ${type}(select(${moved.right}, ${moved.left}, is_left));
}
${guarded(name, type, axes)}`;
    },
  };
}

/** `body` returns one number of the buffer; NAME stands for the source's name. */
function gatheredSource({ dtype }: Sizes, axes: Axes, body: string): Source {
  return {
    dtype,
    ...axes,
    aligned: 1,
    declarations: (binding, name, group) => /* wgsl */ `
${buffer(binding, `${name}_buffer`, dtype, 'read')}

fn ${name}_at(batch: u32, outer: u32, inner: u32) -> ${dtype} {
  if (outer >= ${axes.outer}u || inner >= ${axes.inner}u) { return 0; }
  ${body.replaceAll('NAME', name)}
}
${gathered(name, group, { dtype, along: axes.along })}`,
  };
}
