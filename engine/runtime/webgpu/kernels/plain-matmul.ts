/** @file The simplest product: one thread for a few neighbouring results. */
import type { Epilogue, Features, Kernel } from '../kernel.ts';
import type { Operand } from './operand.ts';

export interface MatmulProblem {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly dtype: 'f16' | 'f32';
  readonly result: 'f16' | 'f32';
  readonly a: Operand;
  readonly b: Operand;
}

const THREADS = 64;

export function matmulKernel(p: MatmulProblem, features: Features, epilogue: Epilogue): Kernel {
  const { batch, m, n, k, dtype, a, b } = p;
  const { width } = epilogue;
  const columns = n / width;
  const total = batch * m * columns;
  const groups = Math.ceil(total / THREADS);
  const x = Math.min(groups, features.workgroupCount);
  const value = (column: number): string =>
    `f32(a[${at(a, 'row', 'i')}]) * f32(b[${at(b, 'i', `(column + ${column}u)`)}])`;
  const sum = width === 1 ? value(0) : `vec4<f32>(${[0, 1, 2, 3].map(value).join(', ')})`;
  const type = width === 1 ? 'f32' : 'vec4<f32>';
  const source = `${dtype === 'f16' || p.result === 'f16' ? 'enable f16;\n' : ''}
@group(0) @binding(0) var<storage, read> a: array<${dtype}>;
@group(0) @binding(1) var<storage, read> b: array<${dtype}>;
${epilogue.declarations(2)}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let index = (group.x + group.y * ${x}u) * ${THREADS}u + thread;
  if (index >= ${total}u) { return; }
  let column = (index % ${columns}u) * ${width}u;
  let row = (index / ${columns}u) % ${m}u;
  let batch = index / ${columns * m}u;
  var sum = ${type}();
  for (var i = 0u; i < ${k}u; i += 1u) { sum += ${sum}; }
  ${epilogue.store('sum', { batch: 'batch', row: 'row', column: 'column' })}
}
`;
  return {
    name: `matmul ${batch}x${m}x${k}x${n} ${dtype}`,
    source,
    bindings: ['read', 'read', ...epilogue.bindings],
    workgroups: [x, Math.ceil(groups / x), 1],
    flops: 2 * batch * m * n * k,
    bytes: (batch * (m * k + k * n) + batch * m * n) * (dtype === 'f16' ? 2 : 4),
  };
}

function at({ transposed, rowStride, batchStride, offset }: Operand, first: string, second: string): string {
  const [outer, inner] = transposed ? [second, first] : [first, second];
  return `batch * ${batchStride}u + ${outer} * ${rowStride}u + ${inner} + ${offset}u`;
}
