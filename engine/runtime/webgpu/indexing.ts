/**
 * @file Integer expressions that say where a number lies: sums of variables, quotients and remainders, all at least
 * zero, with their largest value known. Views (reshape, transpose, slice, …) change expressions, not memory; the rules
 * here keep them short, and show when a view is plain strides.
 */

/** A sum: `terms` by the text of their atom, times a coefficient, plus `constant`. */
export interface Index {
  readonly terms: ReadonlyMap<string, Term>;
  readonly constant: number;
  /** Its largest value. */
  readonly max: number;
  /** WGSL of type u32; equal for equal expressions. */
  readonly text: string;
}

interface Term {
  readonly atom: Atom;
  readonly coefficient: number;
}

interface Atom {
  readonly kind: 'variable' | 'quotient' | 'remainder';
  readonly text: string;
  readonly max: number;
  /** Of a quotient and a remainder. */
  readonly of?: Index;
  readonly by?: number;
}

/** A number. */
export function fixed(value: number): Index {
  return { terms: new Map(), constant: value, max: value, text: `${value}u` };
}

export const ZERO = fixed(0);

/** A WGSL variable of type u32 that is at least 0 and less than `size`. */
export function variable(name: string, size: number): Index {
  return size === 1 ? ZERO : single({ kind: 'variable', text: name, max: size - 1 });
}

export function plus(a: Index, b: Index): Index {
  if (a === ZERO) return b;
  if (b === ZERO) return a;
  const terms = new Map(a.terms);
  for (const [text, { atom, coefficient }] of b.terms) {
    terms.set(text, { atom, coefficient: coefficient + (terms.get(text)?.coefficient ?? 0) });
  }
  return joined(terms, a.constant + b.constant);
}

/** a - by, which is at least 0 whatever the variables are. */
export function minus(a: Index, by: number): Index {
  return sum(new Map(a.terms), a.constant - by);
}

export function times(a: Index, factor: number): Index {
  if (factor === 0) return ZERO;
  if (factor === 1) return a;
  const terms = [...a.terms].map(
    ([text, { atom, coefficient }]) => [text, { atom, coefficient: coefficient * factor }] as const,
  );
  return sum(new Map(terms), a.constant * factor);
}

/** a / by, rounded down. */
export function quotient(a: Index, by: number): Index {
  if (by === 1) return a;
  if (a.max < by) return ZERO;
  const { whole, rest } = split(a, by);
  if (rest.max < by) return divided(whole, by);
  const coarse = coarser(rest, by);
  const part = coarse
    ? quotientAtom(divided(coarse.high, coarse.by), by / coarse.by)
    : quotientAtom(rest, by);
  return plus(divided(whole, by), part);
}

/** What is left of a / by. */
export function remainder(a: Index, by: number): Index {
  if (by === 1) return ZERO;
  if (a.max < by) return a;
  const { rest } = split(a, by);
  if (rest.max < by) return rest;
  const coarse = coarser(rest, by);
  if (!coarse) return remainderAtom(rest, by);
  const high = remainder(divided(coarse.high, coarse.by), by / coarse.by);
  return plus(times(high, coarse.by), coarse.low);
}

/** The position of coordinates in a tensor of `shape`. */
export function flatten(coordinates: readonly Index[], shape: readonly number[]): Index {
  let [total, stride] = [ZERO, 1];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    total = plus(total, times(coordinates[axis]!, stride));
    stride *= shape[axis]!;
  }
  return total;
}

/** The coordinates of a position in a tensor of `shape`. */
export function unflatten(position: Index, shape: readonly number[]): Index[] {
  let rest = position;
  return shape
    .toReversed()
    .map((size) => {
      const coordinate = remainder(rest, size);
      rest = quotient(rest, size);
      return coordinate;
    })
    .reverse();
}

/** The expression with a variable set to a number. */
export function substitute(a: Index, name: string, value: number): Index {
  if (!a.text.includes(name)) return a;
  let total = fixed(a.constant);
  for (const { atom, coefficient } of a.terms.values()) {
    total = plus(total, times(substituteAtom(atom, name, value), coefficient));
  }
  return total;
}

/** How far one step of each variable moves, when nothing but variables is in the expression. */
export function stridesIn(
  a: Index,
  names: readonly string[],
): { offset: number; strides: number[] } | undefined {
  const known = [...a.terms.values()].every(({ atom }) => names.includes(atom.text));
  if (!known) return undefined;
  return { offset: a.constant, strides: names.map((name) => a.terms.get(name)?.coefficient ?? 0) };
}

/** a = width * base + lane: the base. Undefined when it is not of this form. */
export function vectorBase(a: Index, lane: string, width: number): Index | undefined {
  if (a.terms.get(lane)?.coefficient !== 1) return undefined;
  const base = substitute(a, lane, 0);
  const isWhole =
    base.constant % width === 0 &&
    [...base.terms.values()].every(({ coefficient }) => coefficient % width === 0);
  const usesLane = [...a.terms].some(([text]) => text !== lane && text.includes(lane));
  return isWhole && !usesLane ? divided(base, width) : undefined;
}

function single(atom: Atom): Index {
  return sum(new Map([[atom.text, { atom, coefficient: 1 }]]), 0);
}

function sum(terms: Map<string, Term>, constant: number): Index {
  let max = constant;
  const parts: string[] = [];
  for (const [text, { atom, coefficient }] of [...terms].sort(byText)) {
    if (coefficient === 0) {
      terms.delete(text);
      continue;
    }
    max += coefficient * atom.max;
    parts.push(coefficient === 1 ? text : `${text} * ${coefficient}u`);
  }
  if (constant > 0 || parts.length === 0) parts.push(`${constant}u`);
  return { terms, constant, max, text: parts.join(' + ') };
}

function byText([a]: readonly [string, Term], [b]: readonly [string, Term]): number {
  return a < b ? -1 : 1;
}

/** A sum in which quotient and remainder of the same number have become that number again. */
function joined(terms: Map<string, Term>, constant: number): Index {
  for (const { atom, coefficient } of terms.values()) {
    if (atom.kind !== 'remainder') continue;
    const match = partnerOf(terms, atom, coefficient);
    if (!match) continue;
    const rest = new Map(terms);
    rest.delete(atom.text);
    rest.delete(match.partner);
    return plus(sum(rest, constant), times(match.whole, coefficient));
  }
  return sum(terms, constant);
}

/** x % d beside (x / d) * d is x, and beside ((x / d) % m) * d it is x % (d m). */
function partnerOf(
  terms: Map<string, Term>,
  { of, by }: Atom,
  coefficient: number,
): { partner: string; whole: Index } | undefined {
  const upper = quotient(of!, by!);
  for (const [text, term] of terms) {
    if (term.coefficient !== coefficient * by!) continue;
    if (text === upper.text) return { partner: text, whole: of! };
    const { kind, of: inner, by: modulus } = term.atom;
    if (kind === 'remainder' && inner!.text === upper.text) {
      return { partner: text, whole: remainder(of!, by! * modulus!) };
    }
  }
  return undefined;
}

/** The terms that `by` divides, and the others. */
function split(a: Index, by: number): { whole: Index; rest: Index } {
  const entries = [...a.terms];
  const isWhole = ([, { coefficient }]: (typeof entries)[number]): boolean => coefficient % by === 0;
  const left = a.constant % by;
  return {
    whole: sum(new Map(entries.filter(isWhole)), a.constant - left),
    rest: sum(new Map(entries.filter((entry) => !isWhole(entry))), left),
  };
}

/** A divisor of `by` that all large terms have, the others being less than it: 4 in 4 t + j with j < 4. */
function coarser(a: Index, by: number): { high: Index; low: Index; by: number } | undefined {
  const candidates = new Set([...a.terms.values()].map(({ coefficient }) => gcd(coefficient, by)));
  for (const factor of [...candidates].sort((x, y) => y - x)) {
    if (factor === 1) continue;
    const { whole, rest } = split(a, factor);
    if (rest.max < factor) return { high: whole, low: rest, by: factor };
  }
  return undefined;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** a / by where it leaves nothing. */
function divided(a: Index, by: number): Index {
  const terms = [...a.terms].map(
    ([text, { atom, coefficient }]) => [text, { atom, coefficient: coefficient / by }] as const,
  );
  return sum(new Map(terms), a.constant / by);
}

function quotientAtom(of: Index, by: number): Index {
  if (by === 1) return of;
  if (of.max < by) return ZERO;
  const only = onlyAtom(of);
  if (only?.kind === 'quotient') return quotient(only.of!, only.by! * by);
  if (only?.kind === 'remainder' && only.by! % by === 0) {
    return remainder(quotient(only.of!, by), only.by! / by);
  }
  return single({
    kind: 'quotient',
    text: `(${of.text}) / ${by}u`,
    max: Math.floor(of.max / by),
    of,
    by,
  });
}

function remainderAtom(of: Index, by: number): Index {
  const only = onlyAtom(of);
  if (only?.kind === 'remainder' && only.by! % by === 0) return remainder(only.of!, by);
  return single({ kind: 'remainder', text: `(${of.text}) % ${by}u`, max: by - 1, of, by });
}

/** The atom of an expression that is nothing else. */
function onlyAtom({ terms, constant }: Index): Atom | undefined {
  const [term] = [...terms.values()];
  return terms.size === 1 && constant === 0 && term!.coefficient === 1 ? term!.atom : undefined;
}

function substituteAtom(atom: Atom, name: string, value: number): Index {
  if (atom.kind === 'variable') return atom.text === name ? fixed(value) : single(atom);
  const of = substitute(atom.of!, name, value);
  return atom.kind === 'quotient' ? quotient(of, atom.by!) : remainder(of, atom.by!);
}
