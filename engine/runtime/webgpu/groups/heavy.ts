/** @file Heavy nodes: kernels of their own, which may end in an epilogue of fused elementwise ops. */
import { HdmError } from '../../../errors.ts';
import { count } from '../../../graph/shape.ts';
import { Emitter, lanes } from '../emit.ts';
import type { Width } from '../elementwise.ts';
import type { Group } from '../fuse.ts';
import { flatten, plus, times, variable } from '../indexing.ts';
import type { Epilogue } from '../kernel.ts';
import {
  attentionBackwardKernels,
  attentionKernel,
  type AttentionProblem,
  type Rows,
} from '../kernels/attention.ts';
import { convolutionChoices, convolutionPlan, type ConvolutionProblem } from '../kernels/convolution.ts';
import { matmulChoices, matmulPlan, type MatmulChoice, type Operand, type Plan } from '../kernels/matmul.ts';
import { inverseKernels, scatterAddKernels } from '../kernels/scatter.ts';
import type { AttentionKind, ConvolutionKind, Kind, Node, WorkOf } from '../node.ts';
import { asMatrix, asRows, asWhole, type Strided } from '../operands.ts';
import { isAlignedIn } from './map.ts';
import type { Step, WriteContext, Written } from './written.ts';

type HeavyWriter = (node: Node, group: Group, context: WriteContext) => Written;

export function writeHeavy(group: Group, context: WriteContext): Written {
  const node = group.product!;
  const writer = WRITERS[node.work.kind];
  if (!writer) throw new HdmError('internal', node.work.kind, 'the WebGPU runtime has no kernel for this op');
  return writer(node, group, context);
}

const WRITERS: Partial<Record<Kind, HeavyWriter>> = {
  matmul: writeMatmul,
  attention: writeAttention,
  // Until its attention is placed, which then takes over the group.
  attentionSums: () => plainly(),
  attentionRows(node, _group, { features }) {
    const [y, g] = wholes(node) as [Node, Node];
    const kernel = attentionBackwardKernels(problemOf({ ...node, inputs: [y, y, y] }), features).products;
    return plainly({ kernel, buffers: [y, g, node] });
  },
  attentionToQueries(node, _group, { features }) {
    const kernel = attentionBackwardKernels(problemOf(node), features).toQueries;
    return plainly({ kernel, buffers: [...backwardOperands(node), node] });
  },
  attentionToKeysAndValues(node, _group, { features }) {
    const kernel = attentionBackwardKernels(problemOf(node), features).toKeysAndValues;
    return plainly({ kernel, buffers: [...backwardOperands(node), node] });
  },
  inverse(node, _group, { features }) {
    const [index] = wholes(node) as [Node];
    const [clear, fill] = inverseKernels(count(index.shape), node.shape[0]!, features);
    return plainly({ kernel: clear, buffers: [node] }, { kernel: fill, buffers: [index, node] });
  },
  scatterAdd(node, _group, { features }) {
    const [x, index, updates] = wholes(node) as [Node, Node, Node];
    const [rows, ...row] = node.shape as [number, ...number[]];
    const facts = { count: count(index.shape), rows, width: count(row), format: node.format };
    const [copy, add] = scatterAddKernels(facts, features);
    return plainly({ kernel: copy, buffers: [x, node] }, { kernel: add, buffers: [index, updates, node] });
  },
  conv2d: convolution(([x, weight], y) => ({ picture: x!.shape, weight: weight!.shape, result: y.shape })),
  conv2dBack: convolution(([g, weight], x) => ({
    picture: x.shape,
    weight: weight!.shape,
    result: g!.shape,
  })),
  conv2dWeights: convolution(([x, g], weight) => ({
    picture: x!.shape,
    weight: weight.shape,
    result: g!.shape,
  })),
};

/** Attention, and in the same kernel its sums where somebody needs them. */
function writeAttention(node: Node, group: Group, { features }: WriteContext): Written {
  const sums = group.outputs.filter((output) => output !== node);
  const kernel = attentionKernel(problemOf(node), features, sums.length > 0);
  const bases = node.inputs.slice(0, 3).map((input) => asRows(input)!.base);
  const bias = node.inputs.slice(3).map((input) => asWhole(input)!.base);
  return plainly({ kernel, buffers: [...bases, ...bias, node, ...sums] });
}

function backwardOperands({ inputs }: Node): Node[] {
  return inputs.map((input, index) => (index < 3 ? asRows(input)! : asWhole(input)!).base);
}

/** Of an attention or a gradient of it, whose first inputs are q, k and v. */
function problemOf({ work, inputs }: Node): AttentionProblem {
  const [q, k, v, ...others] = inputs as [Node, Node, Node, ...Node[]];
  const bias = others[work.kind === 'attention' ? 0 : 3];
  const [batch, queries, heads, width] = q.shape as [number, number, number, number];
  const { scale } = work as WorkOf<AttentionKind>;
  const dtype = q.format as 'f16' | 'f32';
  const biased = bias && {
    dtype: bias.format as 'f16' | 'f32',
    batch: bias.shape[0]!,
    heads: bias.shape[1]!,
  };
  const keys = k.shape[1]!;
  const rows = { q: rowsOf(q), k: rowsOf(k), v: rowsOf(v) };
  return { batch, heads, queries, keys, width, dtype, scale, bias: biased, ...rows };
}

function rowsOf(node: Node): Rows {
  const { offset, strides } = asRows(node)!;
  const [batchStride, tokenStride, headStride] = strides as [number, number, number];
  return { offset, batchStride, tokenStride, headStride };
}

type Shapes = Pick<ConvolutionProblem, 'picture' | 'weight' | 'result'>;

/** Pictures are products with a row for each channel, weights with a row for each output. */
function convolution(shapesOf: (inputs: readonly Node[], result: Node) => Shapes): HeavyWriter {
  return (node, group, context) => {
    const { kind, stride, before } = node.work as WorkOf<ConvolutionKind>;
    const dtype = node.format as 'f16' | 'f32';
    const [first, rows, ...rest] = node.shape as [number, number, ...number[]];
    const matrix: Matrix =
      kind === 'conv2dWeights' ? [1, first, rows * count(rest)] : [first, rows, count(rest)];
    const problem = { kind, stride, before, dtype, ...shapesOf(node.inputs, node) };
    const epilogue = epilogueOf(group, node, matrix, context);
    const flops = (2 * count(problem.result) * count(problem.weight)) / problem.weight[0]!;
    const choice = choiceFor(flops, convolutionChoices(problem, context.features));
    const plan = convolutionPlan({ ...problem, ...choice }, context.features, epilogue.epilogue);
    return withEpilogue(plan, wholes(node), epilogue);
  };
}

/** Matrices, rows and columns of a product. */
type Matrix = readonly [batch: number, rows: number, columns: number];

/** Kernels without an epilogue. */
function plainly(...steps: readonly Step[]): Written {
  return {
    steps,
    buffers: Math.max(0, ...steps.map(({ buffers }) => buffers.length)),
    isAligned: () => false,
  };
}

function writeMatmul(node: Node, group: Group, context: WriteContext): Written {
  const [left, right] = node.inputs as [Node, Node];
  const batchShape = node.shape.slice(0, -2);
  const [m, n] = node.shape.slice(-2) as [number, number];
  const k = left.shape.at(-1)!;
  const [a, b] = [asMatrix(left, batchShape)!, asMatrix(right, batchShape)!];
  const epilogue = epilogueOf(group, node, [count(batchShape), m, n], context);
  const format = left.format as 'f16' | 'f32';
  const problem = {
    batch: count(batchShape),
    m,
    n,
    k,
    dtype: format,
    result: node.format as 'f16' | 'f32',
    a: operandOf(a, m, k),
    b: operandOf(b, k, n),
  };
  const choice = choiceFor(2 * count(node.shape) * k, matmulChoices(problem, context.features));
  const plan = matmulPlan({ ...problem, ...choice }, context.features, epilogue.epilogue);
  return withEpilogue(plan, [a.base, b.base], epilogue);
}

/** Products with fewer operations take longer to start than to compute: the kernel that is compiled soonest serves. */
const SMALL_PRODUCT = 2 ** 24;

function choiceFor(flops: number, choices: readonly MatmulChoice[]): { choice?: MatmulChoice } {
  if (flops > SMALL_PRODUCT) return {};
  const plain = choices.filter(({ way, splits }) => way === 'tiled' && splits === 1);
  const size = (choice: MatmulChoice): number =>
    choice.way === 'tiled' ? choice.tile.rows * choice.tile.columns : 0;
  return { choice: plain.reduce((a, b) => (size(b) <= size(a) ? b : a)) };
}

function operandOf({ offset, strides }: Strided, rows: number, columns: number): Operand {
  const [batchStride, row, column] = strides as [number, number, number];
  const transposed = column !== 1 && columns > 1;
  return { transposed, rowStride: transposed ? column : rows > 1 ? row : columns, batchStride, offset };
}

interface FusedEpilogue {
  readonly epilogue: Epilogue;
  readonly emitter: Emitter;
  readonly aligned: string;
}

/** The rest of a group as what a product [batch, rows, columns] does with its results. */
function epilogueOf(
  group: Group,
  product: Node,
  [batches, rows, columns]: Matrix,
  context: WriteContext,
): FusedEpilogue {
  const width: Width = columns % 4 === 0 ? 4 : 1;
  const emitter = new Emitter(context, 'e');
  const column = variable('e_column', columns / width);
  const place = [variable('e_batch', batches), variable('e_row', rows)];
  const last = width === 4 ? plus(times(column, 4), lanes) : column;
  const position = flatten([...place, last], [batches, rows, columns]);
  emitter.define(product, { name: 'e_value', position });
  const values = group.outputs.map((node) => emitter.valueAt(node, position, width));
  group.outputs.forEach((node, index) => emitter.store(node, position, values[index]!, width));
  const type = width === 4 ? 'vec4<f32>' : 'f32';
  const epilogue: Epilogue = {
    bindings: emitter.bound.map(({ access }) => access),
    width,
    declarations: (first) => `${emitter.declarations(first)}${emitter.helpers()}
fn epilogue(e_value: ${type}, e_batch: u32, e_row: u32, e_first: u32) {
  let e_column = e_first / ${width}u;
${emitter.body()}
}`,
    store: (value, { batch, row, column: first }) => `epilogue(${value}, ${batch}, ${row}, ${first});`,
  };
  return { epilogue, emitter, aligned: position.text };
}

/** Kernels whose last bindings are those of the epilogue; sums of a split product are in a buffer between them. */
function withEpilogue(
  { kernels, partialBytes }: Plan,
  operands: readonly Node[],
  { emitter, aligned }: FusedEpilogue,
): Written {
  const [first, second] = kernels;
  const last = emitter.bound.map(({ node }) => node);
  const buffers = operands.length + last.length;
  const isAligned = (node: Node): boolean =>
    !operands.includes(node) && isAlignedIn(emitter, [aligned])(node);
  if (!second) return { steps: [{ kernel: first, buffers: [...operands, ...last] }], buffers, isAligned };
  const sums = scratch(partialBytes);
  const steps = [
    { kernel: first, buffers: [...operands, sums] },
    { kernel: second, buffers: [sums, ...last] },
  ];
  return { steps, buffers, isAligned };
}

/** Memory for the kernels of one node only. */
function scratch(bytes: number): Node {
  return { id: -1, work: { kind: 'scratch' }, inputs: [], shape: [bytes / 4], format: 'f32' };
}

/** Operands that lie in one piece. */
function wholes(node: Node): Node[] {
  return node.inputs.map((input) => asWhole(input)!.base);
}
