/** @file What golden checks share: reading a file's tensors and metadata, and comparing. */
import { checkJson } from '../checkpoints/tensors.ts';
import { HdmError } from '../errors.ts';
import { type FloatDType, type TensorData, toFloat32 } from '../graph/dtype.ts';
import type { Runtime, WeightSource } from '../runtime/runtime.ts';
import type { SafetensorsFile } from '../weights/safetensors.ts';
import type { z } from 'zod';

/** One number compared: what it is, how far off, and how far it may be. */
export interface Comparison {
  readonly name: string;
  readonly error: number;
  readonly tolerance: number;
}

export interface GoldenFile {
  readonly file: SafetensorsFile;
  readonly tensors: ReadonlyMap<string, TensorData>;
  readonly runtime: Runtime;
  /** What weights and intermediate results are stored in. */
  readonly precision: FloatDType;
  /** Where the model of a generation lies; default: the folder of the file. */
  readonly model?: string;
}

export type Checker = (golden: GoldenFile) => Promise<Comparison[]>;

export const AGAIN = 'Get the file again';

/**
 * How far numbers may be off: this much of the largest of them, and at least `absolute`.
 *
 * Float32 sums in another order differ by that little. Half precision keeps 11 bits, so every number that is stored is
 * off by up to 5e-4 of itself. The values of a small network pass through some 60 stored results one after the other,
 * whose errors are independent: sqrt(60) · 5e-4 / sqrt(3) is 2e-3 for a usual number, and the worst of thousands is
 * four to five times that.
 */
const TOLERANCES: Readonly<Record<FloatDType, { absolute: number; relative: number }>> = {
  f32: { absolute: 1e-4, relative: 1e-5 },
  f16: { absolute: 1e-3, relative: 1e-2 },
  bf16: { absolute: 8e-3, relative: 8e-2 }, // 8 bits
};

export interface CompareOptions {
  /** Which numbers count; default: all. */
  readonly counts?: (index: number) => boolean;
  /** Instead of that of the precision. */
  readonly tolerance?: number;
}

export function compare(
  { precision }: Pick<GoldenFile, 'precision'>,
  name: string,
  got: TensorData,
  expected: TensorData,
  { counts = () => true, tolerance }: CompareOptions = {},
): Comparison {
  const [a, b] = [toFloat32(got), toFloat32(expected)];
  if (a.length !== b.length) return { name, error: Infinity, tolerance: 0 };
  let [error, largest] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    if (!counts(i)) continue;
    const difference = Math.abs(a[i]! - b[i]!);
    error = Number.isNaN(difference) ? Infinity : Math.max(error, difference);
    largest = Math.max(largest, Math.abs(b[i]!));
  }
  const { absolute, relative } = TOLERANCES[precision];
  return { name, error, tolerance: tolerance ?? Math.max(absolute, relative * largest) };
}

export function input(golden: GoldenFile, name: string): TensorData {
  return named(golden, `input.${name}`);
}

export function output(golden: GoldenFile, name: string): TensorData {
  return named(golden, `output.${name}`);
}

function named({ file, tensors }: GoldenFile, name: string): TensorData {
  const tensor = tensors.get(name);
  if (tensor) return tensor;
  throw new HdmError('bad-file', file.path, `a golden file of its kind needs the tensor "${name}"`, AGAIN);
}

export function weightsOf(golden: GoldenFile): Map<string, WeightSource> {
  return new Map([...tensorsBelow(golden, 'weight.')].map(([name, tensor]) => [name, inMemory(tensor)]));
}

/** The tensors whose names begin with `prefix`, without it. */
export function tensorsBelow({ tensors }: GoldenFile, prefix: string): Map<string, TensorData> {
  const own = [...tensors].filter(([name]) => name.startsWith(prefix));
  return new Map(own.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

export function inMemory({ dtype, shape, data }: TensorData): WeightSource {
  return { dtype, shape, place: { kind: 'memory', data } };
}

export function configOf<T>(golden: GoldenFile, schema: z.ZodType<T>): T {
  return parseMetadata(golden, 'config', schema);
}

export function parseMetadata<T>({ file }: GoldenFile, key: string, schema: z.ZodType<T>): T {
  const text = file.metadata[key];
  if (text === undefined) throw new HdmError('bad-file', file.path, `its metadata has no "${key}"`, AGAIN);
  try {
    return checkJson(JSON.parse(text), schema, `${file.path} ${key}`);
  } catch (error) {
    if (error instanceof HdmError) throw error;
    throw new HdmError('bad-file', file.path, `its metadata "${key}" is no JSON`, AGAIN, error);
  }
}

export function optional<K extends string>(
  key: K,
  value: TensorData | undefined,
): Partial<Record<K, TensorData>> {
  return (value ? { [key]: value } : {}) as Partial<Record<K, TensorData>>;
}
