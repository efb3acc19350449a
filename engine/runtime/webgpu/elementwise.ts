/** @file WGSL of the elementwise ops, for single numbers and vectors alike. All floats are f32 in registers. */
import { HdmError } from '../../errors.ts';
import type { Format } from './node.ts';

/** What a value is in registers. */
export type Kept = 'f32' | 'i32' | 'bool';

export function keptAs(format: Format): Kept {
  if (format === 'u32') return 'bool';
  return format === 'i32' ? 'i32' : 'f32';
}

export type Width = 1 | 4;

export function typeName(kept: Kept, width: Width): string {
  return width === 1 ? kept : `vec4<${kept}>`;
}

/** The WGSL of a number. */
export function numberText(value: number, kept: Kept): string {
  if (kept === 'bool') return String(value !== 0);
  if (kept === 'i32') return `i32(${Math.max(Math.min(value, 2 ** 31 - 1), -(2 ** 31) + 1)})`;
  if (Number.isNaN(value)) return 'not_a_number()';
  const bounded = Math.max(Math.min(value, LARGEST), -LARGEST); // WGSL has no infinity
  const text = String(Math.fround(bounded));
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}

const LARGEST = 3.4028234663852886e38;

interface Rule {
  readonly text: (args: readonly string[], type: string) => string;
  /** Rough cost beside that of an addition, for the choice between computing again and keeping. */
  readonly cost: number;
  /** A function that the kernel needs. */
  readonly helper?: 'sine' | 'cosine';
}

const RULES: Readonly<Record<string, Rule>> = {
  neg: { text: ([x]) => `-${x}`, cost: 1 },
  exp: { text: ([x]) => `exp(${x})`, cost: 8 },
  log: { text: ([x]) => `log(${x})`, cost: 8 },
  sqrt: { text: ([x]) => `sqrt(${x})`, cost: 8 },
  sin: { text: ([x], type) => `sine_${suffix(type)}(${x})`, cost: 24, helper: 'sine' },
  cos: { text: ([x], type) => `cosine_${suffix(type)}(${x})`, cost: 24, helper: 'cosine' },
  // Drivers compute tanh from powers of e, which overflow.
  tanh: { text: ([x], type) => `tanh(clamp(${x}, ${type}(-15.0), ${type}(15.0)))`, cost: 16 },
  sigmoid: { text: ([x], type) => `${type}(1.0) / (${type}(1.0) + exp(-${x}))`, cost: 16 },
  add: { text: ([a, b]) => `${a} + ${b}`, cost: 1 },
  sub: { text: ([a, b]) => `${a} - ${b}`, cost: 1 },
  mul: { text: ([a, b]) => `${a} * ${b}`, cost: 1 },
  div: { text: ([a, b]) => `${a} / ${b}`, cost: 4 },
  max: { text: ([a, b]) => `max(${a}, ${b})`, cost: 1 },
  less: { text: ([a, b]) => `${a} < ${b}`, cost: 1 },
  where: { text: ([c, a, b]) => `select(${b}, ${a}, ${c})`, cost: 1 },
};

/** The expression of an elementwise op. */
export function mapText(name: string, args: readonly string[], to: Kept, from: Kept, width: Width): string {
  if (name === 'cast') return castText(args[0]!, to, from, width);
  const rule = RULES[name];
  if (!rule) throw new HdmError('internal', name, 'the WebGPU runtime has no kernel for this op');
  return rule.text(args, typeName(from, width));
}

export function mapCost(name: string): number {
  return RULES[name]?.cost ?? 1;
}

function castText(x: string, to: Kept, from: Kept, width: Width): string {
  if (to === from) return x;
  const type = typeName(to, width);
  if (to === 'bool') return `${x} != ${typeName(from, width)}()`;
  return from === 'bool' ? `select(${type}(), ${type}(1), ${x})` : `${type}(${x})`;
}

function suffix(type: string): string {
  return type === 'f32' ? '1' : '4';
}

/**
 * Sine and cosine that stay exact for angles of thousands: the built-in ones promise nothing beyond π. The angle is
 * brought into ±π/4 in three exact steps (Cody & Waite), then the polynomials of Cephes.
 */
export function helpersFor(names: ReadonlySet<string>): string {
  const needed = ['sine', 'cosine'].filter((name) => names.has(name));
  if (needed.length === 0) return '';
  return ([1, 4] as const).map((width) => circular(width)).join('\n');
}

export function helperOf(name: string): string | undefined {
  return RULES[name]?.helper;
}

function circular(width: Width): string {
  const type = typeName('f32', width);
  const whole = typeName('i32', width);
  return `
fn wave_${width}(x: ${type}, ahead: ${whole}) -> ${type} {
  let k = round(x * 0.63661977);
  let r = ((x - k * 1.5703125) - k * 4.83751296997e-4) - k * 7.549789415861596e-8;
  let s = r * r;
  let sine = r + r * s * (-1.6666654611e-1 + s * (8.3321608736e-3 + s * -1.9515295891e-4));
  let cosine = 1.0 - 0.5 * s + s * s * (4.166664568298827e-2 + s * (-1.388731625493765e-3 + s * 2.443315711809948e-5));
  let quarter = (${whole}(k) + ahead) & ${whole}(3);
  let value = select(sine, cosine, (quarter & ${whole}(1)) == ${whole}(1));
  return select(value, -value, quarter >= ${whole}(2));
}
fn sine_${width}(x: ${type}) -> ${type} { return wave_${width}(x, ${whole}(0)); }
fn cosine_${width}(x: ${type}) -> ${type} { return wave_${width}(x, ${whole}(1)); }`;
}
