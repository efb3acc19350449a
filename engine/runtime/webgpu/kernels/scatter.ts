/** @file Rows written to places that are known only when the kernel runs. */
import { FORMAT_BYTES, type Format } from '../node.ts';
import { groupNumber, spread } from '../groups/written.ts';
import type { Features, Kernel } from '../kernel.ts';
import { MAIN } from './wgsl.ts';

const THREADS = 256;

/**
 * Turns row numbers [count] round: for each of `rows` rows which of the numbers, plus one, names it; 0 for none, the last
 * where several do. Buffers: the result; then the numbers and the result.
 */
export function inverseKernels(
  count: number,
  rows: number,
  features: Features,
): [clear: Kernel, fill: Kernel] {
  const clear = perThread('clear', rows, features, '  result[at] = 0u;', [['result', 'array<u32>', 'write']]);
  const body = `  atomicMax(&result[u32(clamp(index[at], 0, ${rows - 1}))], at + 1u);`;
  const fill = perThread('inverse', count, features, body, [
    ['index', 'array<i32>', 'read'],
    ['result', 'array<atomic<u32>>', 'both'],
  ]);
  return [clear, fill];
}

/**
 * x [rows, width] with updates [count, width] added at rows `index` [count], always in the same order. Buffers: x and the
 * result; then index, updates and the result.
 */
export function scatterAddKernels(
  { count, rows, width, format }: { count: number; rows: number; width: number; format: Format },
  features: Features,
): [copy: Kernel, add: Kernel] {
  const copy = perThread('copy', rows * width, features, '  result[at] = x[at];', [
    ['x', `array<${format}>`, 'read'],
    ['result', `array<${format}>`, 'write'],
  ]);
  const threads = Math.min(THREADS, features.workgroupThreads);
  const workgroups = spread(count, features);
  // The first update of a row adds up all of them; a workgroup finds out together whether there are several.
  const source = `${enable(format)}
@group(0) @binding(0) var<storage, read> index: array<i32>;
@group(0) @binding(1) var<storage, read> updates: array<${format}>;
@group(0) @binding(2) var<storage, read_write> result: array<${format}>;
var<workgroup> has_earlier: atomic<u32>;
var<workgroup> has_later: atomic<u32>;
@compute @workgroup_size(${threads})
${MAIN}
  let own = min(${groupNumber(workgroups)}, ${count - 1}u);
  let row = index[own];
  for (var other = thread; other < ${count}u; other += ${threads}u) {
    if (index[other] != row) { continue; }
    if (other < own) { atomicStore(&has_earlier, 1u); }
    if (other > own) { atomicStore(&has_later, 1u); }
  }
  workgroupBarrier();
  if (atomicLoad(&has_earlier) == 1u || ${groupNumber(workgroups)} != own) { return; }
  let last = select(own, ${count - 1}u, atomicLoad(&has_later) == 1u);
  let start = u32(clamp(row, 0, ${rows - 1})) * ${width}u;
  for (var column = thread; column < ${width}u; column += ${threads}u) {
    var total = f32(result[start + column]);
    for (var other = own; other <= last; other += 1u) {
      if (index[other] == row) { total += f32(updates[other * ${width}u + column]); }
    }
    result[start + column] = ${format}(total);
  }
}
`;
  const add: Kernel = {
    name: `scatterAdd ${count}x${width} into ${rows}`,
    source,
    bindings: ['read', 'read', 'both'],
    workgroups,
    flops: count * (width + count), // comparisons count as well: with many updates they take longest
    bytes: 3 * count * width * FORMAT_BYTES[format] + count * 4,
  };
  return [copy, add];
}

type Buffer = readonly [name: string, type: string, access: 'read' | 'write' | 'both'];

function perThread(
  name: string,
  total: number,
  features: Features,
  body: string,
  buffers: readonly Buffer[],
): Kernel {
  const threads = Math.min(THREADS, features.workgroupThreads);
  const workgroups = spread(Math.ceil(total / threads), features);
  const declared = buffers.map(([buffer, type, access], index) => {
    const mode = access === 'read' ? 'read' : 'read_write';
    return `@group(0) @binding(${index}) var<storage, ${mode}> ${buffer}: ${type};`;
  });
  const source = `${enable(buffers.map(([, type]) => type).join())}
${declared.join('\n')}
@compute @workgroup_size(${threads})
${MAIN}
  let at = ${groupNumber(workgroups)} * ${threads}u + thread;
  if (at >= ${total}u) { return; }
${body}
}
`;
  return {
    name: `${name} ${total}`,
    source,
    bindings: buffers.map(([, , access]) => access),
    workgroups,
    flops: 0,
    bytes: total * 4 * buffers.length,
  };
}

function enable(formats: string): string {
  return formats.includes('f16') ? 'enable f16;' : '';
}
