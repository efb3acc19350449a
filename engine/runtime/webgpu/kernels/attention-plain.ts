/**
 * @file Attention without matrix hardware, for every head size, as FlashAttention-2 does it (Dao 2023): a workgroup
 * owns 16 tokens and walks over the others, 32 at a time; scores never leave it.
 */
import type { Features, Kernel } from '../kernel.ts';
import {
  biasBuffer,
  dense,
  LOWEST,
  resultBuffer,
  rowsBuffer,
  tileKernel,
  type AttentionProblem,
  type Tokens,
} from './attention-problem.ts';
import { buffer, divide, enable, lines } from './wgsl.ts';

/** Tokens of a workgroup and of a step; numbers of a token that are in workgroup memory at a time. */
const [OWN, STEP, CHUNK] = [16, 32, 32];
const THREADS = 64;
/** A row of a chunk in groups of four, padded so that rows lie in different banks. */
const STRIDE = CHUNK / 4 + 1;

/** Threads 8i to 8i+7 share own tokens 2i and 2i+1; of a step each has tokens j, j+8, j+16, j+24. */
const PLACES = /* wgsl */ `
  let first = tile * ${OWN}u;
  let own = thread / 8u * 2u;
  let lane = thread % 8u;`;

const MEMORY = /* wgsl */ `
var<workgroup> own_chunk: array<vec4<f32>, ${OWN * STRIDE}>;
var<workgroup> step_chunk: array<vec4<f32>, ${STEP * STRIDE}>;`;

export function plainForward(p: AttentionProblem, sums: boolean, features: Features): Kernel {
  const { queries, keys } = p;
  const inputs = tokensOf(p, 'q', 'k', 'v');
  const result = { name: 'y', rows: dense(p, queries), length: queries };
  const next = inputs.length + (p.bias ? 1 : 0);
  return tileKernel(p, 'attention', divide(queries, OWN), features, {
    bindings: forwardBindings(p, sums),
    products: 2,
    threads: THREADS,
    enable: enable({ half: usesHalf(p) }),
    declarations: `
${inputs.map((tokens, index) => rowsBuffer(index, tokens, p)).join('\n')}
${biasBuffer(inputs.length, p)}
${finishScore(p)}
${resultBuffer(next, result, p)}
${sums ? buffer(next + 1, 'sums', 'f32', 'read_write') : ''}
${MEMORY}
${weights('shares')}`,
    body: /* wgsl */ `${PLACES}
  // Of both own tokens: the largest score so far, and the sum of all powers relative to it.
  var top = vec2<f32>(${LOWEST});
  var sum = vec2<f32>();
${accumulators('result', p)}
  for (var begin = 0u; begin < ${keys}u; begin += ${STEP}u) {
${scores('score', 'q', 'k', p)}
${eachScore((r, j) => `    score_${r}_${j} = finish_score(score_${r}_${j}, batch, head, first + own + ${r}u, begin + lane + ${8 * j}u);`)}
${put('shares', (r, j) => `score_${r}_${j}`)}
    workgroupBarrier();
    let before = top;
    for (var i = 0u; i < ${STEP}u; i++) {
      top = max(top, vec2<f32>(shares[own * ${STEP}u + i], shares[own * ${STEP}u + ${STEP}u + i]));
    }
    workgroupBarrier();
${put('shares', (r, j) => `exp(score_${r}_${j} - top[${r}])`)}
    let shrink = exp(before - top);
    sum *= shrink;
${eachAccumulator('result', p, (name, r) => `    ${name} *= shrink[${r}];`)}
${accumulate('result', 'shares', 'v', p, 'sum += share;')}
  }
${eachAccumulator('result', p, (name, r, column) => `  store_y(batch, head, first + own + ${r}u, ${column}, ${name} / sum[${r}]);`)}
${sums ? storeSums(p) : ''}`,
  });
}

/** Gradient of the queries: Σ over keys of P (g·v - g·y) k (Dao et al. 2022, appendix B). */
export function plainToQueries(p: AttentionProblem, features: Features): Kernel {
  const { queries, keys } = p;
  const inputs = tokensOf(p, 'q', 'k', 'v', 'g');
  const result = { name: 'to_q', rows: dense(p, queries), length: queries };
  const next = inputs.length;
  return tileKernel(p, 'attentionToQueries', divide(queries, OWN), features, {
    bindings: backwardBindings(p),
    products: 3,
    threads: THREADS,
    enable: enable({ half: usesHalf(p) }),
    declarations: `
${inputs.map((tokens, index) => rowsBuffer(index, tokens, p)).join('\n')}
${statistics(next)}
${biasBuffer(next + 2, p)}
${finishScore(p)}
${scoreGradients(p)}
${resultBuffer(next + (p.bias ? 3 : 2), result, p)}
${MEMORY}
${weights('shares')}`,
    body: /* wgsl */ `${PLACES}
${accumulators('result', p)}
  for (var begin = 0u; begin < ${keys}u; begin += ${STEP}u) {
${scores('score', 'q', 'k', p)}
${scores('to_share', 'g', 'v', p)}
${eachScore((r, j) => gradientOfScore(r, j, `first + own + ${r}u`, `begin + lane + ${8 * j}u`))}
${put('shares', (r, j) => `to_score_${r}_${j}`)}
${accumulate('result', 'shares', 'k', p)}
  }
${eachAccumulator('result', p, (name, r, column) => `  store_to_q(batch, head, first + own + ${r}u, ${column}, ${name} * ${p.scale});`)}`,
  });
}

/** Gradients of keys and values; the workgroup owns keys and walks over queries. */
export function plainToKeysAndValues(p: AttentionProblem, features: Features): Kernel {
  const { batch, queries, keys } = p;
  const inputs = tokensOf(p, 'q', 'k', 'v', 'g');
  const next = inputs.length;
  const both = { name: 'to_k', rows: dense(p, keys), length: keys };
  return tileKernel(p, 'attentionToKeysAndValues', divide(keys, OWN), features, {
    bindings: backwardBindings(p),
    products: 4,
    threads: THREADS,
    enable: enable({ half: usesHalf(p) }),
    declarations: `
${inputs.map((tokens, index) => rowsBuffer(index, tokens, p)).join('\n')}
${statistics(next)}
${biasBuffer(next + 2, p)}
${finishScore(p)}
${scoreGradients(p)}
${resultBuffer(next + (p.bias ? 3 : 2), both, p)}
${MEMORY}
${weights('shares')}
${weights('to_scores')}`,
    body: /* wgsl */ `${PLACES}
${accumulators('key', p)}
${accumulators('value', p)}
  for (var begin = 0u; begin < ${queries}u; begin += ${STEP}u) {
${scores('score', 'k', 'q', p)}
${scores('to_share', 'v', 'g', p)}
${eachScore((r, j) => gradientOfScore(r, j, `begin + lane + ${8 * j}u`, `first + own + ${r}u`))}
${put('shares', (r, j) => `share_${r}_${j}`)}
${put('to_scores', (r, j) => `to_score_${r}_${j}`)}
${accumulate('value', 'shares', 'g', p)}
${accumulate('key', 'to_scores', 'q', p)}
  }
${eachAccumulator('key', p, (name, r, column) => `  store_to_k(batch, head, first + own + ${r}u, ${column}, ${name} * ${p.scale});`)}
  // Values follow the keys, as if they were ${batch} more batches.
${eachAccumulator('value', p, (name, r, column) => `  store_to_k(batch + ${batch}u, head, first + own + ${r}u, ${column}, ${name});`)}`,
  });
}

/** Σ g y of every query, [B, H, T]: what all scores of a row have in common. */
export function rowProducts(p: AttentionProblem, features: Features): Kernel {
  const { queries } = p;
  const rows = dense(p, queries);
  const [y, g] = ['y', 'g'].map((name) => ({ name, rows, length: queries })) as [Tokens, Tokens];
  return tileKernel(p, 'attention rows', divide(queries, THREADS), features, {
    bindings: ['read', 'read', 'write'],
    products: 0,
    threads: THREADS,
    enable: enable({ half: p.dtype === 'f16' }),
    declarations: `
${rowsBuffer(0, y, p)}
${rowsBuffer(1, g, p)}
${buffer(2, 'products', 'f32', 'read_write')}`,
    body: /* wgsl */ `
  let token = tile * ${THREADS}u + thread;
  if (token >= ${queries}u) { return; }
  var product = 0.0;
  for (var i = 0u; i < ${p.width}u; i += 4u) {
    product += dot(load_y(batch, head, token, i), load_g(batch, head, token, i));
  }
  products[${rowOf(p, 'token')}] = product;`,
  });
}

/** WGSL of a query's place in [B, H, T]. */
export function rowOf({ heads, queries }: AttentionProblem, token: string): string {
  return `(batch * ${heads}u + head) * ${queries}u + ${token}`;
}

export function usesHalf(p: AttentionProblem): boolean {
  return p.dtype === 'f16' || p.bias?.dtype === 'f16';
}

function storeSums(p: AttentionProblem): string {
  return /* wgsl */ `  if (lane < 2u && first + own + lane < ${p.queries}u) {
    sums[${rowOf(p, 'first + own + lane')}] = top[lane] + log(sum[lane]);
  }`;
}

function gradientOfScore(r: number, j: number, query: string, key: string): string {
  const at = `batch, head, ${query}, ${key}`;
  return /* wgsl */ `    let share_${r}_${j} = share_of(score_${r}_${j}, ${at});
    let to_score_${r}_${j} = share_${r}_${j} * to_share_of(to_share_${r}_${j}, ${at});`;
}

/** `finish_score`: of tokens that do not exist, a score that gets no weight. */
export function finishScore({ queries, keys, scale }: AttentionProblem): string {
  return /* wgsl */ `
fn finish_score(product: f32, batch: u32, head: u32, query: u32, key: u32) -> f32 {
  if (query >= ${queries}u || key >= ${keys}u) { return ${LOWEST}; }
  return max(product * ${scale} + bias_at(batch, head, query, key), ${LOWEST});
}`;
}

/** The weight of a key for a query, and the gradient of a score over its weight; zeros for tokens that do not exist. */
export function scoreGradients(p: AttentionProblem): string {
  const { queries, keys } = p;
  const isOutside = `query >= ${queries}u || key >= ${keys}u`;
  return /* wgsl */ `
fn share_of(product: f32, batch: u32, head: u32, query: u32, key: u32) -> f32 {
  if (${isOutside}) { return 0.0; }
  return exp(finish_score(product, batch, head, query, key) - sums[${rowOf(p, 'query')}]);
}

fn to_share_of(product: f32, batch: u32, head: u32, query: u32, key: u32) -> f32 {
  if (${isOutside}) { return 0.0; }
  return product - products[${rowOf(p, 'query')}];
}`;
}

/** q, k, v, the bias if there is one, y, and sums where they are wanted. */
export function forwardBindings({ bias }: AttentionProblem, sums: boolean): ('read' | 'write')[] {
  const inputs = Array.from({ length: bias ? 4 : 3 }, () => 'read' as const);
  return sums ? [...inputs, 'write', 'write'] : [...inputs, 'write'];
}

/** q, k, v, g, sums, row products, the bias if there is one, and the result. */
export function backwardBindings({ bias }: AttentionProblem): ('read' | 'write')[] {
  return [...Array.from({ length: bias ? 7 : 6 }, () => 'read' as const), 'write'];
}

export function statistics(binding: number): string {
  return `${buffer(binding, 'sums', 'f32', 'read')}\n${buffer(binding + 1, 'products', 'f32', 'read')}`;
}

export function tokensOf(p: AttentionProblem, ...names: readonly ('q' | 'k' | 'v' | 'g')[]): Tokens[] {
  const { queries, keys } = p;
  const all = {
    q: { name: 'q', rows: p.q, length: queries },
    k: { name: 'k', rows: p.k, length: keys },
    v: { name: 'v', rows: p.v, length: keys },
    g: { name: 'g', rows: dense(p, queries), length: queries },
  };
  return names.map((name) => all[name]);
}

function weights(name: string): string {
  return `var<workgroup> ${name}: array<f32, ${OWN * STEP}>;`;
}

function eachScore(line: (r: number, j: number) => string): string {
  return lines(2, (r) => lines(4, (j) => line(r, j)));
}

function put(name: string, value: (r: number, j: number) => string): string {
  return eachScore((r, j) => `    ${name}[(own + ${r}u) * ${STEP}u + lane + ${8 * j}u] = ${value(r, j)};`);
}

function chunksOf({ width }: AttentionProblem): number {
  return divide(width, CHUNK);
}

function accumulators(name: string, p: AttentionProblem): string {
  return eachAccumulator(name, p, (variable) => `  var ${variable} = vec4<f32>();`);
}

function eachAccumulator(
  name: string,
  p: AttentionProblem,
  line: (variable: string, r: number, column: string) => string,
): string {
  return lines(chunksOf(p), (c) =>
    lines(2, (r) => line(`${name}_${c}_${r}`, r, `${c * CHUNK}u + lane * 4u`)),
  );
}

/** Copies CHUNK numbers of some tokens to workgroup memory. */
function copyChunk(memory: string, tokens: number, name: string, first: string, column: string): string {
  const groups = CHUNK / 4;
  return /* wgsl */ `for (var i = thread; i < ${tokens * groups}u; i += ${THREADS}u) {
        ${memory}[i / ${groups}u * ${STRIDE}u + i % ${groups}u] =
          load_${name}(batch, head, ${first} + i / ${groups}u, ${column} + i % ${groups}u * 4u);
      }`;
}

/** Products of both own tokens with four tokens of this step: name_0_0 to name_1_3. */
function scores(name: string, own: string, other: string, p: AttentionProblem): string {
  return /* wgsl */ `${eachScore((r, j) => `    var ${name}_${r}_${j} = 0.0;`)}
    for (var column = 0u; column < ${chunksOf(p) * CHUNK}u; column += ${CHUNK}u) {
      workgroupBarrier();
      ${copyChunk('own_chunk', OWN, own, 'first', 'column')}
      ${copyChunk('step_chunk', STEP, other, 'begin', 'column')}
      workgroupBarrier();
      for (var i = 0u; i < ${CHUNK / 4}u; i++) {
${lines(2, (r) => `        let own_${r} = own_chunk[(own + ${r}u) * ${STRIDE}u + i];`)}
${lines(4, (j) => `        let other_${j} = step_chunk[(lane + ${8 * j}u) * ${STRIDE}u + i];`)}
${eachScore((r, j) => `        ${name}_${r}_${j} += dot(own_${r}, other_${j});`)}
      }
    }`;
}

/** Adds the tokens of this step, each with its weight for both own tokens. */
function accumulate(name: string, weights: string, other: string, p: AttentionProblem, also = ''): string {
  return lines(
    chunksOf(p),
    (c) => /* wgsl */ `    workgroupBarrier();
      ${copyChunk('step_chunk', STEP, other, 'begin', `${c * CHUNK}u`)}
    workgroupBarrier();
    for (var i = 0u; i < ${STEP}u; i++) {
      let share = vec2<f32>(${weights}[own * ${STEP}u + i], ${weights}[own * ${STEP}u + ${STEP}u + i]);
      let other = step_chunk[i * ${STRIDE}u + lane];
      ${c === 0 ? also : ''}
      ${name}_${c}_0 += share[0] * other;
      ${name}_${c}_1 += share[1] * other;
    }`,
  );
}
