/** @file Checks what is given to a run against what its graph declares, and finds the named sizes. */
import { HdmError } from '../errors.ts';
import { evaluateDim, namesIn, type Dim, type Sizes } from '../graph/dim.ts';
import type { DType } from '../graph/dtype.ts';
import { formatType, type Graph, type Tensor } from '../graph/graph.ts';
import type { Values } from './runtime.ts';

/** What a tensor that is given is like, wherever its numbers lie. */
export interface GivenType {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/**
 * The named sizes of a run. `held` has the types of the variables. Throws `bad-shape` naming the input or variable
 * that is missing, superfluous or unfit.
 */
export function bindSizes(
  graph: Graph,
  inputs: Values,
  held: (name: string) => GivenType | undefined = () => undefined,
): Sizes {
  const given = [
    ...[...graph.inputs].map(([name, type]) => requireType(`input "${name}"`, type, inputs[name])),
    ...[...graph.variables].map(([name, type]) => requireType(`variable "${name}"`, type, held(name))),
  ];
  const stranger = Object.keys(inputs).find((name) => !graph.inputs.has(name));
  if (stranger) {
    const known = [...graph.inputs.keys()].join(', ');
    throw new HdmError('bad-shape', `input "${stranger}"`, `the graph has no such input, only ${known}`);
  }
  const sizes: Record<string, number> = {};
  for (const { type, own } of given) {
    type.shape.forEach((dim, axis) => {
      const solved = solve(dim, own.shape[axis]!);
      if (solved) sizes[solved.name] ??= solved.value;
    });
  }
  for (const { where, type, own } of given) {
    if (type.shape.every((dim, axis) => evaluateDim(dim, sizes) === own.shape[axis])) continue;
    const known = Object.entries(sizes).map(([key, value]) => `${key}=${value}`);
    const problem = `expected ${formatType(type)} with ${known.join(', ')}, got ${formatType(own)}`;
    throw new HdmError('bad-shape', where, problem);
  }
  return sizes;
}

function requireType(where: string, type: Tensor, own: GivenType | undefined) {
  if (own?.dtype === type.dtype && own.shape.length === type.shape.length) return { where, type, own };
  const got = own ? formatType(own) : 'nothing';
  throw new HdmError('bad-shape', where, `expected ${formatType(type)}, got ${got}`);
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
