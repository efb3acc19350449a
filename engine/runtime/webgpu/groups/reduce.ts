/**
 * @file Kernels with one reduction that is not done row by row. Where the last axis stays, or each result is of few
 * numbers, neighbouring threads have neighbouring results and a few share one; elsewhere a workgroup shares one.
 */
import { count } from '../../../graph/shape.ts';
import { Emitter } from '../emit.ts';
import type { Width } from '../elementwise.ts';
import type { Group } from '../fuse.ts';
import { unflatten, variable, type Index } from '../indexing.ts';
import type { Node, WorkOf } from '../node.ts';
import { MAIN } from '../kernels/wgsl.ts';
import { isByThread, SHARERS, WORKGROUP } from '../reduction.ts';
import { nameOf, positionAt, preamble, written } from './map.ts';
import { ACROSS, reduceFunction, START, STEP } from './row.ts';
import { groupNumber, spread, type WriteContext, type Written } from './written.ts';

export function writeReduction(group: Group, context: WriteContext): Written {
  const node = group.outputs[0]!;
  const { shape } = node.inputs[0]!;
  const { axes } = node.work as WorkOf<'reduce' | 'partial'>;
  return isByThread(shape, axes) ? writeColumns(group, node, context) : writeShared(group, node, context);
}

/** What both forms need: results, the reduced positions of one piece, and the WGSL bounds of the loop. */
function factsOf(node: Node) {
  const work = node.work as WorkOf<'reduce' | 'partial'>;
  const { shape } = node.inputs[0]!;
  const reduced = shape.map((size, axis) => (work.axes.includes(axis) ? size : 1));
  const kept = shape.map((size, axis) => (work.axes.includes(axis) ? 1 : size));
  const total = count(reduced);
  const length = work.kind === 'partial' ? work.length : total;
  const at = variable('v_at', total);
  const coordinates = (result: Index): Index[] => {
    const [ofKept, ofReduced] = [unflatten(result, kept), unflatten(at, reduced)];
    return shape.map((_, axis) => (work.axes.includes(axis) ? ofReduced[axis]! : ofKept[axis]!));
  };
  return { ...work, results: count(kept), total, pieces: Math.ceil(total / length), length, coordinates };
}

function writeColumns(group: Group, node: Node, context: WriteContext): Written {
  const { features } = context;
  const { rule, results, total, pieces, length, coordinates } = factsOf(node);
  const width: Width = results % 4 === 0 ? 4 : 1;
  const number = results / width;
  const { across, down } = columnThreads(number, length, features.workgroupThreads);
  const emitter = new Emitter(context);
  const result = positionAt('v_result', number, width);
  emitter.line(`var v_total = ${START[rule](width)};`);
  emitter.block(`for (var v_at = v_first + v_row; v_at < v_end; v_at += ${down}u)`, () => {
    const x = emitter.value(node.inputs[0]!, coordinates(result), width);
    emitter.line(`v_total = ${STEP[rule]('v_total', x)};`);
  });
  if (down > 1) emitter.line(`v_total = reduce_rows(v_total, thread);`);
  const stored = positionAt('v_place', number * pieces, width);
  emitter.block('if (v_active && v_row == 0u)', () => emitter.store(node, stored, 'v_total', width));
  const perPiece = Math.ceil(number / across);
  const workgroups = spread(perPiece * pieces, features);
  const source = `${preamble(emitter)}
${down > 1 ? reduceRows(STEP[rule], width === 4 ? 'vec4<f32>' : 'f32', across, down) : ''}
@compute @workgroup_size(${across * down})
${MAIN}
  let v_group = ${groupNumber(workgroups)};
  let v_piece = v_group / ${perPiece}u;
  let v_row = thread / ${across}u;
  let v_column = (v_group % ${perPiece}u) * ${across}u + thread % ${across}u;
  let v_active = v_column < ${number}u && v_piece < ${pieces}u;
  let v_result = min(v_column, ${number - 1}u);
  let v_first = v_piece * ${length}u;
  let v_end = min(v_first + ${length}u, ${total}u);
  let v_place = v_piece * ${number}u + v_result;
${emitter.body()}
}
`;
  return written(emitter, {
    name: `columns ${nameOf(group)} ${total}x${results}`,
    source,
    workgroups,
    flops: group.size * group.members.size,
    aligned: [],
  });
}

/** Neighbouring results that a workgroup has, and threads that share each of them: none where it is of few numbers. */
function columnThreads(results: number, length: number, most: number): { across: number; down: number } {
  const threads = Math.min(WORKGROUP, most);
  const down = Math.min(SHARERS, 2 ** Math.max(0, Math.floor(Math.log2(length / 2))));
  const across = Math.min(threads / down, 2 ** Math.ceil(Math.log2(results)));
  return { across, down };
}

/** What the threads of one result have, reduced; the first of them gets it. */
function reduceRows(
  step: (total: string, x: string) => string,
  type: string,
  across: number,
  down: number,
): string {
  return `
var<workgroup> rows: array<${type}, ${across * down}>;

fn reduce_rows(value: ${type}, thread: u32) -> ${type} {
  rows[thread] = value;
  workgroupBarrier();
  for (var half = ${(across * down) >> 1}u; half >= ${across}u; half /= 2u) {
    if (thread < half) { rows[thread] = ${step('rows[thread]', 'rows[thread + half]')}; }
    workgroupBarrier();
  }
  return rows[thread];
}
`;
}

function writeShared(group: Group, node: Node, context: WriteContext): Written {
  const { features } = context;
  const { rule, results, total, pieces, length, coordinates } = factsOf(node);
  const threads = Math.min(WORKGROUP, features.workgroupThreads);
  const emitter = new Emitter(context);
  emitter.line(`var v_total = ${START[rule](1)};`);
  emitter.block(`for (var v_at = v_first + thread; v_at < v_end; v_at += ${threads}u)`, () => {
    const x = emitter.value(node.inputs[0]!, coordinates(variable('v_result', results)), 1);
    emitter.line(`v_total = ${STEP[rule]('v_total', x)};`);
  });
  const sum = emitter.let(`reduce_${rule}(${ACROSS[rule]('v_total', 1)}, thread)`);
  emitter.block('if (thread == 0u && v_piece < ' + String(pieces) + 'u)', () =>
    emitter.store(node, variable('v_place', results * pieces), sum, 1),
  );
  const workgroups = spread(results * pieces, features);
  const source = `${preamble(emitter)}
var<workgroup> numbers: array<f32, ${threads}>;
${reduceFunction(rule, threads)}
@compute @workgroup_size(${threads})
${MAIN}
  let v_place = ${groupNumber(workgroups)};
  let v_result = v_place % ${results}u;
  let v_piece = v_place / ${results}u;
  let v_first = v_piece * ${length}u;
  let v_end = min(v_first + ${length}u, ${total}u);
${emitter.body()}
}
`;
  return written(emitter, {
    name: `reduce ${nameOf(group)} ${results}x${total}`,
    source,
    workgroups,
    flops: group.size * group.members.size,
    aligned: [],
  });
}
