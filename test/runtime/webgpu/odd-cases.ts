/** @file Cases for the kernels, of random odd shapes: the same for the same seed. */
import type { Tensor } from '../../../engine/graph/graph.ts';
import type { Shape } from '../../../engine/graph/shape.ts';
import { attention, rotate } from '../../../engine/ops/attention.ts';
import { conv2d, upsample } from '../../../engine/ops/convolution.ts';
import { add, cos, exp, less, mul, sin, where } from '../../../engine/ops/elementwise.ts';
import { gather, scatter } from '../../../engine/ops/indexing.ts';
import { matmul, swapLastAxes } from '../../../engine/ops/matmul.ts';
import { concat, padZeros, reshape, slice, transpose } from '../../../engine/ops/movement.ts';
import { groupNorm, layerNorm, rmsNorm, softmax } from '../../../engine/ops/normalization.ts';
import { largest, mean, sum } from '../../../engine/ops/reduce.ts';
import { uniforms } from '../../../engine/sampling/noise.ts';
import { example, float, given, integer, type Case, type Input } from '../../ops/cases/case.ts';

const ODD = [1, 2, 3, 5, 7, 13, 17, 31, 33, 63, 65, 127, 129];
/** Head sizes that models have. */
const HEADS = [32, 48, 64, 72, 96, 128, 264];
const EPSILON = 1e-5;

/** Chooses from lists. */
type Pick = <T>(from: readonly T[]) => T;

export function picker(seed: number): Pick {
  const numbers = uniforms(seed, 77, 4096).values();
  return (from) => from[Math.floor(numbers.next().value! * from.length)]!;
}

function odd(pick: Pick, most = 130): number {
  return pick(ODD.filter((size) => size <= most));
}

function named(of: string, details: string, inputs: readonly Input[], build: Case['build']): Case {
  const name = [details, ...inputs.map(({ shape }) => (shape as number[]).join('x'))]
    .filter(Boolean)
    .join(' ');
  const options = of === 'largest' ? { noGradient: 'it has none' } : {};
  return example(of, name, inputs, build, options);
}

// --- products -------------------------------------------------------------------------------------------------

/** Every combination of transposed operands, each a slice of something larger, some with a batch that stretches. */
export function products(pick: Pick): Case[] {
  const layouts = [0, 1, 2, 3].map((bits) => [bits % 2 > 0, bits > 1] as const);
  return layouts.map(([ta, tb]) => {
    const [batch, m, n, k] = [pick([1, 2, 3]), odd(pick), odd(pick), odd(pick)];
    const [from, isShared] = [pick([0, 1, 4]), pick([false, true])];
    const operand = (batches: number, rows: number, columns: number, isTurned: boolean): Input =>
      float([batches, ...(isTurned ? [columns + 5, rows] : [rows, columns + 5])]);
    const cut = (x: Tensor, columns: number, isTurned: boolean): Tensor =>
      isTurned ? swapLastAxes(slice(x, 1, from, columns)) : slice(x, 2, from, columns);
    const inputs = [operand(batch, m, k, ta), operand(isShared ? 1 : batch, k, n, tb)];
    return named('matmul', `${ta ? 'turned ' : ''}by ${tb ? 'turned' : 'plain'}`, inputs, (a, b) =>
      matmul(cut(a, k, ta), cut(b, n, tb)),
    );
  });
}

/** Products that are large enough for the tiles of a GPU: one that splits k, and one that does not. */
export function largeProducts(pick: Pick): Case[] {
  const [m, n] = [pick([31, 33, 63, 65]), pick([31, 33, 65])];
  const [rows, columns, depth] = [pick([257, 259]), pick([130, 257]), pick([255, 257])];
  const plain = (shapes: readonly Shape[]): Case =>
    named(
      'matmul',
      'large',
      shapes.map((shape) => float(shape)),
      matmul,
    );
  return [
    plain([
      [m, 9001],
      [9001, n],
    ]),
    plain([
      [rows, depth],
      [depth, columns],
    ]),
  ];
}

// --- attention ------------------------------------------------------------------------------------------------

/** A bias [batch, heads, queries, keys]; `isOpen` says which keys a query may look at. */
function mask(
  batch: number,
  heads: number,
  queries: number,
  keys: number,
  isOpen: (query: number, key: number) => boolean,
): Input {
  const values = Array.from({ length: batch * heads * queries * keys }, (_, index) => {
    return isOpen(Math.floor(index / keys) % queries, index % keys) ? 0 : -1e30;
  });
  return given('f32', [batch, heads, queries, keys], values);
}

/** A kind of attention for each head size, in an order of chance: to itself or others, with masks and biases. */
export function attentions(pick: Pick): Case[] {
  const first = pick([0, 1, 2, 3, 4, 5]);
  return HEADS.map((width, index) => {
    const [batch, heads] = [pick([1, 2]), pick([1, 2, 3])];
    const [queries, others] = [odd(pick, 65), odd(pick, 65)];
    const biases: readonly (readonly [name: string, keys: number, bias?: Input])[] = [
      ['to itself', queries],
      ['to others', others],
      ['causal', queries, mask(1, 1, queries, queries, (query, key) => key <= query)],
      ['in a window', queries, mask(batch, 1, queries, queries, (q, key) => key <= q && q - key < 7)],
      ['with a bias', others, float([batch, heads, queries, others])],
      ['with a bias of heads', others, float([1, heads, queries, others])],
    ];
    const [name, keys, bias] = biases[(first + index) % biases.length]!;
    const tokens = (length: number): Input => float([batch, length, heads, width], -1, 1);
    const inputs = [tokens(queries), tokens(keys), tokens(keys), ...(bias ? [bias] : [])];
    return named('attention', name, inputs, (q, k, v, added?: Tensor) =>
      attention(q, k, v, width ** -0.5, added),
    );
  });
}

// --- pictures -------------------------------------------------------------------------------------------------

export function pictures(pick: Pick): Case[] {
  const stride = pick([1, 2]);
  const around = stride === 1 ? ([1, 1] as const) : ([0, 1] as const);
  const [x, small] = [
    [pick([1, 2]), odd(pick, 9), odd(pick, 33), odd(pick, 33)],
    [1, odd(pick, 7), odd(pick, 17), 3],
  ];
  const [outputs, few] = [odd(pick, 17), odd(pick, 7)];
  const groups = pick([1, 3]);
  const channels = 3 * odd(pick, 5);
  const plain: readonly [number, number] = [0, 0];
  const convolved = (picture: number[], weight: number[], by: number, padding: readonly [number, number]) =>
    named(
      'conv2d',
      `stride ${by}`,
      [picture, weight, weight.slice(0, 1)].map((s) => float(s)),
      (p, w, b) => conv2d(p, w, b, { stride: by, padding }),
    );
  return [
    convolved(x, [outputs, x[1]!, 3, 3], stride, around),
    convolved(small, [few, small[1]!, 1, 1], 1, plain),
    named(
      'groupNorm',
      `${groups} groups`,
      [float([2, channels, odd(pick, 17), odd(pick, 17)]), float([channels]), float([channels])],
      (p, s, t) => groupNorm(p, s, t, groups, EPSILON),
    ),
    named('upsample', '', [float([2, odd(pick, 5), odd(pick, 17), odd(pick, 17)])], upsample),
  ];
}

// --- what is small to compile -----------------------------------------------------------------------------------

export function rows(pick: Pick): Case[] {
  const lengths = [1, 3, odd(pick), odd(pick), 127, 257, 1023, 1025, 3001];
  return lengths.map((length) => {
    const [x, own] = [float([odd(pick, 17), length]), float([length])];
    const kinds: readonly Case[] = [
      named('softmax', '', [x], softmax),
      named('rmsNorm', '', [x, own], (a, s) => rmsNorm(a, s, EPSILON)),
      named('layerNorm', '', [x, own, own], (a, s, t) => layerNorm(a, s, t, EPSILON)),
      named('rows', 'of a sum', [x, own], (a, s) => softmax(add(a, exp(mul(s, a.graph.scalar(0.1)))))),
    ];
    const kind = pick(kinds);
    // Of rows of one number the gradient is what is left when large numbers cancel: nothing but rounding.
    return length > 1 ? kind : { ...kind, noGradient: 'it cancels' };
  });
}

export function reductions(pick: Pick): Case[] {
  const axes = [[0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2]];
  return axes.map((over) => {
    const x = float([odd(pick, 33), odd(pick, 65), odd(pick, 33)]);
    const [name, reduce] = pick([
      ['sum', sum],
      ['mean', mean],
      ['largest', largest],
    ] as const);
    return named(name, `over ${over.join(' and ')}`, [x], (a) => reduce(mul(a, a), over));
  });
}

/** Numbers that are moved, chosen and put together. */
export function movements(pick: Pick): Case[] {
  const [a, b, c] = [odd(pick, 17), odd(pick, 33), odd(pick, 17)];
  const [table, width, chosen] = [odd(pick, 65), odd(pick), odd(pick, 65)];
  const [before, after] = [pick([0, 1, 3]), pick([0, 1, 5])];
  const half = odd(pick, 33);
  const order = pick([
    [2, 0, 1],
    [1, 2, 0],
    [2, 1, 0],
  ]);
  const index = integer([chosen], 0, table);
  const pairs = pick(['halves', 'interleaved'] as const);
  const heads = float([2, b, 3, 2 * half]);
  return [
    named('transpose', order.join(), [float([a, b, c])], (x) => exp(transpose(x, order))),
    named('stretch', '', [float([a, 1, c]), float([b, 1])], add),
    named('where', '', [float([a, b, c]), float([b, c])], (x, y) => where(less(x, y), mul(x, y), y)),
    named('pad', `${before} ${after}`, [float([a, b])], (x) => exp(padZeros(x, 1, before, after))),
    named('concat', '', [float([a, b]), float([a, c])], (x, y) => concat([x, y, x], 1)),
    named('reshape', '', [float([a, 6, c])], (x) =>
      mul(reshape(transpose(x, [1, 0, 2]), [3, 2 * a * c]), x.graph.scalar(2)),
    ),
    named('gather', '', [float([table, width]), index], gather),
    named('scatter', 'added', [float([table, width]), index, float([chosen, width])], (x, i, u) =>
      scatter(x, i, u, 'add'),
    ),
    named('scatter', 'replacing', [float([table, width]), index, float([chosen, width])], (x, i, u) =>
      scatter(x, i, u, 'replace'),
    ),
    named('rotate', pairs, [heads, float([1, b, 1, half])], (x, angle) =>
      rotate(x, cos(angle), sin(angle), pairs),
    ),
  ];
}
