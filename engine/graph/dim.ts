/**
 * @file Sizes of tensors. A size is a number, or a polynomial over named sizes that each run fixes anew
 * (`2*h`, `h*w + l`). One graph then serves every image size, prompt length and batch.
 */
import { HdmError } from '../errors.ts';

/** `terms` maps a monomial (`'h*w'`, factors sorted, `''` for the constant) to its integer coefficient. */
export interface Polynomial {
  readonly terms: ReadonlyMap<string, number>;
}

export type Dim = number | Polynomial;

/** Values of the named sizes in one run. */
export type Sizes = Readonly<Record<string, number>>;

/** The named size `name`, fixed by each run. */
export function size(name: string): Dim {
  return { terms: new Map([[name, 1]]) };
}

export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  const terms = new Map(termsOf(a));
  for (const [monomial, coefficient] of termsOf(b)) {
    terms.set(monomial, (terms.get(monomial) ?? 0) + coefficient);
  }
  return simplify(terms);
}

export function subtractDims(a: Dim, b: Dim): Dim {
  return addDims(a, multiplyDims(b, -1));
}

export function multiplyDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a * b;
  const terms = new Map<string, number>();
  for (const [left, x] of termsOf(a)) {
    for (const [right, y] of termsOf(b)) {
      const monomial = [...factors(left), ...factors(right)].sort().join('*');
      terms.set(monomial, (terms.get(monomial) ?? 0) + x * y);
    }
  }
  return simplify(terms);
}

/** `a / divisor`, which must leave no remainder whatever the named sizes are. */
export function divideDims(a: Dim, divisor: number): Dim {
  const terms = new Map([...termsOf(a)].map(([monomial, coefficient]) => [monomial, coefficient / divisor]));
  if (![...terms.values()].every(Number.isInteger)) {
    const advice = 'Declare the size as a multiple, for example 2*h instead of h';
    throw new HdmError('bad-shape', 'size', `${formatDim(a)} is not a multiple of ${divisor}`, advice);
  }
  return simplify(terms);
}

export function sameDim(a: Dim, b: Dim): boolean {
  if (typeof a === 'number' || typeof b === 'number') return a === b;
  return formatDim(a) === formatDim(b);
}

/** The size as text, equal for equal sizes: `2*h`, `h*w + l`. */
export function formatDim(dim: Dim): string {
  if (typeof dim === 'number') return String(dim);
  const parts = [...dim.terms].sort(byDegree).map(formatTerm);
  return parts.join(' + ').replaceAll('+ -', '- ');
}

/** The number a size has in a run. Throws when a named size is unknown. */
export function evaluateDim(dim: Dim, sizes: Sizes): number {
  if (typeof dim === 'number') return dim;
  let total = 0;
  for (const [monomial, coefficient] of dim.terms) {
    total += factors(monomial).reduce((product, name) => product * lookUp(name, sizes), coefficient);
  }
  return total;
}

/** The named sizes that occur in a size. */
export function namesIn(dim: Dim): string[] {
  if (typeof dim === 'number') return [];
  return [...new Set([...dim.terms.keys()].flatMap(factors))];
}

/** The factors of a monomial: `'h*w'` → `['h', 'w']`. */
export function factors(monomial: string): string[] {
  return monomial === '' ? [] : monomial.split('*');
}

function termsOf(dim: Dim): ReadonlyMap<string, number> {
  return typeof dim === 'number' ? new Map([['', dim]]) : dim.terms;
}

function simplify(terms: Map<string, number>): Dim {
  for (const [monomial, coefficient] of terms) {
    if (coefficient === 0) terms.delete(monomial);
  }
  if (terms.size === 0) return 0;
  if (terms.size === 1 && terms.has('')) return terms.get('')!;
  return { terms };
}

/** Products before single names before numbers, equals by the alphabet. */
function byDegree([a]: [string, number], [b]: [string, number]): number {
  return factors(b).length - factors(a).length || (a < b ? -1 : 1);
}

function formatTerm([monomial, coefficient]: [string, number]): string {
  if (monomial === '') return String(coefficient);
  return coefficient === 1 ? monomial : `${coefficient}*${monomial}`;
}

function lookUp(name: string, sizes: Sizes): number {
  const value = sizes[name];
  if (value === undefined) throw new HdmError('internal', 'size', `"${name}" has no value in this run`);
  return value;
}
