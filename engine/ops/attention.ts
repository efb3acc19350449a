/** @file Attention and rotary positions. Heads are an axis of their own: [batch, tokens, heads, head size]. */
import { HdmError } from '../errors.ts';
import { multiplyDims, sameDim, type Dim } from '../graph/dim.ts';
import { formatType, type Tensor } from '../graph/graph.ts';
import type { Composite } from '../graph/op.ts';
import { requireAxes, sameShape, type Shape } from '../graph/shape.ts';
import { add, cast, exp, like, log, mul, sub } from './elementwise.ts';
import { matmul, swapLastAxes } from './matmul.ts';
import { broadcastTo, concat, reshape, slice, split, transpose } from './movement.ts';
import { softmax } from './normalization.ts';
import { largest, sum, sumTo } from './reduce.ts';

interface AttentionAttributes {
  readonly scale: number;
}

export const ATTENTION: Composite<AttentionAttributes> = {
  name: 'attention',
  infer([q, k, v, bias]) {
    requireAxes('attention', q!.shape, ['batch', 'tokens', 'heads', 'head size']);
    const [batch, queries, heads, width] = q!.shape as [Dim, Dim, Dim, Dim];
    const keys = k!.shape[1] ?? 1;
    const areKeys = [k!, v!].every(
      ({ dtype, shape }) => dtype === q!.dtype && sameShape(shape, [batch, keys, heads, width]),
    );
    if (!areKeys) {
      const problem = `q ${formatType(q!)}, k ${formatType(k!)}, v ${formatType(v!)} do not fit`;
      throw new HdmError('bad-shape', 'attention', problem, 'All are [batch, tokens, heads, head size]');
    }
    if (bias && !stretchesTo(bias.shape, [batch, heads, queries, keys], 2)) {
      const problem = `bias ${formatType(bias)} does not fit q ${formatType(q!)} and k ${formatType(k!)}`;
      throw new HdmError('bad-shape', 'attention', problem, 'It is [batch or 1, heads or 1, queries, keys]');
    }
    return { dtype: q!.dtype, shape: q!.shape };
  },
  compose([q, k, v, bias], { scale }) {
    const shares = softmax(scores(q!, k!, scale, bias)); // [B, H, T, S]
    return headsLast(matmul(cast(shares, v!.dtype), headsFirst(v!)));
  },
  // Three ops of their own, so that a runtime can compute them without the T x S matrix in memory.
  gradient(g, y, { scale }) {
    const [q, k, v, bias] = y.inputs as [Tensor, Tensor, Tensor, Tensor?];
    const { graph } = y;
    const masked = bias ? [bias] : [];
    const sums = graph.add(ATTENTION_SUMS, [q, k, ...masked], { scale });
    const known = [q, k, v, y, g, sums, ...masked];
    const toBoth = graph.add(ATTENTION_TO_KEYS_AND_VALUES, known, { scale });
    const [toK, toV] = split(toBoth, 0, 2).map((part) => reshape(part, k.shape));
    const gradients = [graph.add(ATTENTION_TO_QUERIES, known, { scale }), toK, toV];
    if (!bias) return gradients;
    const { toScores } = backward(known as Backward, scale);
    return [...gradients, cast(sumTo(toScores, bias.shape), bias.dtype)];
  },
  onnx(emit, [q, k, v, bias], node, { scale }) {
    const [heads, width] = node.shape.slice(2) as [number, number];
    const flat = [q!, k!, v!].map((name, index) => {
      const [batch, tokens] = node.inputs[index]!.shape;
      return emit.node('Reshape', [name, emit.shape([batch!, tokens!, heads * width])]);
    });
    const optional = bias ? ['', '', emit.cast(bias, node.inputs[3]!.dtype, node.dtype)] : [];
    const attributes = { num_heads: heads, scale: emit.float(scale) };
    const result = emit.node('MultiHeadAttention', [...flat, ...optional], attributes, 'com.microsoft');
    return emit.node('Reshape', [result, emit.shape(node.shape)]);
  },
};

export const ATTENTION_SUMS: Composite<AttentionAttributes> = {
  name: 'attentionSums',
  infer([q, k]) {
    const [batch, queries, heads] = q!.shape as [Dim, Dim, Dim];
    if (q!.dtype !== k!.dtype) throw notOfOneKind('attentionSums', [q!, k!]);
    return { dtype: 'f32', shape: [batch, heads, queries] };
  },
  compose([q, k, bias], { scale }) {
    const wide = cast(scores(q!, k!, scale, bias), 'f32');
    const top = largest(wide, [-1]);
    const sums = add(log(sum(exp(sub(wide, top)), [-1])), top);
    return reshape(sums, sums.shape.slice(0, 3));
  },
};

/** q, k, v, the result of attention, the gradient of it, `attentionSums`, and the bias if there is one. */
type Backward = [q: Tensor, k: Tensor, v: Tensor, y: Tensor, g: Tensor, sums: Tensor, bias?: Tensor];

export const ATTENTION_TO_QUERIES: Composite<AttentionAttributes> = {
  name: 'attentionToQueries',
  infer([q, ...others]) {
    if (others.slice(0, 4).some(({ dtype }) => dtype !== q!.dtype)) {
      throw notOfOneKind('attentionToQueries', [q!, ...others]);
    }
    return { dtype: q!.dtype, shape: q!.shape };
  },
  compose(known, { scale }) {
    const [q, k] = known as Backward;
    const { toScores } = backward(known as Backward, scale);
    const mixed = matmul(cast(toScores, q.dtype), headsFirst(k));
    return headsLast(mul(mixed, like(mixed, scale)));
  },
};

/** Gradients of keys and values, one after the other on a leading axis: [2, B, S, H, D]. */
export const ATTENTION_TO_KEYS_AND_VALUES: Composite<AttentionAttributes> = {
  name: 'attentionToKeysAndValues',
  infer([q, k, ...others]) {
    if (others.slice(0, 3).some(({ dtype }) => dtype !== q!.dtype)) {
      throw notOfOneKind('attentionToKeysAndValues', [q!, k!, ...others]);
    }
    return { dtype: k!.dtype, shape: [2, ...k!.shape] };
  },
  compose(known, { scale }) {
    const [q, , , , g] = known as Backward;
    const { shares, toScores } = backward(known as Backward, scale);
    const scaled = mul(headsFirst(q), like(q, scale));
    const toK = headsLast(matmul(swapLastAxes(cast(toScores, q.dtype)), scaled));
    const toV = headsLast(matmul(swapLastAxes(cast(shares, g.dtype)), headsFirst(g)));
    return concat(
      [toK, toV].map((part) => reshape(part, [1, ...part.shape])),
      0,
    );
  },
};

/** scale · q kᵀ + bias [B, H, T, S]. */
function scores(q: Tensor, k: Tensor, scale: number, bias: Tensor | undefined): Tensor {
  const scaled = mul(headsFirst(q), like(q, scale));
  const products = matmul(scaled, swapLastAxes(headsFirst(k)));
  return bias ? add(cast(products, 'f32'), cast(bias, 'f32')) : products;
}

/** P = softmax(scores), and P (g vᵀ - Σ g y): the gradient of the scores (Dao et al. 2022, appendix B). */
function backward([q, k, v, y, g, , bias]: Backward, scale: number): { shares: Tensor; toScores: Tensor } {
  const shares = cast(softmax(scores(q, k, scale, bias)), 'f32');
  const toShares = cast(matmul(headsFirst(g), swapLastAxes(headsFirst(v))), 'f32');
  const rows = sum(mul(cast(headsFirst(g), 'f32'), cast(headsFirst(y), 'f32')), [-1]);
  return { shares, toScores: mul(shares, sub(toShares, rows)) };
}

function headsFirst(x: Tensor): Tensor {
  return transpose(x, [0, 2, 1, 3]); // [B, H, T, D]
}

function headsLast(x: Tensor): Tensor {
  return transpose(x, [0, 2, 1, 3]); // [B, T, H, D]
}

function notOfOneKind(op: string, operands: readonly Tensor[]): HdmError {
  const problem = `expected operands of one format, got ${operands.map(formatType).join(', ')}`;
  return new HdmError('bad-shape', op, problem, 'Cast first');
}

/**
 * softmax(scale · q kᵀ + bias) v for q [B, T, H, D], k and v [B, S, H, D], bias [B or 1, H or 1, T, S].
 * @returns [B, T, H, D]
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, scale: number, bias?: Tensor): Tensor {
  return q.graph.add(ATTENTION, bias ? [q, k, v, bias] : [q, k, v], { scale });
}

/** Grouped-query attention: every key head serves `times` query heads. [B, S, H, D] → [B, S, H·times, D]. */
export function repeatHeads(x: Tensor, times: number): Tensor {
  if (times === 1) return x;
  requireAxes('repeatHeads', x.shape, ['batch', 'tokens', 'heads', 'head size']);
  const [batch, tokens, heads, width] = x.shape as [Dim, Dim, number, Dim];
  const apart = reshape(x, [batch, tokens, heads, 1, width]);
  const spread = broadcastTo(apart, [batch, tokens, heads, times, width]);
  return reshape(spread, [batch, tokens, heads * times, width]);
}

interface RotaryAttributes {
  /** Which numbers turn together: (2i, 2i+1), or i and i + half. */
  readonly pairs: 'interleaved' | 'halves';
}

export const ROTATE: Composite<RotaryAttributes> = {
  name: 'rotate',
  infer([x, cosine, sine]) {
    requireAxes('rotate', x!.shape, ['batch', 'tokens', 'heads', 'head size']);
    const [width] = x!.shape.slice(-1) as [number];
    const pairs = [...x!.shape.slice(0, 3), width / 2];
    const fits = stretchesTo(cosine!.shape, pairs, 3) && sameShape(cosine!.shape, sine!.shape);
    if (!fits || width % 2 !== 0 || cosine!.dtype !== x!.dtype || sine!.dtype !== x!.dtype) {
      const problem = `cosine ${formatType(cosine!)} and sine ${formatType(sine!)} do not fit ${formatType(x!)}`;
      const advice = 'They are [batch or 1, tokens or 1, heads or 1, head size / 2]';
      throw new HdmError('bad-shape', 'rotate', problem, advice);
    }
    return { dtype: x!.dtype, shape: x!.shape };
  },
  compose([x, cosine, sine], { pairs }) {
    const [first, second] = pairs === 'halves' ? (split(x!, 3, 2) as [Tensor, Tensor]) : unzip(x!);
    const turned = [
      sub(mul(first, cosine!), mul(second, sine!)),
      add(mul(first, sine!), mul(second, cosine!)),
    ];
    if (pairs === 'halves') return concat(turned, 3);
    return reshape(concat(turned.map(withPairAxis), 4), x!.shape);
  },
  // One "position" per token and head, as HDM learns its frequencies for each head.
  onnx(emit, [x, cosine, sine], node, { pairs }) {
    const [rows, width] = [node.shape.slice(0, 3).reduce(multiplyDims), node.shape[3] as number];
    const table = (name: string, input: Tensor): string => {
      const full = [...node.shape.slice(0, 3), width / 2];
      const spread = sameShape(input.shape, full) ? name : emit.node('Expand', [name, emit.shape(full)]);
      return emit.node('Reshape', [spread, emit.shape([rows, width / 2])]);
    };
    const positions = emit.node('Range', [emit.scalarI64(0), emit.dim(rows), emit.scalarI64(1)]);
    const flat = [
      emit.node('Reshape', [x!, emit.shape([1, rows, width])]),
      emit.node('Reshape', [positions, emit.shape([1, rows])]),
      table(cosine!, node.inputs[1]!),
      table(sine!, node.inputs[2]!),
    ];
    const attributes = {
      interleaved: Number(pairs === 'interleaved'),
      num_heads: 1,
      rotary_embedding_dim: 0,
    };
    const turned = emit.node('RotaryEmbedding', flat, attributes, 'com.microsoft');
    return emit.node('Reshape', [turned, emit.shape(node.shape)]);
  },
};

/**
 * Rotary position embedding (Su et al. 2021): turns pairs of numbers of x [B, T, H, D] by angles whose cosine
 * and sine are [B or 1, T, H or 1, D/2].
 */
export function rotate(x: Tensor, cosine: Tensor, sine: Tensor, pairs: RotaryAttributes['pairs']): Tensor {
  return x.graph.add(ROTATE, [x, cosine, sine], { pairs });
}

/** Is `shape` the `full` one but for axes of size 1 among the first `free`? */
function stretchesTo(shape: Shape, full: Shape, free: number): boolean {
  if (shape.length !== full.length) return false;
  return shape.every((dim, axis) => (axis < free && dim === 1) || sameDim(dim, full[axis]!));
}

function unzip(x: Tensor): [Tensor, Tensor] {
  const width = x.shape[3] as number;
  const pairs = reshape(x, [...x.shape.slice(0, 3), width / 2, 2]);
  const half: Shape = [...x.shape.slice(0, 3), width / 2];
  return [reshape(slice(pairs, 4, 0, 1), half), reshape(slice(pairs, 4, 1, 1), half)];
}

function withPairAxis(x: Tensor): Tensor {
  return reshape(x, [...x.shape, 1]);
}
