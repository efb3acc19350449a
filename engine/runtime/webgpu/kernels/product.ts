/** @file A matrix product before a way to compute it is chosen, and what is the same in all ways. */
import type { Epilogue } from '../kernel.ts';
import type { Source } from './source.ts';
import { buffer, type Scalar } from './wgsl.ts';

/** [batch, m, k] x [batch, k, n]; matrices of a convolution are such products too. */
export interface Product {
  /** `matmul`, `conv2d`: the kernel's name begins with it. */
  readonly name: string;
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly left: Source;
  readonly right: Source;
  /** The bindings of left and right: 0 and 1, or the other way round. */
  readonly order: readonly [number, number];
  readonly bytes: number;
}

export function describe({ name, batch, m, n, k, left }: Product): string {
  return `${name} ${batch > 1 ? `${batch}x` : ''}${m}x${k}x${n} ${left.dtype}`;
}

export function flopsOf({ batch, m, n, k }: Product): number {
  return 2 * batch * m * n * k;
}

/** The result as it is, [batch, m, n]. */
export function plainEpilogue(m: number, n: number, result: Scalar): Epilogue {
  const width = n % 4 === 0 ? 4 : 1;
  const type = width === 4 ? `vec4<${result}>` : result;
  return {
    bindings: ['write'],
    width,
    declarations: (first) => buffer(first, 'result', type, 'read_write'),
    store: (value, { batch, row, column }) =>
      `result[((${batch}) * ${m}u + ${row}) * ${n / width}u + ${column}${width === 4 ? ' / 4u' : ''}] = ${type}(${value});`,
  };
}

/** WGSL that stores a vec4<f32> of columns, whatever width the epilogue takes. */
export function storeColumns(
  epilogue: Epilogue,
  value: string,
  at: { readonly batch: string; readonly row: string; readonly column: string },
  columns: number,
): string {
  if (epilogue.width === 4) return epilogue.store(value, at);
  return [0, 1, 2, 3]
    .map((step) => {
      const column = `${at.column} + ${step}u`;
      return `if (${column} < ${columns}u) { ${epilogue.store(`${value}[${step}]`, { ...at, column: `(${column})` })} }`;
    })
    .join('\n');
}

/** A module that names f16 anywhere must enable it. */
export function usesHalf({ left, right }: Product, epilogue: Epilogue): boolean {
  return left.dtype === 'f16' || right.dtype === 'f16' || /\bf16\b/.test(epilogue.declarations(2));
}
