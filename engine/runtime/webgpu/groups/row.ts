/**
 * @file Kernels that go row by row: some threads for each row, reductions in shared memory. Each reduction is a phase
 * that goes over the row; the last phase stores. Rows that one step covers stay in registers between the phases.
 */
import { count } from '../../../graph/shape.ts';
import { Emitter } from '../emit.ts';
import { numberText, type Width } from '../elementwise.ts';
import type { Group } from '../fuse.ts';
import { plus, times, unflatten, variable, type Index } from '../indexing.ts';
import { isReduction, type Node, type Reduction, type WorkOf } from '../node.ts';
import { MAIN } from '../kernels/wgsl.ts';
import { nameOf, positionAt, preamble, written } from './map.ts';
import { groupNumber, spread, type WriteContext, type Written } from './written.ts';

const THREADS = 256;
/** Fewer threads leave a subgroup half empty. */
const FEWEST_THREADS = 64;

export function writeRows(group: Group, context: WriteContext): Written {
  const { features } = context;
  const length = group.rowLength!;
  const rows = group.size / length;
  const width: Width = length % 4 === 0 ? 4 : 1;
  const steps = length / width;
  const lanes = Math.min(THREADS, features.workgroupThreads, 2 ** Math.ceil(Math.log2(steps)));
  const perGroup = Math.max(1, Math.floor(FEWEST_THREADS / lanes));
  const emitter = new Emitter(context);
  const row = variable('v_row', rows);
  const inRow = positionAt('v_at', steps, width);
  const position = plus(times(row, length), inRow);
  const isLoop = steps > lanes;

  const eachStep = (fill: () => void): void => {
    if (isLoop) emitter.block(`for (var v_at = v_step; v_at < ${steps}u; v_at += ${lanes}u)`, fill);
    else fill();
  };
  const reductions = [...group.members].filter(isReduction).sort((a, b) => a.id - b.id);
  for (const node of reductions) {
    const { rule } = node.work as WorkOf<'reduce'>;
    const [x] = node.inputs as [Node];
    const value = (): string => emitter.value(x, coordinatesIn(x, node, row, inRow), width);
    const total = emitter.fresh('total');
    if (isLoop) {
      emitter.line(`var ${total} = ${START[rule](width)};`);
      eachStep(() => emitter.line(`${total} = ${STEP[rule](total, value())};`));
    } else {
      emitter.line(`let ${total} = select(${START[rule](width)}, ${value()}, v_inside);`);
    }
    const name = emitter.let(`reduce_${rule}(${ACROSS[rule](total, width)}, thread)`);
    emitter.define(node, { name, position: row });
  }
  const isFull = (node: Node): boolean => count(node.shape) === group.size;
  const full = group.outputs.filter(isFull);
  if (full.length > 0) {
    eachStep(() => {
      const values = full.map((node) => emitter.valueAt(node, position, width));
      const store = (): void =>
        full.forEach((node, index) => emitter.store(node, position, values[index]!, width));
      emitter.block(isLoop ? 'if (v_active)' : 'if (v_inside)', store);
    });
  }
  const single = group.outputs.filter((node) => !isFull(node));
  if (single.length > 0) {
    const values = single.map((node) => emitter.valueAt(node, row, 1));
    emitter.block('if (v_active && v_step == 0u)', () =>
      single.forEach((node, index) => emitter.store(node, row, values[index]!, 1)),
    );
  }

  const workgroups = spread(Math.ceil(rows / perGroup), features);
  const rules = new Set(reductions.map(({ work }) => (work as WorkOf<'reduce'>).rule));
  const source = `${preamble(emitter)}
${[...rules].map((rule) => reduceFunction(rule, lanes)).join('')}
var<workgroup> numbers: array<f32, ${lanes * perGroup}>;
@compute @workgroup_size(${lanes * perGroup})
${MAIN}
  let v_step = thread % ${lanes}u;
  let v_next = ${groupNumber(workgroups)} * ${perGroup}u + thread / ${lanes}u;
  let v_active = v_next < ${rows}u;
  let v_row = min(v_next, ${rows - 1}u);
${isLoop ? '' : insideOf(steps)}${emitter.body()}
}
`;
  return written(emitter, {
    name: `row ${nameOf(group)} ${rows}x${length}`,
    source,
    workgroups,
    flops: group.size * group.members.size,
    aligned: [position.text, row.text],
  });
}

function insideOf(steps: number): string {
  return `  let v_at = min(v_step, ${steps - 1}u);
  let v_inside = v_active && v_step < ${steps}u;
`;
}

/** The coordinates in the operand of a reduction, for a place in a row. */
function coordinatesIn(x: Node, node: Node, row: Index, inRow: Index): Index[] {
  const { axes } = node.work as WorkOf<'reduce'>;
  const kept = unflatten(row, node.shape);
  const reduced = unflatten(
    inRow,
    x.shape.map((size, axis) => (axes.includes(axis) ? size : 1)),
  );
  return x.shape.map((_, axis) => (axes.includes(axis) ? reduced[axis]! : kept[axis]!));
}

/** Neutral value, one more number, and one number of a vector, for each rule. */
export const START: Readonly<Record<Reduction, (width: Width) => string>> = {
  sum: (width) => vector(numberText(0, 'f32'), width),
  largest: (width) => vector(numberText(-Infinity, 'f32'), width),
};
export const STEP: Readonly<Record<Reduction, (total: string, x: string) => string>> = {
  sum: (total, x) => `${total} + ${x}`,
  largest: (total, x) => `max(${total}, ${x})`,
};
export const ACROSS: Readonly<Record<Reduction, (x: string, width: Width) => string>> = {
  sum: (x, width) => (width === 1 ? x : `(${x}.x + ${x}.y) + (${x}.z + ${x}.w)`),
  largest: (x, width) => (width === 1 ? x : `max(max(${x}.x, ${x}.y), max(${x}.z, ${x}.w))`),
};

function vector(text: string, width: Width): string {
  return width === 1 ? text : `vec4<f32>(${text})`;
}

/** Reduces the values of `lanes` neighbouring threads; each gets the result. */
export function reduceFunction(rule: Reduction, lanes: number): string {
  return `
fn reduce_${rule}(value: f32, thread: u32) -> f32 {
  workgroupBarrier();
  numbers[thread] = value;
  workgroupBarrier();
  for (var half = ${lanes >> 1}u; half > 0u; half /= 2u) {
    if (thread % ${lanes}u < half) { numbers[thread] = ${STEP[rule]('numbers[thread]', 'numbers[thread + half]')}; }
    workgroupBarrier();
  }
  return numbers[thread - thread % ${lanes}u];
}
`;
}
