/**
 * @file Writes the WGSL that computes nodes at given coordinates. What lies in a buffer is loaded, the rest is computed
 * on the spot; a value that is asked for twice is computed once. Views only change coordinates.
 */
import { HdmError } from '../../errors.ts';
import { count } from '../../graph/shape.ts';
import {
  helperOf,
  helpersFor,
  keptAs,
  mapText,
  numberText,
  typeName,
  type Kept,
  type Width,
} from './elementwise.ts';
import {
  fixed,
  flatten,
  minus,
  plus,
  quotient,
  remainder,
  substitute,
  times,
  unflatten,
  variable,
  vectorBase,
  type Index,
} from './indexing.ts';
import type { Binding } from './kernel.ts';
import { isHeavy, isReduction, type Node, type WorkOf } from './node.ts';
import { stretched } from './resolve.ts';

/** The variable of the four numbers that one vector holds. */
export const LANE = 'v_lane';
export const lanes = variable(LANE, 4);

export interface EmitOptions {
  /** Is the node in a buffer when the kernel starts? */
  readonly isStored: (node: Node) => boolean;
  /** Results that take the place of an operand, which must be read only where it is written. */
  readonly inPlace?: ReadonlyMap<Node, Node>;
}

interface Defined {
  readonly name: string;
  readonly position: Index;
}

/** A buffer of a kernel, seen as single numbers or as vectors. */
export interface BoundNode {
  readonly node: Node;
  readonly width: Width;
  readonly name: string;
  access: Binding;
}

export class Emitter {
  readonly bound: BoundNode[] = [];
  /** Where each operand is read. */
  readonly reads = new Map<Node, Set<string>>();
  readonly #options: EmitOptions;
  readonly #prefix: string;
  readonly #helpers = new Set<string>();
  readonly #defined = new Map<Node, Defined>();
  #lines: string[] = [];
  /** Known values, innermost block last. */
  readonly #scopes: Map<string, string>[] = [new Map<string, string>()];
  #counter = 0;

  /** `prefix` keeps the names of buffers apart from those of a kernel around it. */
  constructor(options: EmitOptions, prefix = 'b') {
    this.#options = options;
    this.#prefix = prefix;
  }

  /** The value of a node at coordinates; for width 4 they contain the lane. */
  value(node: Node, coordinates: readonly Index[], width: Width): string {
    const kept = keptAs(node.format);
    if (node.work.kind === 'literal') return splat(numberText(node.work.value, kept), kept, width);
    if (width === 4 && !coordinates.some(({ text }) => text.includes(LANE))) {
      return splat(this.value(node, coordinates, 1), kept, 4);
    }
    const { work, inputs } = node;
    if (work.kind === 'view') return this.value(inputs[0]!, work.place(coordinates), width);
    const key = `${node.id} ${width} ${coordinates.map(({ text }) => text).join()}`;
    return this.#once(key, () => this.#compute(node, coordinates, width));
  }

  /** The value at a position in row-major order. */
  valueAt(node: Node, position: Index, width: Width): string {
    return this.value(node, unflatten(position, node.shape), width);
  }

  /** Says what a node is at one position: a reduction of this row, or the product that is being stored. */
  define(node: Node, defined: Defined): void {
    this.#defined.set(node, defined);
  }

  store(node: Node, position: Index, value: string, width: Width): void {
    const kept = keptAs(node.format);
    const number =
      kept === 'bool'
        ? `select(${storedType('u32', width)}(), ${storedType('u32', width)}(1), ${value})`
        : `${storedType(node.format, width)}(${value})`;
    const { name } = this.#bind(this.#options.inPlace?.get(node) ?? node, width, 'write');
    const place = width === 4 ? vectorBase(position, LANE, 4)! : position;
    this.line(`${name}[${place.text}] = ${number};`);
  }

  line(text: string): void {
    this.#lines.push('  '.repeat(this.#scopes.length) + text);
  }

  /** Lines of a block of their own; what is computed there is not known outside. */
  block<T>(opening: string, fill: () => T): T {
    this.line(`${opening} {`);
    this.#scopes.push(new Map());
    const result = fill();
    this.#scopes.pop();
    this.line('}');
    return result;
  }

  fresh(prefix: string): string {
    return `${prefix}_${this.#counter++}`;
  }

  /** A value by name. */
  let(text: string): string {
    const name = this.fresh('v');
    this.line(`let ${name} = ${text};`);
    return name;
  }

  body(): string {
    return this.#lines.join('\n');
  }

  helpers(): string {
    return helpersFor(this.#helpers);
  }

  declarations(first = 0): string {
    return this.bound
      .map(({ node, width, name, access }, index) => {
        const mode = access === 'read' ? 'read' : 'read_write';
        const type = `array<${storedType(node.format, width)}>`;
        return `@group(0) @binding(${first + index}) var<storage, ${mode}> ${name}: ${type};`;
      })
      .join('\n');
  }

  #compute(node: Node, coordinates: readonly Index[], width: Width): string {
    const { work, inputs, shape, format } = node;
    const defined = this.#defined.get(node);
    if (defined) {
      if (flatten(coordinates, shape).text !== defined.position.text) throw new NotHere(node);
      return defined.name;
    }
    if (this.#options.isStored(node)) return this.#load(node, flatten(coordinates, shape), width);
    if (isHeavy(node) || isReduction(node) || work.kind === 'given') throw new NotHere(node);
    switch (work.kind) {
      case 'range':
        return this.let(
          width === 1
            ? `${typeName(keptAs(format), 1)}(${coordinates[0]!.text})`
            : this.#perLane(node, coordinates),
        );
      case 'map': {
        const args = inputs.map((input) => this.value(input, stretched(coordinates, input.shape), width));
        const helper = helperOf(work.rule);
        if (helper) this.#helpers.add(helper);
        const from = keptAs(inputs.at(-1)!.format);
        return this.let(mapText(work.rule, args, keptAs(format), from, width));
      }
      case 'pad':
        return this.#pad(node, work, coordinates, width);
      case 'concat':
        return this.#concat(node, work.axis, coordinates, width);
      case 'gather':
        return this.#gather(node, coordinates, width);
      case 'choose':
        return this.#choose(node, coordinates, width);
      default:
        throw new NotHere(node);
    }
  }

  #load(node: Node, position: Index, width: Width): string {
    this.#note(node, position);
    const kept = keptAs(node.format);
    const asKept = (text: string, size: Width): string => {
      if (kept === 'bool') return `(${text} != ${storedType('u32', size)}())`;
      return node.format === 'f16' ? `${typeName('f32', size)}(${text})` : text;
    };
    if (width === 1) return this.let(asKept(this.#single(node, position), 1));
    const base = count(node.shape) % 4 === 0 ? vectorBase(position, LANE, 4) : undefined;
    if (base) return this.let(asKept(`${this.#bind(node, 4, 'read').name}[${base.text}]`, 4));
    const parts = [0, 1, 2, 3].map((lane) => asKept(this.#single(node, substitute(position, LANE, lane)), 1));
    return this.let(`${typeName(kept, 4)}(${parts.join(', ')})`);
  }

  /** One number. Whole vectors are bound as such, so that a buffer read in both ways is one binding. */
  #single(node: Node, position: Index): string {
    if (count(node.shape) % 4 !== 0) return `${this.#bind(node, 1, 'read').name}[${position.text}]`;
    const { name } = this.#bind(node, 4, 'read');
    return `${name}[${quotient(position, 4).text}][${remainder(position, 4).text}]`;
  }

  #note(node: Node, position: Index): void {
    const places = this.reads.get(node) ?? new Set();
    this.reads.set(node, places.add(position.text));
  }

  #bind(node: Node, width: Width, access: 'read' | 'write'): BoundNode {
    const known = this.bound.find((bound) => bound.node === node && bound.width === width);
    if (known) {
      if (known.access !== access) known.access = 'both';
      return known;
    }
    const bound: BoundNode = { node, width, name: `${this.#prefix}_${this.bound.length}`, access };
    this.bound.push(bound);
    return bound;
  }

  #perLane(node: Node, coordinates: readonly Index[]): string {
    const parts = [0, 1, 2, 3].map((lane) => this.value(node, atLane(coordinates, lane), 1));
    return `${typeName(keptAs(node.format), 4)}(${parts.join(', ')})`;
  }

  /** Zeros outside; each side that cannot be reached costs nothing. */
  #pad(node: Node, { axis, before }: WorkOf<'pad'>, coordinates: readonly Index[], width: Width): string {
    const [x] = node.inputs as [Node];
    const at = coordinates[axis]!;
    const end = before + x.shape[axis]!;
    if (!isUniform(at, [before, end], width)) return this.let(this.#perLane(node, coordinates));
    const first = width === 4 ? substitute(at, LANE, 0) : at;
    const conditions = [
      ...(first.constant >= before ? [] : [`${first.text} >= ${before}u`]),
      ...(first.max < end ? [] : [`${first.text} < ${end}u`]),
    ];
    return this.#choice(conditions.join(' && ') || 'true', keptAs(node.format), width, {
      yes: () =>
        this.value(x, withAxis(coordinates, axis, this.#shifted(at, before, width, x.shape[axis]!)), width),
    });
  }

  #concat(node: Node, axis: number, coordinates: readonly Index[], width: Width): string {
    const at = coordinates[axis]!;
    const ends: number[] = [];
    for (const { shape } of node.inputs) ends.push((ends.at(-1) ?? 0) + shape[axis]!);
    const reachable = ends.filter((end) => end > at.constant && end <= at.max);
    if (!isUniform(at, reachable, width)) return this.let(this.#perLane(node, coordinates));
    const from = (part: number): string => {
      const start = ends[part - 1] ?? 0;
      const input = node.inputs[part]!;
      if (at.constant >= ends[part]!) return from(part + 1);
      const here = (): string =>
        this.value(
          input,
          withAxis(coordinates, axis, this.#shifted(at, start, width, input.shape[axis]!)),
          width,
        );
      if (at.max < ends[part]! || part === ends.length - 1) return here();
      const first = width === 4 ? substitute(at, LANE, 0) : at;
      const kept = keptAs(node.format);
      return this.#choice(`${first.text} < ${ends[part]}u`, kept, width, {
        yes: here,
        no: () => from(part + 1),
      });
    };
    return from(0);
  }

  #gather(node: Node, coordinates: readonly Index[], width: Width): string {
    const [table, index] = node.inputs as [Node, Node];
    const place = coordinates.slice(0, index.shape.length);
    if (place.some(({ text }) => text.includes(LANE))) return this.let(this.#perLane(node, coordinates));
    const rows = table.shape[0]!;
    const name = this.#once(`row ${index.id} ${place.map(({ text }) => text).join()}`, () =>
      this.let(`u32(clamp(${this.value(index, place, 1)}, 0, ${rows - 1}))`),
    );
    return this.value(table, [variable(name, rows), ...coordinates.slice(index.shape.length)], width);
  }

  #choose(node: Node, coordinates: readonly Index[], width: Width): string {
    const [x, inverse, updates] = node.inputs as [Node, Node, Node];
    const [row, ...rest] = coordinates as [Index, ...Index[]];
    if (row.text.includes(LANE)) return this.let(this.#perLane(node, coordinates));
    if (!this.#options.isStored(inverse)) throw new NotHere(inverse);
    const found = this.#once(`inverse ${inverse.id} ${row.text}`, () => {
      this.#note(inverse, row);
      return this.let(this.#single(inverse, row));
    });
    return this.#choice(`${found} == 0u`, keptAs(node.format), width, {
      yes: () => this.value(x, coordinates, width),
      no: () => {
        const name = this.fresh('row');
        this.line(`let ${name} = ${found} - 1u;`);
        return this.value(updates, [variable(name, updates.shape[0]!), ...rest], width);
      },
    });
  }

  /** at - start, which is at least 0 and less than `size` where this is written. */
  #shifted(at: Index, start: number, width: Width, size: number): Index {
    if (at.constant >= start) return minus(at, start);
    if (size === 1) return fixed(0);
    const base = width === 4 && at.text.includes(LANE) ? vectorBase(at, LANE, 4) : undefined;
    const name = this.fresh('at');
    if (!base) {
      this.line(`let ${name} = ${at.text} - ${start}u;`);
      return variable(name, size);
    }
    this.line(`let ${name} = ${base.text} - ${start / 4}u;`);
    return plus(times(variable(name, Math.ceil(size / 4)), 4), lanes);
  }

  #choice(
    condition: string,
    kept: Kept,
    width: Width,
    { yes, no }: { readonly yes: () => string; readonly no?: () => string },
  ): string {
    if (condition === 'true') return yes();
    const name = this.fresh('c');
    this.line(`var ${name} = ${typeName(kept, width)}();`);
    const assign = (value: () => string) => (): void => this.line(`${name} = ${value()};`);
    this.block(`if (${condition})`, assign(yes));
    if (no) this.block('else', assign(no));
    return name;
  }

  #once(key: string, make: () => string): string {
    const known = this.#scopes.findLast((scope) => scope.has(key))?.get(key);
    if (known) return known;
    const name = make();
    this.#scopes.at(-1)!.set(key, name);
    return name;
  }
}

/** A node that a kernel would need in a buffer, and that is not there. */
export class NotHere extends HdmError {
  readonly node: Node;

  constructor(node: Node) {
    super('internal', node.work.kind, 'it cannot be computed inside another kernel');
    this.node = node;
  }
}

function storedType(format: string, width: Width): string {
  return width === 1 ? format : `vec4<${format}>`;
}

function splat(text: string, kept: Kept, width: Width): string {
  return width === 1 ? text : `${typeName(kept, 4)}(${text})`;
}

function atLane(coordinates: readonly Index[], lane: number): Index[] {
  return coordinates.map((at) => substitute(at, LANE, lane));
}

function withAxis(coordinates: readonly Index[], axis: number, at: Index): Index[] {
  return coordinates.map((old, index) => (index === axis ? at : old));
}

/** Do all four lanes lie on the same side of each border? */
function isUniform(at: Index, borders: readonly number[], width: Width): boolean {
  if (width === 1 || !at.text.includes(LANE)) return true;
  return vectorBase(at, LANE, 4) !== undefined && borders.every((border) => border % 4 === 0);
}
