/**
 * @file Products without matrix hardware. A workgroup computes a tile of the result; it copies strips of both
 * operands to workgroup memory, and each thread multiplies a small block of rows and columns held in registers.
 */
import type { Epilogue, Kernel } from '../kernel.ts';
import { describe, flopsOf, storeColumns, usesHalf, type Product } from './product.ts';
import type { Source } from './source.ts';
import { divide, enable, lines, MAIN, pieceOf, spread } from './wgsl.ts';

export interface Tile {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Of a thread: multiples of four. */
  readonly rows: number;
  readonly columns: number;
}

/** Workgroup memory that a tile takes, in bytes. */
export function tiledBytes({ m, n, k }: Tile): number {
  return (m + n) * k * 4;
}

export function tiledThreads({ m, n, rows, columns }: Tile): number {
  return (m / rows) * (n / columns);
}

/**
 * @param splits Parts of k that are summed apart; they come to the epilogue as `splits` times as many batches, the
 * first part of all batches first.
 */
export function tiledProduct(
  product: Product,
  tile: Tile,
  epilogue: Epilogue,
  splits: number,
  workgroupCount: number,
): Kernel {
  const { batch, m, n, k, left, right } = product;
  const [leftBinding, rightBinding] = product.order;
  const threads = tiledThreads(tile);
  const [across, down] = [divide(n, tile.n), divide(m, tile.m)];
  const workgroups = spread(across * down, batch * splits, workgroupCount);
  const part = divide(divide(k, splits), tile.k) * tile.k;
  const threadColumns = tile.n / tile.columns;
  const source = /* wgsl */ `
${enable({ half: usesHalf(product, epilogue) })}
${left.declarations(leftBinding, 'left', 'vec4<f32>')}
${right.declarations(rightBinding, 'right', 'vec4<f32>')}
${epilogue.declarations(2)}

// Both [k][row or column], four neighbours a vector.
var<workgroup> left_tile: array<vec4<f32>, ${(tile.k * tile.m) / 4}>;
var<workgroup> right_tile: array<vec4<f32>, ${(tile.k * tile.n) / 4}>;

@compute @workgroup_size(${threads})
${MAIN}
  let piece = ${pieceOf('group', workgroups)};
  if (piece >= ${across * down}u) { return; }
  let first_row = piece / ${across}u * ${tile.m}u;
  let first_column = piece % ${across}u * ${tile.n}u;
  let batch = group.z % ${batch}u;
  let begin = group.z / ${batch}u * ${part}u;
  let end = min(begin + ${part}u, ${k}u);
  let row = thread / ${threadColumns}u * ${tile.rows}u;
  let column = thread % ${threadColumns}u * ${tile.columns}u;
${lines(tile.rows, (r) => lines(tile.columns / 4, (c) => `  var sum_${r}_${c} = vec4<f32>();`))}

  for (var first = begin; first < end; first += ${tile.k}u) {
    ${copyStrip('left', left, tile.m, tile.k, 'first_row', threads)}
    ${copyStrip('right', right, tile.n, tile.k, 'first_column', threads)}
    workgroupBarrier();
    for (var step = 0u; step < ${tile.k}u; step++) {
${lines(tile.rows / 4, (r) => `      let left_${r} = left_tile[(step * ${tile.m}u + row) / 4u + ${r}u];`)}
${lines(tile.columns / 4, (c) => `      let right_${c} = right_tile[(step * ${tile.n}u + column) / 4u + ${c}u];`)}
${lines(tile.rows, (r) => lines(tile.columns / 4, (c) => `      sum_${r}_${c} += left_${r >> 2}[${r & 3}] * right_${c};`))}
    }
    workgroupBarrier();
  }

${lines(tile.rows, (r) => lines(tile.columns / 4, (c) => storeBlock(r, c, product, epilogue)))}
}
`;
  return {
    name: `${describe(product)} tiled ${tile.m}x${tile.n}${splits > 1 ? ` in ${splits}` : ''}`,
    source,
    bindings: ['read', 'read', ...epilogue.bindings],
    workgroups,
    flops: flopsOf(product),
    bytes: product.bytes,
  };
}

/** Copies blocks of 4 x 4 numbers, turned where memory runs along k. */
function copyStrip(
  name: string,
  { along }: Source,
  extent: number,
  depth: number,
  origin: string,
  threads: number,
): string {
  const blocks = (extent / 4) * (depth / 4);
  // Neighbouring threads read neighbouring groups of the contiguous axis.
  const [outer, inner] =
    along === 'inner'
      ? [`block / ${depth / 4}u * 4u`, `block % ${depth / 4}u * 4u`]
      : [`block % ${extent / 4}u * 4u`, `block / ${extent / 4}u * 4u`];
  const fetch = (step: number): string =>
    along === 'inner'
      ? `${name}(batch, ${origin} + outer + ${step}u, first + inner)`
      : `${name}(batch, ${origin} + outer, first + inner + ${step}u)`;
  const column = (step: number): string =>
    along === 'inner' ? `vec4<f32>(v0[${step}], v1[${step}], v2[${step}], v3[${step}])` : `v${step}`;
  return /* wgsl */ `for (var block = thread; block < ${blocks}u; block += ${threads}u) {
      let outer = ${outer};
      let inner = ${inner};
${lines(4, (step) => `      let v${step} = ${fetch(step)};`)}
${lines(4, (step) => `      ${name}_tile[((inner + ${step}u) * ${extent}u + outer) / 4u] = ${column(step)};`)}
    }`;
}

function storeBlock(r: number, c: number, { m, n }: Product, epilogue: Epilogue): string {
  const at = {
    batch: 'group.z',
    row: `(first_row + row + ${r}u)`,
    column: `(first_column + column + ${c * 4}u)`,
  };
  return `  if (${at.row} < ${m}u && ${at.column} < ${n}u) {
    ${storeColumns(epilogue, `sum_${r}_${c}`, at, n)}
  }`;
}
