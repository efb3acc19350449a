/** @file Checks what is given to a run against what its graph declares, and finds the named sizes. */
import { HdmError } from '../errors.ts';
import { evaluateDim, namesIn, type Dim, type Sizes } from '../graph/dim.ts';
import { formatType, type Graph } from '../graph/graph.ts';
import type { Values } from './runtime.ts';

/** The named sizes of a run. Throws `bad-shape` naming the input that is missing, superfluous or unfit. */
export function bindSizes(graph: Graph, inputs: Values): Sizes {
  const sizes: Record<string, number> = {};
  for (const [name, declared] of graph.inputs) {
    const given = inputs[name];
    if (!given)
      throw new HdmError('bad-shape', `input "${name}"`, `expected ${formatType(declared)}, got nothing`);
    if (given.dtype !== declared.dtype || given.shape.length !== declared.shape.length) {
      const problem = `expected ${formatType(declared)}, got ${formatType(given)}`;
      throw new HdmError('bad-shape', `input "${name}"`, problem);
    }
    declared.shape.forEach((dim, axis) => {
      const solved = solve(dim, given.shape[axis]!);
      if (solved) sizes[solved.name] ??= solved.value;
    });
  }
  const stranger = Object.keys(inputs).find((name) => !graph.inputs.has(name));
  if (stranger) {
    const known = [...graph.inputs.keys()].join(', ');
    throw new HdmError('bad-shape', `input "${stranger}"`, `the graph has no such input, only ${known}`);
  }
  for (const [name, declared] of graph.inputs) {
    const given = inputs[name]!;
    const isFit = declared.shape.every((dim, axis) => evaluateDim(dim, sizes) === given.shape[axis]);
    if (isFit) continue;
    const known = Object.entries(sizes).map(([key, value]) => `${key}=${value}`);
    const problem = `expected ${formatType(declared)} with ${known.join(', ')}, got ${formatType(given)}`;
    throw new HdmError('bad-shape', `input "${name}"`, problem);
  }
  return sizes;
}

/** The coefficient and name of a size that is a multiple of one named size: `2*h`. */
export function asMultiple(dim: Dim): { readonly name: string; readonly coefficient: number } | undefined {
  if (typeof dim === 'number' || dim.terms.size !== 1) return undefined;
  const names = namesIn(dim);
  const [[monomial, coefficient]] = [...dim.terms] as [[string, number]];
  return names.length === 1 && names[0] === monomial ? { name: monomial, coefficient } : undefined;
}

function solve(dim: Dim, value: number): { name: string; value: number } | undefined {
  const multiple = asMultiple(dim);
  return multiple && { name: multiple.name, value: Math.floor(value / multiple.coefficient) };
}
