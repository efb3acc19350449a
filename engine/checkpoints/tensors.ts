/** @file The tensors of a checkpoint file, or of a folder of them, and the parts of a model among them. */
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import type { z } from 'zod';
import { HdmError, toHdmError } from '../errors.ts';
import type { WeightSource } from '../runtime/runtime.ts';
import { openSafetensors } from '../weights/safetensors.ts';

export interface TensorSet {
  /** The file or folder. */
  readonly path: string;
  readonly tensors: ReadonlyMap<string, WeightSource>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A name that every model of a kind has, whatever stands before it. */
const LANDMARKS = {
  transformer: 'in_patch.proj.weight',
  textEncoder: 'embed_tokens.weight',
  vae: 'decoder.conv_in.weight',
} as const;

export type Part = keyof typeof LANDMARKS;

/** What is in a safetensors file, or in all of a folder (a model in several pieces). Headers only. */
export function openTensors(path: string): TensorSet {
  const files = filesOf(path);
  const tensors = new Map<string, WeightSource>();
  const metadata: Record<string, string> = {};
  for (const file of files) {
    const opened = openSafetensors(file);
    const realPath = realpathSync(file); // download caches hold links, which the runtime does not follow
    Object.assign(metadata, opened.metadata);
    for (const { name, dtype, shape, offset, sizeBytes } of opened.tensors.values()) {
      tensors.set(name, { dtype, shape, place: { kind: 'file', path: realPath, offset, sizeBytes } });
    }
  }
  return { path, tensors, metadata };
}

/**
 * The tensors of one part, by their names without what stands before them: `unet.model.`, `te.text_models.0.`,
 * `vae.`, `model.`, … are all in use. `undefined` when the part is not in the set.
 */
export function partOf(set: TensorSet | undefined, part: Part): TensorSet | undefined {
  const landmark = LANDMARKS[part];
  const names = [...(set?.tensors.keys() ?? [])];
  const name = names.find((key) => key === landmark || key.endsWith(`.${landmark}`));
  if (!set || name === undefined) return undefined;
  const prefix = name.slice(0, -landmark.length);
  const own = [...set.tensors].filter(([key]) => key.startsWith(prefix));
  return { ...set, tensors: new Map(own.map(([key, source]) => [key.slice(prefix.length), source])) };
}

/** A JSON file checked against a schema. Throws `bad-file` that names the file and the value that is wrong. */
export function readJson<T>(path: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/, '')); // some editors put a mark in front
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw toHdmError(error, path, 'bad-file');
    const advice = 'Correct it, or get the file again';
    throw new HdmError('bad-file', path, 'this is not valid JSON', advice, error);
  }
  return checkJson(value, schema, path);
}

/** `value` as the schema describes it. */
export function checkJson<T>(value: unknown, schema: z.ZodType<T>, where: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  const place = path.length > 0 ? `"${path.join('.')}": ` : '';
  // "Invalid input: expected number, received undefined" → "expected number"
  const [, wanted] = /^(?:[\w ]+[:.] )?(.*?)(?:, received .*)?$/s.exec(message)!;
  const problem = `${place}${wanted![0]!.toLowerCase()}${wanted!.slice(1)}, got ${shown(value, path)}`;
  throw new HdmError('bad-model', where, problem, 'Correct it, or get the file again', result.error);
}

/** The value at a path, briefly. */
function shown(value: unknown, path: readonly PropertyKey[]): string {
  const found = path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown>)?.[key], value);
  return found === undefined ? 'nothing' : JSON.stringify(found).slice(0, 60);
}

function filesOf(path: string): string[] {
  if (!existsSync(path)) throw new HdmError('disk', path, 'no such file or folder', 'Check the path');
  if (!statSync(path).isDirectory()) return [path];
  const everything = filesIn(path);
  const files = everything.filter((file) => extname(file) === '.safetensors');
  if (files.length === 0) throw noTensors(path, everything);
  // model.safetensors beside model.fp16.safetensors: the same weights twice.
  const plain = files.filter((file) => !/\.(fp16|bf16|fp32|non_ema)\.safetensors$/.test(basename(file)));
  return (plain.length > 0 ? plain : files).sort().map((file) => join(path, file));
}

/** The names in a folder. Throws `disk` when it may not be read. */
export function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    throw toHdmError(error, folder, 'disk');
  }
}

function noTensors(path: string, files: readonly string[]): HdmError {
  const pickle = files.find((file) => ['.bin', '.ckpt', '.pt', '.pth'].includes(extname(file)));
  if (pickle) {
    const problem = `there is no .safetensors file in this folder, only a pickle (${pickle})`;
    const advice = 'Pickles can run code when opened and are refused; look for the model as .safetensors';
    return new HdmError('bad-model', path, problem, advice);
  }
  const advice = 'Name a .safetensors file, or a folder that holds one';
  return new HdmError('bad-model', path, 'there is no .safetensors file in this folder', advice);
}
