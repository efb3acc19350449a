/** @file What kind of thing lies at a path, told by the headers of its files. */
import { existsSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { openTensors, partOf, type TensorSet } from '../../../engine/checkpoints/tensors.ts';
import { HdmError } from '../../../engine/errors.ts';
import { quote } from '../../../engine/weights/safetensors.ts';
import { outlineAdapter } from '../../../engine/weights/adapters.ts';
import { isFolder, visibleNames } from './model-files.ts';

/** A model can draw, an adapter changes one, and a part (text encoder or VAE) completes one. */
export type Contents = 'model' | 'adapter' | 'part';

/** The same weights once more, in another number format. */
const VARIANT = /\.(fp16|bf16|fp32|non_ema)\.safetensors$/;
/** A folder may hold thousands of files that are no models. */
const MAX_CHILDREN = 500;

/** Models of others, by a part of the names in them. */
const STRANGERS: readonly [names: RegExp, kind: string][] = [
  [/\binput_blocks\.0\.|\bdown_blocks\.0\.attentions\./, 'a Stable Diffusion or SDXL model'],
  [/\bdouble_blocks\.0\./, 'a Flux model'],
  [/\bjoint_blocks\.0\./, 'a Stable Diffusion 3 model'],
];

/**
 * What is at `path`. Throws `bad-model` when it is none of ours, naming the first tensor, or when it is a folder of
 * several models, naming those; `bad-file` and `disk` as opening does.
 */
export function contentsOf(path: string): Contents {
  if (!existsSync(path)) throw new HdmError('disk', path, 'no such file or folder', 'Check the path');
  if (!isFolder(path)) return contentsOfTensors(openTensors(path));
  if (isDiffusersFolder(path)) return 'model';
  const models = weightFiles(path).filter((file) => holds(file, 'transformer'));
  if (models.length === 1) return 'model';
  const inside = models.length > 1 ? models : findModels(path);
  if (inside.length > 0) throw severalModels(path, inside);
  return contentsOfTensors(openTensors(path));
}

/** The models and adapters that are direct children of a folder. */
export function findModels(folder: string): string[] {
  const children = visibleNames(folder)
    .slice(0, MAX_CHILDREN)
    .map((name) => join(folder, name));
  return children.filter((child) => isModelOrAdapter(child));
}

/** The models and adapters at a path: what lies there, or those in the folder; parts of models do not count. */
export function modelsAt(path: string): string[] {
  const target = onlyAdapter(path);
  const isInFolder = isFolder(target);
  if (!isInFolder && extname(target) !== '.safetensors') return [];
  try {
    return contentsOf(target) === 'part' ? [] : [target];
  } catch (error) {
    if (!(error instanceof HdmError)) throw error;
    return isInFolder ? findModels(target) : [target]; // a damaged file is told about when it is added
  }
}

/** The one adapter of a folder that holds nothing else; else the folder itself. */
export function onlyAdapter(folder: string): string {
  if (!isFolder(folder) || isDiffusersFolder(folder)) return folder;
  const [file, ...others] = weightFiles(folder);
  return file && others.length === 0 && isAdapter(file) ? file : folder;
}

/** Weight files directly in a folder, without the same weights in other number formats. */
export function weightFiles(folder: string): string[] {
  const names = visibleNames(folder).filter((name) => extname(name) === '.safetensors');
  const plain = names.filter((name) => !VARIANT.test(name));
  return (plain.length > 0 ? plain : names).slice(0, MAX_CHILDREN).map((name) => join(folder, name));
}

function contentsOfTensors(set: TensorSet): Contents {
  if (partOf(set, 'transformer')) return 'model';
  if (partOf(set, 'textEncoder') || partOf(set, 'vae')) return 'part';
  const isFile = !isFolder(set.path);
  const problem = isFile ? adapterProblem(set.path) : undefined;
  if (isFile && problem === undefined) return 'adapter';
  const names = [...set.tensors.keys()];
  // A file with layers of adapters, but of a kind that is not known, is told so.
  if (problem && names.some((name) => /lora|hada|lokr|dora_scale/.test(name))) throw problem;
  throw stranger(set.path, names);
}

function stranger(path: string, names: readonly string[]): HdmError {
  const advice = 'Choose an HDM model (XUT), or a LoRA, LoHa or LoKr made for one';
  if (names.length === 0) return new HdmError('bad-model', path, 'it holds no tensors at all', advice);
  const kind = STRANGERS.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1];
  const what = kind ? `this is ${kind}` : 'this is neither an HDM model nor an adapter';
  const problem = `${what}: expected the weight "in_patch.proj.weight" of an XUT, the first one is ${quote(names[0])}`;
  return new HdmError('bad-model', path, problem, advice);
}

function severalModels(path: string, models: readonly string[]): HdmError {
  const names = models.slice(0, 10).map((model) => basename(model));
  const more = models.length > names.length ? ` and ${models.length - names.length} more` : '';
  const what =
    models.length > 1 ? 'several models lie in this folder' : 'this is no model, but one lies in it';
  return new HdmError('bad-model', path, `${what}: ${names.join(', ')}${more}`, 'Choose one of them');
}

function isDiffusersFolder(path: string): boolean {
  if (existsSync(join(path, 'transformer'))) return true;
  return existsSync(join(path, 'model_index.json')) && weightFiles(path).length === 0;
}

function isModelOrAdapter(path: string): boolean {
  if (!isFolder(path)) {
    return extname(path) === '.safetensors' && (holds(path, 'transformer') || isAdapter(path));
  }
  if (existsSync(join(path, 'transformer'))) return true;
  const files = weightFiles(path);
  return files.some((file) => holds(file, 'transformer')) || (files.length === 1 && isAdapter(files[0]!));
}

function holds(file: string, part: Parameters<typeof partOf>[1]): boolean {
  try {
    return partOf(openTensors(file), part) !== undefined;
  } catch {
    return false; // damaged files are told about when they are chosen themselves
  }
}

function isAdapter(file: string): boolean {
  return adapterProblem(file) === undefined;
}

function adapterProblem(file: string): HdmError | undefined {
  try {
    const { layers } = outlineAdapter(file);
    return layers.length > 0 ? undefined : new HdmError('bad-model', file, 'it changes no layer');
  } catch (error) {
    if (error instanceof HdmError) return error;
    throw error;
  }
}
