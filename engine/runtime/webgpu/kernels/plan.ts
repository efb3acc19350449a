/** @file From a product and a choice to the kernels that compute it. */
import type { Epilogue, Features, Kernel } from '../kernel.ts';
import { FEW, matrixChoices, matrixProduct, type MatrixChoice } from './matrices.ts';
import { describe, storeColumns, type Product } from './product.ts';
import { tiledBytes, tiledProduct, tiledThreads, type Tile } from './tiled.ts';
import { buffer, divide, enable, MAIN, pieceOf, spread } from './wgsl.ts';

/** A way to compute a product. Any is right, speed differs. */
export type Choice = { readonly splits: number } & (
  ({ readonly way: 'matrices' } & MatrixChoice) | { readonly way: 'tiled'; readonly tile: Tile }
);

export interface Plan {
  /**
   * One kernel, or two where k is split: the first writes sums of its parts to a buffer after the operands, the
   * second adds them in a fixed order and has that buffer as its first binding, before those of the epilogue.
   */
  readonly kernels: readonly [Kernel] | readonly [Kernel, Kernel];
  /** Size of the buffer of sums; 0 with one kernel. */
  readonly partialBytes: number;
}

/** Largest first. A strip of both operands of the largest takes all of the 16 KiB that every device has. */
const TILES: readonly Tile[] = [
  { m: 128, n: 128, k: 16, rows: 8, columns: 8 },
  { m: 64, n: 64, k: 16, rows: 4, columns: 8 },
  { m: 32, n: 32, k: 16, rows: 4, columns: 4 },
  { m: 16, n: 64, k: 16, rows: 4, columns: 4 },
];

/** Workgroups that keep the largest GPUs busy (four for each of 128 processors); with far fewer, k is split. */
const ENOUGH_WORKGROUPS = 512;
const SHORTEST_PART = 512;
const MOST_SPLITS = 128;

/** Ways to compute a product, the most promising first. */
export function choicesFor(product: Product, features: Features): readonly Choice[] {
  const { batch, m, n, k } = product;
  const splitsFor = (tile: { readonly m: number; readonly n: number }): readonly number[] => {
    const workgroups = batch * divide(m, tile.m) * divide(n, tile.n);
    const wanted = Math.min(
      divide(ENOUGH_WORKGROUPS, workgroups),
      Math.floor(k / SHORTEST_PART),
      MOST_SPLITS,
    );
    return wanted > 2 ? [wanted, 1] : wanted === 2 ? [1, 2] : [1];
  };
  const tiles = TILES.filter((tile) => fits(tile, features));
  const ordered = [...tiles].sort((a, b) => cost(product, a) - cost(product, b));
  const whole: Choice[] = [
    ...matrixChoices(product, features).map((one) => ({ way: 'matrices' as const, ...one, splits: 1 })),
    ...ordered.map((tile) => ({ way: 'tiled' as const, tile, splits: 1 })),
  ];
  return byMeasurement(whole, product, features).flatMap((choice) =>
    splitsFor(tileOf(choice)).map((splits) => ({ ...choice, splits })),
  );
}

/** Speeds that differ by less are alike: how well tiles fill a GPU's processors decides then, which was not measured. */
const ALIKE = 1.1;

/** Choices in the order of their measured times; as they were where these are alike, or one was not measured. */
function byMeasurement(
  choices: readonly Choice[],
  product: Product,
  { speeds }: Features,
): readonly Choice[] {
  const timeOf = (choice: Choice): number => {
    const { m, n } = tileOf(choice);
    const workgroups = product.batch * divide(product.m, m) * divide(product.n, n);
    return (Math.max(workgroups, FEW) * m * n) / (speeds?.products[speedKey(choice, product)] ?? NaN);
  };
  const times = new Map(choices.map((choice) => [choice, timeOf(choice)]));
  if ([...times.values()].some(Number.isNaN)) return choices;
  const best = Math.min(...times.values());
  const rank = (choice: Choice): number => Math.max(times.get(choice)!, ALIKE * best);
  return [...choices].sort((a, b) => rank(a) - rank(b));
}

function tileOf(choice: Choice): { readonly m: number; readonly n: number } {
  return choice.way === 'tiled' ? choice.tile : choice;
}

/** By what the speed of a choice is found in `Speeds`. */
export function speedKey(choice: Choice, { left }: Product): string {
  const { m, n } = tileOf(choice);
  return `${choice.way} ${m}x${n} ${left.dtype}`;
}

/** The name of a choice, for a table of what was fastest. */
export function choiceKey(choice: Choice): string {
  const { splits } = choice;
  if (choice.way === 'tiled') return `tiled ${choice.tile.m}x${choice.tile.n}x${choice.tile.k} /${splits}`;
  const { m, n, k, subgroup, config } = choice;
  const unit = `${config.m}x${config.n}x${config.k}`;
  return `matrices ${m}x${n}x${k} ${subgroup.m}x${subgroup.n} ${unit} /${splits}`;
}

export function planProduct(product: Product, choice: Choice, features: Features, epilogue: Epilogue): Plan {
  const { splits } = choice;
  if (splits === 1) return { kernels: [kernelOf(product, choice, features, epilogue)], partialBytes: 0 };
  const { batch, m, n } = product;
  return {
    kernels: [
      kernelOf(product, choice, features, partsEpilogue(product)),
      sumOfParts(product, splits, epilogue, features),
    ],
    partialBytes: splits * batch * m * n * 4,
  };
}

function kernelOf(product: Product, choice: Choice, features: Features, epilogue: Epilogue): Kernel {
  const kernel =
    choice.way === 'matrices'
      ? matrixProduct(product, choice, epilogue, choice.splits, features)
      : tiledProduct(product, choice.tile, epilogue, choice.splits, features.workgroupCount);
  return { ...kernel, speedKey: speedKey(choice, product) };
}

function fits(tile: Tile, features: Features): boolean {
  return tiledBytes(tile) <= features.workgroupBytes && tiledThreads(tile) <= features.workgroupThreads;
}

/** Computed numbers, padding included, more where a tile is too small to use its loads well or too few fill the GPU. */
function cost({ batch, m, n }: Product, tile: Tile): number {
  const workgroups = batch * divide(m, tile.m) * divide(n, tile.n);
  const computed = Math.max(workgroups, 64) * tile.m * tile.n;
  return computed * (1 + 16 / tile.m + 16 / tile.n);
}

/** Sums of parts of k, [splits, batch, m, n]; the product counts them as batches. */
function partsEpilogue({ m, n }: Product): Epilogue {
  const width = n % 4 === 0 ? 4 : 1;
  return {
    bindings: ['write'],
    width,
    declarations: (first) => buffer(first, 'parts', width === 4 ? 'vec4<f32>' : 'f32', 'read_write'),
    store: (value, { batch, row, column }) =>
      `parts[((${batch}) * ${m}u + ${row}) * ${n / width}u + ${column}${width === 4 ? ' / 4u' : ''}] = ${value};`,
  };
}

function sumOfParts(product: Product, splits: number, epilogue: Epilogue, features: Features): Kernel {
  const { batch, m, n } = product;
  const threads = 64;
  const columns = divide(n, 4);
  const total = batch * m * columns;
  const workgroups = spread(divide(total, threads), 1, features.workgroupCount);
  const isWide = n % 4 === 0;
  const part = isWide
    ? `parts[(split * ${batch * m}u + place) * ${columns}u + column / 4u]`
    : `part_at((split * ${batch * m}u + place) * ${n}u + column, ${n}u - column)`;
  const source = /* wgsl */ `
${enable({ half: /\bf16\b/.test(epilogue.declarations(1)) })}
${buffer(0, 'parts', isWide ? 'vec4<f32>' : 'f32', 'read')}
${epilogue.declarations(1)}
${isWide ? '' : PART_AT}

@compute @workgroup_size(${threads})
${MAIN}
  let piece = (${pieceOf('group', workgroups)}) * ${threads}u + thread;
  if (piece >= ${total}u) { return; }
  let place = piece / ${columns}u;
  let column = piece % ${columns}u * 4u;
  let row = place % ${m}u;
  let batch = place / ${m}u;
  var sum = vec4<f32>();
  for (var split = 0u; split < ${splits}u; split++) { sum += ${part}; }
  ${storeColumns(epilogue, 'sum', { batch: 'batch', row: 'row', column: 'column' }, n)}
}
`;
  return {
    name: `${describe(product)} sum of ${splits}`,
    source,
    bindings: ['read', ...epilogue.bindings],
    workgroups,
    flops: splits * batch * m * n,
    bytes: (splits + 1) * batch * m * n * 4,
  };
}

const PART_AT = /* wgsl */ `
fn part_at(first: u32, count: u32) -> vec4<f32> {
  var value = vec4<f32>();
  for (var i = 0u; i < min(count, 4u); i++) { value[i] = parts[first + i]; }
  return value;
}`;
