/**
 * @file Attention on matrix hardware (FlashAttention-2, Dao 2023). Every subgroup owns a few rows of tokens; the
 * workgroup walks over the others in steps. The hardware's matrices show their numbers only in memory, so scores pass
 * through workgroup memory on their way to becoming weights, which are written over them.
 *
 * Results are not scaled again whenever a larger score is met, as they are matrices too: only when it is larger by so
 * much that weights would not fit (as FlashAttention-4 does), which is rare after the first step.
 */
import type { Features, Kernel, MatrixConfig } from '../kernel.ts';
import {
  backwardBindings,
  forwardBindings,
  rowOf,
  statistics,
  tokensOf,
  usesHalf,
} from './attention-plain.ts';
import {
  biasBuffer,
  dense,
  isAligned,
  LOWEST,
  placeOf,
  resultBuffer,
  tileKernel,
  type AttentionProblem,
  type Rows,
  type Tokens,
} from './attention-problem.ts';
import { buffer, divide, enable, lines } from './wgsl.ts';

/** How the work is cut. Any choice that fits is right. */
export interface AttentionShape {
  /** Tokens that a subgroup owns, subgroups, and tokens of a step. */
  readonly rows: number;
  readonly subgroups: number;
  readonly step: number;
  /** The next step is loaded to registers while this one is computed. */
  readonly ahead: boolean;
}

/** Matrices are square here. */
const SIDE = 16;
/** A group is 16 bytes: 8 halves, or 4 numbers of a score. */
const PADDING = 1;
/** Weights may grow to 2 to the power of this before results are scaled again. */
const SLACK = 8;

/** A product of own tokens with those of a step, or of weights with those of a step. */
interface Part {
  readonly name: string;
  readonly left: string;
  readonly right: string;
}

interface Walk {
  readonly own: readonly Tokens[];
  readonly step: readonly Tokens[];
  readonly scores: readonly Part[];
  /** `left` names the scores that have become weights. */
  readonly results: readonly Part[];
}

export function hasMatrixAttention(p: AttentionProblem, features: Features): boolean {
  const { width, dtype } = p;
  const rows: Rows[] = [p.q, p.k, p.v];
  return (
    dtype === 'f16' &&
    (width === 64 || width === 128) &&
    rows.every((one) => isAligned(one, width, 8)) &&
    features.subgroups[0] === 32 &&
    features.subgroups[1] === 32 &&
    features.matrices.some(isSquare)
  );
}

function isSquare({ m, n, k, operands, result }: MatrixConfig): boolean {
  return m === SIDE && n === SIDE && k === SIDE && operands === 'f16' && result === 'f32';
}

/** The shapes that fit, best first. */
export function attentionShapes(
  p: AttentionProblem,
  kind: 'forward' | 'backward',
  { workgroupBytes, workgroupThreads }: Features,
): readonly AttentionShape[] {
  const streams = kind === 'forward' ? 1 : 2;
  return SHAPES[kind].filter(
    (shape) =>
      // A lane's weights must be whole rows of matrices.
      (shape.step * shape.rows) / 32 >= SIDE &&
      layoutOf(p, shape, streams).bytes + shape.step * 8 + 16 <= workgroupBytes && shape.subgroups * 32 <= workgroupThreads,
  );
}

const SHAPES: Readonly<Record<'forward' | 'backward', readonly AttentionShape[]>> = {
  forward: [
    { rows: 32, subgroups: 4, step: 32, ahead: true },
    { rows: 16, subgroups: 4, step: 64, ahead: true },
    { rows: 16, subgroups: 4, step: 32, ahead: true },
    { rows: 16, subgroups: 2, step: 32, ahead: false },
  ],
  backward: [
    { rows: 16, subgroups: 4, step: 32, ahead: true },
    { rows: 16, subgroups: 4, step: 32, ahead: false },
    { rows: 16, subgroups: 2, step: 32, ahead: false },
  ],
};

/** Places in workgroup memory, in groups. */
function layoutOf({ width }: AttentionProblem, { rows, subgroups, step }: AttentionShape, streams: number) {
  const tokenStride = width / 8 + PADDING;
  const scoreStride = step / 4 + PADDING;
  const strip = step * tokenStride;
  const scores = subgroups * rows * scoreStride;
  const scratch = 2 * strip + streams * scores;
  const own = subgroups * rows * tokenStride;
  const staged = subgroups * SIDE * (64 / 4 + PADDING);
  const groups = Math.max(scratch + subgroups * SIDE * (SIDE / 4), own, staged);
  return { tokenStride, scoreStride, strip, scores, firstScores: 2 * strip, scratch, bytes: groups * 16 };
}

export function matrixForward(
  p: AttentionProblem,
  sums: boolean,
  shape: AttentionShape,
  features: Features,
): Kernel {
  const { queries, keys, scale } = p;
  const [q, k, v] = tokensOf(p, 'q', 'k', 'v') as [Tokens, Tokens, Tokens];
  const walk: Walk = {
    own: [q],
    step: [k, v],
    scores: [{ name: 'score', left: 'q', right: 'k' }],
    results: [{ name: 'y', left: 'score', right: 'v' }],
  };
  const next = p.bias ? 4 : 3;
  const { rows, subgroups, step } = shape;
  const own = rows * subgroups;
  const lanes = 32 / rows;
  const groups = step / lanes / 4;
  const factor = scale * Math.LOG2E;
  return tileKernel(p, 'attention', divide(queries, own), features, {
    bindings: forwardBindings(p, sums),
    products: 2,
    threads: subgroups * 32,
    enable: enable({ half: true, matrices: true }),
    declarations: `
${[q, k, v].map((tokens, index) => groupsBuffer(index, tokens)).join('\n')}
${biasBuffer(3, p)}
${resultBuffer(next, { name: 'y', rows: dense(p, queries), length: queries }, p)}
${sums ? buffer(next + 1, 'sums', 'f32', 'read_write') : ''}
${memory(p, shape, 1)}
// Whether a score was so much larger that results have to be scaled.
var<workgroup> has_grown: atomic<u32>;`,
    body: /* wgsl */ `${places(p, shape, 1)}
  var top = ${LOWEST};
  var sum = 0.0;
${walkOver(p, walk, shape, keys, {
  weigh: /* wgsl */ `    let token = begin + part * ${groups * 4}u;
${lines(groups, (i) => `    var x${i} = bitcast<vec4<f32>>(memory[line + ${i}u]) * ${factor}${p.bias ? ` + ${fourBiases(p, i, 'first + own', 'token', 'key')} * ${Math.LOG2E}` : ''};`)}
${keys % step === 0 ? '' : maskKeys(groups, keys, step)}
    var high = ${LOWEST};
${lines(groups, (i) => `    high = max(high, max(max(x${i}.x, x${i}.y), max(x${i}.z, x${i}.w)));`)}
${lanes === 2 ? '    high = max(high, subgroupShuffleXor(high, 1u));' : ''}
    let before = top;
    if (high > top + ${SLACK}.0) {
      top = high;
      if (begin > 0u) { atomicStore(&has_grown, 1u); }
    }
    let shrink = exp2(before - top);
    sum *= shrink;
${lines(groups, (i) => `    x${i} = exp2(max(x${i}, vec4<f32>(${LOWEST})) - top);\n    sum += dot(x${i}, vec4<f32>(1.0));`)}
${lines(groups / 2, (i) => `    memory[line + ${i}u] = halves(x${2 * i}, x${2 * i + 1});`)}
    if (workgroupUniformLoad(&has_grown) != 0u) {
      if (thread == 0u) { atomicStore(&has_grown, 0u); }
${shrinkResults(p, shape)}
    }`,
})}
${lanes === 2 ? '  sum += subgroupShuffleXor(sum, 1u);' : ''}
  let share = 1.0 / sum;
${storeResults(p, shape, 'y', (row) => `subgroupShuffle(share, ${row} * ${lanes}u)`, 'y', 'batch')}
${sums ? `  if (part == 0u && first + own < ${queries}u) { sums[${rowOf(p, 'first + own')}] = top * ${Math.LN2} + log(sum); }` : ''}`,
  });
}

export function matrixToQueries(p: AttentionProblem, shape: AttentionShape, features: Features): Kernel {
  const { queries, keys, scale } = p;
  const [q, k, v, g] = tokensOf(p, 'q', 'k', 'v', 'g') as [Tokens, Tokens, Tokens, Tokens];
  const walk: Walk = {
    own: [q, g],
    step: [k, v],
    scores: [
      { name: 'score', left: 'q', right: 'k' },
      { name: 'to_share', left: 'g', right: 'v' },
    ],
    results: [{ name: 'to_q', left: 'to_share', right: 'k' }],
  };
  const { rows, subgroups, step } = shape;
  const groups = (step * rows) / 32 / 4;
  return tileKernel(p, 'attentionToQueries', divide(queries, rows * subgroups), features, {
    bindings: backwardBindings(p),
    products: 3,
    threads: subgroups * 32,
    enable: enable({ half: usesHalf(p), matrices: true }),
    declarations: `
${[q, k, v, g].map((tokens, index) => groupsBuffer(index, tokens)).join('\n')}
${statistics(4)}
${biasBuffer(6, p)}
${resultBuffer(p.bias ? 7 : 6, { name: 'to_q', rows: dense(p, queries), length: queries }, p)}
${memory(p, shape, 2)}`,
    body: /* wgsl */ `${places(p, shape, 2)}
  let query = min(first + own, ${queries - 1}u);
  let sum = sums[${rowOf(p, 'query')}] * ${Math.LOG2E};
  let product = products[${rowOf(p, 'query')}];
${walkOver(p, walk, shape, keys, {
  weigh: weighBoth(
    p,
    groups,
    layoutOf(p, shape, 2).scores,
    { sum: () => 'sum', product: () => 'product' },
    (i) => fourBiases(p, i, 'query', 'token', 'key'),
    keys % step === 0 ? '' : maskKeys(groups, keys, step),
  ),
})}
${storeResults(p, shape, 'to_q', () => `${scale}`, 'to_q', 'batch')}`,
  });
}

export function matrixToKeysAndValues(
  p: AttentionProblem,
  shape: AttentionShape,
  features: Features,
): Kernel {
  const { batch, queries, keys, scale } = p;
  const [q, k, v, g] = tokensOf(p, 'q', 'k', 'v', 'g') as [Tokens, Tokens, Tokens, Tokens];
  const walk: Walk = {
    own: [k, v],
    step: [q, g],
    scores: [
      { name: 'score', left: 'k', right: 'q' },
      { name: 'to_share', left: 'v', right: 'g' },
    ],
    results: [
      { name: 'to_v', left: 'score', right: 'g' },
      { name: 'to_k', left: 'to_share', right: 'q' },
    ],
  };
  const { rows, subgroups, step } = shape;
  const groups = (step * rows) / 32 / 4;
  return tileKernel(p, 'attentionToKeysAndValues', divide(keys, rows * subgroups), features, {
    bindings: backwardBindings(p),
    products: 4,
    threads: subgroups * 32,
    enable: enable({ half: usesHalf(p), matrices: true }),
    declarations: `
${[q, k, v, g].map((tokens, index) => groupsBuffer(index, tokens)).join('\n')}
${statistics(4)}
${biasBuffer(6, p)}
${resultBuffer(p.bias ? 7 : 6, { name: 'both', rows: dense(p, keys), length: keys }, p)}
${memory(p, shape, 2)}
${stepStatistics(p, step)}`,
    body: /* wgsl */ `${places(p, shape, 2)}
${walkOver(p, walk, shape, queries, {
  begin: /* wgsl */ `    if (thread < ${step / 4}u) {
      let query = begin + thread * 4u;
      step_sums[thread] = vec4<f32>(${[0, 1, 2, 3].map((c) => `sum_of(batch, head, query + ${c}u)`).join(', ')});
      step_products[thread] = vec4<f32>(${[0, 1, 2, 3].map((c) => `product_of(batch, head, query + ${c}u)`).join(', ')});
    }`,
  weigh: weighBoth(
    p,
    groups,
    layoutOf(p, shape, 2).scores,
    {
      sum: (i) => `step_sums[part * ${groups}u + ${i}u]`,
      product: (i) => `step_products[part * ${groups}u + ${i}u]`,
    },
    (i) => fourBiases(p, i, 'token', 'first + own', 'query'),
  ),
})}
${storeResults(p, shape, 'to_k', () => `${scale}`, 'both', 'batch')}
  workgroupBarrier();
  // Values follow the keys, as if they were ${batch} more batches.
${storeResults(p, shape, 'to_v', () => '1.0', 'both', `batch + ${batch}u`)}`,
  });
}

/** What belongs to the queries of a step. One that does not exist gets a sum so large that its weights are zero. */
function stepStatistics(p: AttentionProblem, step: number): string {
  const { queries } = p;
  return /* wgsl */ `
var<workgroup> step_sums: array<vec4<f32>, ${step / 4}>;
var<workgroup> step_products: array<vec4<f32>, ${step / 4}>;

fn sum_of(batch: u32, head: u32, query: u32) -> f32 {
  if (query >= ${queries}u) { return 1.0e37; }
  return sums[${rowOf(p, 'query')}] * ${Math.LOG2E};
}

fn product_of(batch: u32, head: u32, query: u32) -> f32 {
  if (query >= ${queries}u) { return 0.0; }
  return products[${rowOf(p, 'query')}];
}`;
}

/** A buffer read in groups of 8 halves: `group_name`(batch, head, token, group), zeros past the last token. */
function groupsBuffer(binding: number, { name, rows, length }: Tokens): string {
  return /* wgsl */ `
${buffer(binding, `${name}_groups`, 'vec4<u32>', 'read')}

fn group_${name}(batch: u32, head: u32, token: u32, group: u32) -> vec4<u32> {
  if (token >= ${length}u) { return vec4<u32>(); }
  return ${name}_groups[(${placeOf(rows, 'token', 'group * 8u')}) / 8u];
}`;
}

function memory(p: AttentionProblem, shape: AttentionShape, streams: number): string {
  return /* wgsl */ `
alias Left = subgroup_matrix_left<f16, ${SIDE}, ${SIDE}>;
alias Right = subgroup_matrix_right<f16, ${SIDE}, ${SIDE}>;
alias Sum = subgroup_matrix_result<f32, ${SIDE}, ${SIDE}>;

// Two strips of tokens, then scores. All matrices pass through it.
var<workgroup> memory: array<vec4<u32>, ${layoutOf(p, shape, streams).bytes / 16}>;

fn halves(a: vec4<f32>, b: vec4<f32>) -> vec4<u32> {
  return vec4<u32>(bitcast<vec2<u32>>(vec4<f16>(a)), bitcast<vec2<u32>>(vec4<f16>(b)));
}`;
}

/** Each lane has a part of one row of scores, from `line` on. */
function places(p: AttentionProblem, { rows, subgroups, step }: AttentionShape, streams: number): string {
  const { firstScores, scoreStride } = layoutOf(p, { rows, subgroups, step, ahead: false }, streams);
  const lanes = 32 / rows;
  return /* wgsl */ `
  let first = tile * ${rows * subgroups}u;
  let subgroup = thread / 32u;
  let lane = thread % 32u;
  let row = subgroup * ${rows}u;
  let own = row + lane / ${lanes}u;
  let part = lane % ${lanes}u;
  let line = ${firstScores}u + own * ${scoreStride}u + part * ${step / lanes / 4}u;`;
}

/** The main loop: scores of a step, weights from scores, results from weights. */
function walkOver(
  p: AttentionProblem,
  walk: Walk,
  shape: AttentionShape,
  length: number,
  { begin = '', weigh }: { readonly begin?: string; readonly weigh: string },
): string {
  const { step, ahead } = shape;
  const fetch = (at: string): string => walk.step.map(({ name }) => fetchStep(p, shape, name, at)).join('\n');
  const put = walk.step.map(({ name }, index) => putStep(p, shape, name, index)).join('\n');
  return /* wgsl */ `${walk.own.map((tokens) => loadOwn(p, shape, tokens.name)).join('\n')}
${walk.results.map(({ name }) => eachMatrix(p, shape, (r, c) => `  var ${name}_${r}_${c} = Sum();`)).join('\n')}
${walk.step.map(({ name }) => lines(copiesOf(p, shape), (i) => `  var ${name}_next_${i} = vec4<u32>();`)).join('\n')}
${ahead ? fetch('0u') : ''}
  for (var begin = 0u; begin < ${length}u; begin += ${step}u) {
${ahead ? '' : fetch('begin')}
${put}
${begin}
    workgroupBarrier();
${ahead ? fetch(`(begin + ${step}u)`) : ''}
${walk.scores.map((part, index) => scoresOf(p, walk, shape, part, index)).join('\n')}
    workgroupBarrier();
${weigh}
${walk.results.map((part) => resultsOf(p, walk, shape, part)).join('\n')}
    workgroupBarrier();
  }`;
}

/** Own tokens as matrices in registers, `own_name_row_column`. */
function loadOwn(p: AttentionProblem, shape: AttentionShape, name: string): string {
  const { rows, subgroups } = shape;
  const { tokenStride } = layoutOf(p, shape, 1);
  const groups = p.width / 8;
  return /* wgsl */ `  for (var i = thread; i < ${rows * subgroups * groups}u; i += ${subgroups * 32}u) {
    memory[i / ${groups}u * ${tokenStride}u + i % ${groups}u] = group_${name}(batch, head, first + i / ${groups}u, i % ${groups}u);
  }
  workgroupBarrier();
${eachMatrix(p, shape, (r, c) => `  let own_${name}_${r}_${c} = subgroupMatrixLoad<Left, row_major>(&memory, (row + ${r * SIDE}u) * ${tokenStride}u + ${c * 2}u, ${tokenStride}u);`)}
  workgroupBarrier();`;
}

function eachMatrix(
  { width }: AttentionProblem,
  { rows }: AttentionShape,
  line: (r: number, c: number) => string,
): string {
  return lines(rows / SIDE, (r) => lines(width / SIDE, (c) => line(r, c)));
}

/** Groups of a step's tokens that a thread moves. */
function copiesOf({ width }: AttentionProblem, { step, subgroups }: AttentionShape): number {
  return divide((step * width) / 8, subgroups * 32);
}

function fetchStep(p: AttentionProblem, shape: AttentionShape, name: string, at: string): string {
  const groups = p.width / 8;
  return lines(copiesOf(p, shape), (i) => {
    const place = `(thread + ${i * shape.subgroups * 32}u)`;
    return `    ${name}_next_${i} = group_${name}(batch, head, ${at} + ${place} / ${groups}u, ${place} % ${groups}u);`;
  });
}

function putStep(p: AttentionProblem, shape: AttentionShape, name: string, index: number): string {
  const groups = p.width / 8;
  const { strip, tokenStride } = layoutOf(p, shape, 1);
  return lines(copiesOf(p, shape), (i) => {
    const place = `(thread + ${i * shape.subgroups * 32}u)`;
    return `    memory[${index * strip}u + ${place} / ${groups}u * ${tokenStride}u + ${place} % ${groups}u] = ${name}_next_${i};`;
  });
}

function stripOf(p: AttentionProblem, walk: Walk, shape: AttentionShape, name: string): number {
  return walk.step.findIndex((tokens) => tokens.name === name) * layoutOf(p, shape, 1).strip;
}

function scoresOf(p: AttentionProblem, walk: Walk, shape: AttentionShape, part: Part, index: number): string {
  const { rows, step } = shape;
  const { tokenStride, scoreStride, firstScores, scores } = layoutOf(p, shape, walk.scores.length);
  const strip = stripOf(p, walk, shape, part.right);
  const at = firstScores + index * scores;
  return lines(
    step / SIDE,
    (c) => /* wgsl */ `    {
${lines(rows / SIDE, (r) => `      var sum_${r} = Sum();`)}
${lines(
  p.width / SIDE,
  (
    d,
  ) => `      let other_${d} = subgroupMatrixLoad<Right, col_major>(&memory, ${strip + c * SIDE * tokenStride + d * 2}u, ${tokenStride}u);
${lines(rows / SIDE, (r) => `      sum_${r} = subgroupMatrixMultiplyAccumulate(own_${part.left}_${r}_${d}, other_${d}, sum_${r});`)}`,
)}
${lines(rows / SIDE, (r) => `      subgroupMatrixStore<row_major>(&memory, ${at + c * 4}u + (row + ${r * SIDE}u) * ${scoreStride}u, sum_${r}, ${scoreStride}u);`)}
    }`,
  );
}

function resultsOf(p: AttentionProblem, walk: Walk, shape: AttentionShape, part: Part): string {
  const { rows, step } = shape;
  const { tokenStride, scoreStride, firstScores, scores } = layoutOf(p, shape, walk.scores.length);
  const strip = stripOf(p, walk, shape, part.right);
  const at = firstScores + walk.scores.findIndex(({ name }) => name === part.left) * scores;
  // A lane wrote its weights, half as long, where its scores began.
  const perLane = (step * rows) / 32;
  const place = (k: number): number =>
    Math.floor((k * SIDE) / perLane) * (perLane / 4) + ((k * SIDE) % perLane) / 8;
  return lines(
    step / SIDE,
    (k) => /* wgsl */ `    {
${lines(rows / SIDE, (r) => `      let weights_${r} = subgroupMatrixLoad<Left, row_major>(&memory, ${at + place(k)}u + (row + ${r * SIDE}u) * ${scoreStride}u, ${scoreStride}u);`)}
${lines(
  p.width / SIDE,
  (
    c,
  ) => `      let other_${c} = subgroupMatrixLoad<Right, row_major>(&memory, ${strip + k * SIDE * tokenStride + c * 2}u, ${tokenStride}u);
${lines(rows / SIDE, (r) => `      ${part.name}_${r}_${c} = subgroupMatrixMultiplyAccumulate(weights_${r}, other_${c}, ${part.name}_${r}_${c});`)}`,
)}
    }`,
  );
}

/** Keys past the last get no weight. */
function maskKeys(groups: number, keys: number, step: number): string {
  return /* wgsl */ `    if (begin + ${step}u > ${keys}u) {
${lines(groups, (i) => `      x${i} = select(vec4<f32>(${LOWEST}), x${i}, vec4<u32>(token) + vec4<u32>(${[0, 1, 2, 3].map((c) => `${4 * i + c}u`).join(', ')}) < vec4<u32>(${keys}u));`)}
    }`;
}

/**
 * Scores and gradients of weights become weights and gradients of scores; the scale of these is left for the end.
 * `sum` and `product` are WGSL of what belongs to the query, in powers of two: a number, or a vec4 of the group.
 */
function weighBoth(
  p: AttentionProblem,
  groups: number,
  scores: number,
  query: { readonly sum: (i: number) => string; readonly product: (i: number) => string },
  biasOf: (i: number) => string,
  mask = '',
): string {
  return /* wgsl */ `    let token = begin + part * ${groups * 4}u;
${lines(groups, (i) => `    var x${i} = bitcast<vec4<f32>>(memory[line + ${i}u]) * ${p.scale * Math.LOG2E}${p.bias ? ` + ${biasOf(i)} * ${Math.LOG2E}` : ''};`)}
${mask}
${lines(
  groups,
  (i) => `    let p${i} = exp2(max(x${i}, vec4<f32>(${LOWEST})) - ${query.sum(i)});
    let d${i} = p${i} * (bitcast<vec4<f32>>(memory[line + ${scores + i}u]) - ${query.product(i)});`,
)}
${lines(
  groups / 2,
  (i) => `    memory[line + ${i}u] = halves(p${2 * i}, p${2 * i + 1});
    memory[line + ${scores + i}u] = halves(d${2 * i}, d${2 * i + 1});`,
)}
    workgroupBarrier();`;
}

/** Four biases: of neighbouring keys for one query, or the other way round. Places outside read the last one. */
function fourBiases({ queries, keys }: AttentionProblem, i: number, query: string, key: string, along: 'query' | 'key'): string {
  const at = (place: string, c: number, axis: string, length: number): string =>
    `min(${place}${axis === along ? ` + ${4 * i + c}u` : ''}, ${length - 1}u)`;
  const one = (c: number): string =>
    `bias_at(batch, head, ${at(query, c, 'query', queries)}, ${at(key, c, 'key', keys)})`;
  return `vec4<f32>(${[0, 1, 2, 3].map(one).join(', ')})`;
}

/** Scales results by `shrink` of their rows, matrix by matrix through memory. */
function shrinkResults(p: AttentionProblem, shape: AttentionShape): string {
  const { scratch } = layoutOf(p, shape, 1);
  const lanes = 32 / shape.rows;
  const groups = SIDE / 4;
  return eachMatrix(
    p,
    shape,
    (
      r,
      c,
    ) => /* wgsl */ `      subgroupMatrixStore<row_major>(&memory, ${scratch}u + subgroup * ${SIDE * groups}u, y_${r}_${c}, ${groups}u);
      workgroupBarrier();
      for (var begun = 0u; begun < ${SIDE * groups}u; begun += 32u) {
        let i = begun + lane;
        let at = ${scratch}u + subgroup * ${SIDE * groups}u + i;
        let factor = subgroupShuffle(shrink, (${r * SIDE}u + i / ${groups}u) * ${lanes}u);
        memory[at] = bitcast<vec4<u32>>(bitcast<vec4<f32>>(memory[at]) * factor);
      }
      workgroupBarrier();
      y_${r}_${c} = subgroupMatrixLoad<Sum, row_major>(&memory, ${scratch}u + subgroup * ${SIDE * groups}u, ${groups}u);
      workgroupBarrier();`,
  );
}

/** Results go through memory, 16 rows and 64 columns of every subgroup at a time. */
function storeResults(
  p: AttentionProblem,
  { rows }: AttentionShape,
  name: string,
  factor: (row: string) => string,
  into: string,
  batch: string,
): string {
  const stride = 64 / 4 + PADDING;
  return lines(rows / SIDE, (r) =>
    lines(
      p.width / 64,
      (
        half,
      ) => /* wgsl */ `${lines(4, (c) => `  subgroupMatrixStore<row_major>(&memory, subgroup * ${SIDE * stride}u + ${c * 4}u, ${name}_${r}_${half * 4 + c}, ${stride}u);`)}
  workgroupBarrier();
  for (var begun = 0u; begun < ${SIDE * 16}u; begun += 32u) {
    let i = begun + lane;
    let value = bitcast<vec4<f32>>(memory[subgroup * ${SIDE * stride}u + i / 16u * ${stride}u + i % 16u]);
    let factor = ${factor(`(${r * SIDE}u + i / 16u)`)};
    store_${into}(${batch}, head, first + row + ${r * SIDE}u + i / 16u, ${half * 64}u + i % 16u * 4u, value * factor);
  }
  workgroupBarrier();`,
    ),
  );
}
