/** @file Rows chosen by number: embeddings, and the tokens that TREAD lets through. */
import { HdmError } from '../errors.ts';
import { multiplyDims, sameDim } from '../graph/dim.ts';
import { formatType, type Tensor } from '../graph/graph.ts';
import type { Primitive } from '../graph/op.ts';
import { count, elements, formatShape, sameShape } from '../graph/shape.ts';
import { add, mul } from './elementwise.ts';
import { dimension, range, reshape, zeros } from './movement.ts';

export const GATHER: Primitive<null> = {
  name: 'gather',
  infer([table, index]) {
    if (index!.dtype !== 'i64') {
      throw new HdmError('bad-shape', 'gather', `expected i64 row numbers, got ${formatType(index!)}`);
    }
    return { dtype: table!.dtype, shape: [...index!.shape, ...table!.shape.slice(1)] };
  },
  evaluate([table, index], _attributes, output) {
    const row = count(table!.shape.slice(1));
    index!.data.forEach((from, to) => {
      output.data.set(table!.data.subarray(from * row, (from + 1) * row), to * row);
    });
  },
  gradient(g, node) {
    const [table, index] = node.inputs as [Tensor, Tensor];
    const rows = elements(index.shape);
    const updates = reshape(g, [rows, ...table.shape.slice(1)]);
    return [scatter(zeros(g, table.shape), reshape(index, [rows]), updates, 'add'), undefined];
  },
  onnx: (emit, inputs) => emit.node('Gather', inputs, { axis: 0 }),
};

/** Rows of table [N, ...] at index [...]: [...index, ...row]. */
export function gather(table: Tensor, index: Tensor): Tensor {
  return table.graph.add(GATHER, [table, index], null);
}

interface ScatterAttributes {
  readonly mode: 'replace' | 'add';
}

export const SCATTER: Primitive<ScatterAttributes> = {
  name: 'scatter',
  infer([x, index, updates]) {
    const areNumbers = index!.dtype === 'i64' && index!.shape.length === 1;
    const areRows = sameShape(updates!.shape, [...index!.shape, ...x!.shape.slice(1)]);
    if (!areNumbers || !areRows || updates!.dtype !== x!.dtype) {
      const problem = `rows ${formatType(updates!)} at ${formatType(index!)} do not fit ${formatType(x!)}`;
      throw new HdmError('bad-shape', 'scatter', problem, 'Rows are [count, ...row], their numbers [count]');
    }
    return { dtype: x!.dtype, shape: x!.shape };
  },
  evaluate([x, index, updates], { mode }, output) {
    output.data.set(x!.data);
    const row = count(x!.shape.slice(1));
    index!.data.forEach((to, from) => {
      for (let i = 0; i < row; i++) {
        const value = updates!.data[from * row + i]!;
        output.data[to * row + i] = mode === 'add' ? output.data[to * row + i]! + value : value;
      }
    });
  },
  gradient(g, node, { mode }) {
    const [, index, updates] = node.inputs as [Tensor, Tensor, Tensor];
    const kept = mode === 'add' ? g : scatter(g, index, zeros(g, updates.shape), 'replace');
    return [kept, undefined, gather(g, index)];
  },
  onnx(emit, [x, index, updates], node, { mode }) {
    const column = emit.node('Reshape', [index!, emit.shape([node.inputs[1]!.shape[0]!, 1])]);
    return emit.node('ScatterND', [x!, column, updates!], { reduction: mode === 'add' ? 'add' : 'none' });
  },
};

/** `x` [N, ...] with rows at index [K] replaced by, or added to, updates [K, ...]. */
export function scatter(x: Tensor, index: Tensor, updates: Tensor, mode: 'replace' | 'add'): Tensor {
  return x.graph.add(SCATTER, [x, index, updates], { mode });
}

/** Tokens of x [B, T, ...] at index [B, K], chosen per sample: [B, K, ...]. */
export function gatherTokens(x: Tensor, index: Tensor): Tensor {
  return gather(rowsOf(x), rowNumbers(x, index));
}

/** x [B, T, D] with its tokens at index [B, K] replaced by updates [B, K, D]. */
export function replaceTokens(x: Tensor, index: Tensor, updates: Tensor): Tensor {
  const numbers = rowNumbers(x, index);
  const rows = elements(index.shape);
  const newRows = reshape(updates, [rows, ...x.shape.slice(2)]);
  return reshape(scatter(rowsOf(x), reshape(numbers, [rows]), newRows, 'replace'), x.shape);
}

function rowsOf(x: Tensor): Tensor {
  return reshape(x, [multiplyDims(x.shape[0]!, x.shape[1]!), ...x.shape.slice(2)]);
}

/** Token numbers per sample as row numbers of the whole batch. */
function rowNumbers(x: Tensor, index: Tensor): Tensor {
  const [batch, tokens] = x.shape;
  if (!sameDim(index.shape[0]!, batch!)) {
    const problem = `token numbers ${formatShape(index.shape)} for a batch ${formatShape(x.shape)}`;
    throw new HdmError('bad-shape', 'tokens', problem);
  }
  const starts = mul(range(x.graph, batch!, 'i64'), dimension(x.graph, tokens!));
  return add(index, reshape(starts, [batch!, 1]));
}
