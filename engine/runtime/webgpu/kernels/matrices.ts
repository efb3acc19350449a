/**
 * @file Products on matrix hardware. A workgroup copies strips of both operands to workgroup memory, and each of its
 * subgroups multiplies the matrices of its part of the tile.
 */
import type { Epilogue, Features, Kernel, MatrixConfig } from '../kernel.ts';
import { describe, flopsOf, storeColumns, usesHalf, type Product } from './product.ts';
import type { Source } from './source.ts';
import { divide, enable, lines, MAIN, pieceOf, spread } from './wgsl.ts';

export interface MatrixChoice {
  /** The tile of a workgroup, and how much of k it multiplies between two barriers. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** The part of the tile that a subgroup computes. */
  readonly subgroup: { readonly m: number; readonly n: number };
  readonly config: MatrixConfig;
}

/** A group is what one load moves: 8 halves, 16 bytes. */
const GROUP = 8;
/** Groups added to a row in workgroup memory, so that the rows of a matrix lie in different banks: 1 is best by far. */
const PADDING = 1;

/**
 * Large parts of a tile need few loads for each product, and 64 x 64 is the most that fits in registers. `cost` is
 * what a number of the result takes on a device that was not measured: as on an H100 with enough of them.
 */
const SHAPES: readonly (Omit<MatrixChoice, 'config'> & { readonly cost: number })[] = [
  { m: 128, n: 128, k: 32, subgroup: { m: 64, n: 64 }, cost: 1 },
  { m: 128, n: 256, k: 32, subgroup: { m: 64, n: 64 }, cost: 1 },
  { m: 256, n: 128, k: 32, subgroup: { m: 64, n: 64 }, cost: 1 },
  { m: 96, n: 128, k: 32, subgroup: { m: 48, n: 64 }, cost: 1.15 },
  { m: 128, n: 64, k: 32, subgroup: { m: 64, n: 32 }, cost: 1.2 },
  { m: 64, n: 128, k: 32, subgroup: { m: 32, n: 64 }, cost: 1.3 },
  { m: 64, n: 64, k: 32, subgroup: { m: 32, n: 32 }, cost: 1.5 },
  { m: 32, n: 256, k: 32, subgroup: { m: 32, n: 64 }, cost: 1.6 },
  { m: 32, n: 128, k: 32, subgroup: { m: 32, n: 32 }, cost: 1.9 },
];

/** Workgroups below which a large GPU has nothing to do for some of its processors. */
export const FEW = 132;

export function matrixChoices(product: Product, features: Features): readonly MatrixChoice[] {
  // Which threads are a subgroup is known only where all are of one size.
  const [smallest, largest] = features.subgroups;
  if (product.left.dtype !== 'f16' || smallest !== largest) return [];
  const config = bestConfig(features);
  if (!config) return [];
  const costOf = ({ m, n, cost }: (typeof SHAPES)[number]): number => {
    const workgroups = product.batch * divide(product.m, m) * divide(product.n, n);
    return cost * m * n * Math.max(workgroups, FEW);
  };
  return [...SHAPES]
    .sort((a, b) => costOf(a) - costOf(b))
    .map(({ m, n, k, subgroup }) => ({ m, n, k, subgroup, config }))
    .filter((choice) => fits(choice, product, features));
}

/** Half operands, summed in f32: the largest matrix, as it needs the fewest loads. */
function bestConfig({ matrices }: Features): MatrixConfig | undefined {
  const volume = ({ m, n, k }: MatrixConfig): number => m * n * k;
  return matrices
    .filter(({ operands, result }) => operands === 'f16' && result === 'f32')
    .sort((a, b) => volume(b) - volume(a))[0];
}

function fits(choice: MatrixChoice, product: Product, features: Features): boolean {
  return (
    sizesOf(choice, product).bytes <= features.workgroupBytes &&
    threadsOf(choice, features) <= features.workgroupThreads
  );
}

function threadsOf({ m, n, subgroup }: MatrixChoice, { subgroups }: Features): number {
  return (m / subgroup.m) * (n / subgroup.n) * subgroups[1];
}

/** How strips lie in workgroup memory, counted in groups. */
interface Strip {
  readonly source: Source;
  readonly name: 'left' | 'right';
  /** Rows of the strip, groups in a row, and from one row to the next. */
  readonly rows: number;
  readonly groups: number;
  readonly stride: number;
  /** Where it begins. */
  readonly first: number;
  readonly size: number;
}

function sizesOf(choice: MatrixChoice, { left, right }: Product): { strips: [Strip, Strip]; bytes: number } {
  const stripOf = (name: 'left' | 'right', source: Source, outer: number, first: number): Strip => {
    const [rows, length] = source.along === 'inner' ? [outer, choice.k] : [choice.k, outer];
    const groups = length / GROUP;
    const stride = groups + PADDING;
    return { source, name, rows, groups, stride, first, size: rows * stride };
  };
  const leftStrip = stripOf('left', left, choice.m, 0);
  const rightStrip = stripOf('right', right, choice.n, leftStrip.size);
  const step = leftStrip.size + rightStrip.size;
  const bytes = 16 * Math.max(step, resultGroups(choice));
  return { strips: [leftStrip, rightStrip], bytes };
}

/** Every subgroup lays down one row of its matrices at a time, in f32, four to a group. */
function resultGroups({ m, n, subgroup, config }: MatrixChoice): number {
  return (m / subgroup.m) * (n / subgroup.n) * config.m * resultStride(subgroup);
}

function resultStride(subgroup: { readonly n: number }): number {
  return subgroup.n / 4 + PADDING;
}

export function matrixProduct(
  product: Product,
  choice: MatrixChoice,
  epilogue: Epilogue,
  splits: number,
  features: Features,
): Kernel {
  const { batch, m, n, k, left, right } = product;
  const { config, subgroup } = choice;
  const { strips, bytes } = sizesOf(choice, product);
  const threads = threadsOf(choice, features);
  const [across, down] = [divide(n, choice.n), divide(m, choice.m)];
  const workgroups = spread(across * down, batch * splits, features.workgroupCount);
  const part = divide(divide(k, splits), choice.k) * choice.k;
  const subgroupsAcross = choice.n / subgroup.n;
  const [rows, columns] = [subgroup.m / config.m, subgroup.n / config.n];
  const isFull = k % choice.k === 0 && (splits - 1) * part < k;
  const isInside = m % choice.m === 0 && n % choice.n === 0 && isFull;
  const copies = strips.map((strip) => copier(strip, threads, isInside));
  const fetch = (at: string): string => copies.map((copy) => copy.fetch(at)).join('\n');
  const put = (): string => copies.map((copy) => copy.put()).join('\n');
  const declare = copies.map(({ declare }) => declare).join('\n');
  const [leftBinding, rightBinding] = product.order;

  const source = /* wgsl */ `
${enable({ half: usesHalf(product, epilogue), matrices: true })}
${left.declarations(leftBinding, 'left', '8 x f16')}
${right.declarations(rightBinding, 'right', '8 x f16')}
${epilogue.declarations(2)}

alias Left = subgroup_matrix_left<f16, ${config.k}, ${config.m}>;
alias Right = subgroup_matrix_right<f16, ${config.n}, ${config.k}>;
alias Sum = subgroup_matrix_result<f32, ${config.n}, ${config.m}>;

// Strips of both operands, and in the end results on their way out.
var<workgroup> memory: array<vec4<u32>, ${bytes / 16}>;

@compute @workgroup_size(${threads})
${MAIN}
  let piece = ${pieceOf('group', workgroups)};
  if (piece >= ${across * down}u) { return; }
${placeOfTile(across, down, choice)}
  let batch = group.z % ${batch}u;
  let begin = group.z / ${batch}u * ${part}u;
  let end = min(begin + ${part}u, ${k}u);
  let subgroup = thread / ${features.subgroups[1]}u;
  let row = subgroup / ${subgroupsAcross}u * ${subgroup.m}u;
  let column = subgroup % ${subgroupsAcross}u * ${subgroup.n}u;
${lines(rows, (r) => lines(columns, (c) => `  var sum_${r}_${c} = Sum();`))}

  // Past the last strip the last one is fetched again, which nobody reads: the loop needs no branches.
  let last = begin + (max(end, begin + 1u) - begin - 1u) / ${choice.k}u * ${choice.k}u;
${declare}
${fetch('begin')}
${put()}
  workgroupBarrier();
  for (var at = begin; at < end; at += ${choice.k}u) {
    // The loads of the next strip are under way while this one is multiplied. A barrier stands between them and the
    // writes to workgroup memory that need them: a compiler would move them down to there.
    let next = min(at + ${choice.k}u, last);
${fetch('next')}
${multiplyStrip(choice, strips)}
    workgroupBarrier();
${put()}
    workgroupBarrier();
  }

${storeTile(product, choice, epilogue, features)}
}
`;
  return {
    name: `${describe(product)} matrices ${choice.m}x${choice.n}${splits > 1 ? ` in ${splits}` : ''}`,
    source,
    bindings: ['read', 'read', ...epilogue.bindings],
    workgroups,
    flops: flopsOf(product),
    bytes: product.bytes,
  };
}

/** Tiles in bands of a few rows, so that workgroups running at the same time share what they read. */
function placeOfTile(across: number, down: number, choice: MatrixChoice): string {
  const band = Math.min(8, down);
  return /* wgsl */ `  let band = piece / ${band * across}u;
  let height = min(${down}u - band * ${band}u, ${band}u);
  let within = piece % ${band * across}u;
  let first_row = (band * ${band}u + within % height) * ${choice.m}u;
  let first_column = within / height * ${choice.n}u;`;
}

interface Copier {
  readonly declare: string;
  fetch(at: string): string;
  put(): string;
}

/** Moves a strip through registers: all loads first, then all writes to workgroup memory. */
function copier(
  { source, name, rows, groups, stride, first }: Strip,
  threads: number,
  isInside: boolean,
): Copier {
  const total = rows * groups;
  const count = divide(total, threads);
  const origin = name === 'left' ? 'first_row' : 'first_column';
  const index = (i: number): string => (i === 0 ? 'thread' : `(thread + ${i * threads}u)`);
  const guard = (i: number, statement: string): string =>
    (i + 1) * threads <= total ? statement : `if (${index(i)} < ${total}u) { ${statement} }`;
  const call = (i: number, at: string): string => {
    const [row, along] = [`${index(i)} / ${groups}u`, `${index(i)} % ${groups}u * ${GROUP}u`];
    const [outer, inner] = source.along === 'inner' ? [row, along] : [along, row];
    return `${name}${isInside ? '_inside' : ''}(batch, ${origin} + ${outer}, ${at} + ${inner})`;
  };
  return {
    declare: lines(count, (i) => `  var ${name}_group_${i} = vec4<u32>();`),
    fetch: (at) => lines(count, (i) => `    ${guard(i, `${name}_group_${i} = ${call(i, at)};`)}`),
    put: () =>
      lines(count, (i) => {
        const place = `${first}u + ${index(i)} / ${groups}u * ${stride}u + ${index(i)} % ${groups}u`;
        return `    ${guard(i, `memory[${place}] = ${name}_group_${i};`)}`;
      }),
  };
}

function multiplyStrip(choice: MatrixChoice, [left, right]: [Strip, Strip]): string {
  const { config, subgroup, k } = choice;
  const [rows, columns] = [subgroup.m / config.m, subgroup.n / config.n];
  // A matrix whose rows run along k lies in a strip of rows along k as it is written, else turned.
  const place = (strip: Strip, outer: string, inner: number): string =>
    strip.source.along === 'inner'
      ? `(${outer}) * ${strip.stride}u + ${inner / GROUP}u`
      : `(${outer}) / ${GROUP}u + ${inner * strip.stride}u`;
  const load = (strip: Strip, type: string, outer: string, inner: number): string => {
    const isRowMajor = (strip.source.along === 'inner') === (strip.name === 'left');
    const layout = isRowMajor ? 'row_major' : 'col_major';
    return `subgroupMatrixLoad<${type}, ${layout}>(&memory, ${strip.first}u + ${place(strip, outer, inner)}, ${strip.stride}u)`;
  };
  const steps = k / config.k;
  const loads = (
    i: number,
  ): string => `${lines(rows, (r) => `    let left_${i}_${r} = ${load(left, 'Left', `row + ${r * config.m}u`, i * config.k)};`)}
${lines(columns, (c) => `    let right_${i}_${c} = ${load(right, 'Right', `column + ${c * config.n}u`, i * config.k)};`)}`;
  const products = (i: number): string =>
    lines(columns, (c) =>
      lines(
        rows,
        (r) =>
          `    sum_${r}_${c} = subgroupMatrixMultiplyAccumulate(left_${i}_${r}, right_${i}_${c}, sum_${r}_${c});`,
      ),
    );
  return `    {\n${lines(steps, (i) => `${loads(i)}\n${products(i)}`)}\n    }`;
}

/** Matrices give their numbers only to memory. One row of them at a time goes through it to the epilogue. */
function storeTile(
  product: Product,
  choice: MatrixChoice,
  epilogue: Epilogue,
  { subgroups }: Features,
): string {
  const { config, subgroup } = choice;
  const { m, n } = product;
  const stride = resultStride(subgroup);
  const [rows, columns] = [subgroup.m / config.m, subgroup.n / config.n];
  const across = subgroup.n / 4;
  const groups = config.m * across;
  const at = { batch: 'group.z', row: 'to_row', column: 'to_column' };
  const isInside = m % choice.m === 0 && n % choice.n === 0;
  return /* wgsl */ `  let lane = thread % ${subgroups[1]}u;
  let corner = subgroup * ${config.m * stride}u;
${lines(
  rows,
  (
    r,
  ) => `${lines(columns, (c) => `  subgroupMatrixStore<row_major>(&memory, corner + ${(c * config.n) / 4}u, sum_${r}_${c}, ${stride}u);`)}
  workgroupBarrier();
  for (var i = lane; i < ${groups}u; i += ${subgroups[1]}u) {
    let to_row = first_row + row + ${r * config.m}u + i / ${across}u;
    let to_column = first_column + column + i % ${across}u * 4u;
    ${isInside ? '' : `if (to_row >= ${m}u || to_column >= ${n}u) { continue; }`}
    let value = bitcast<vec4<f32>>(memory[corner + i / ${across}u * ${stride}u + i % ${across}u]);
    ${storeColumns(epilogue, 'value', at, n)}
  }
  ${r < rows - 1 ? 'workgroupBarrier();' : ''}`,
)}`;
}
