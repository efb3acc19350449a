/** @file The files of a model: where it begins, which of them decide what it is, and names for new ones. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, realpathSync, statSync, type Stats } from 'node:fs';
import { basename, dirname, extname, join, resolve, sep } from 'node:path';
import type { Elsewhere } from '../../../engine/checkpoints/checkpoint.ts';

/** Folders of parts, as diffusers calls them. */
const PART_FOLDERS = ['transformer', 'text_encoder', 'tokenizer', 'vae'];
const ENDINGS = ['.safetensors', '.json'];
const MAX_NAME_LENGTH = 100;
const WEIGHTS = '.safetensors';

export interface ModelFiles {
  /** Changes when a file of the model does; undefined: the model is gone. */
  readonly fingerprint: string | undefined;
  readonly sizeBytes: number;
}

/** The path of the whole model that a person means who chose a file or a folder inside it. */
export function wholeModel(path: string): string {
  const chosen = resolve(path);
  if (basename(chosen) === 'model_index.json') return dirname(chosen);
  const part = [chosen, dirname(chosen)].find((folder) => basename(folder) === 'transformer');
  const home = part && dirname(part);
  return home && existsSync(join(home, 'model_index.json')) ? home : chosen;
}

/** Sizes and times of what decides about a model and of its parts elsewhere. Nothing is opened. */
export function modelFiles(path: string, elsewhere: Elsewhere): ModelFiles {
  const own = statsBelow(path);
  if (own.size === 0) return { fingerprint: undefined, sizeBytes: 0 };
  const others = Object.values(elsewhere as Record<string, string>).map((part) => statsBelow(part));
  const lines = [own, ...others].flatMap((files) =>
    [...files].map(([file, { size, mtimeMs }]) => `${file}:${size}:${mtimeMs}`),
  );
  const fingerprint = createHash('sha1').update(lines.join('\n')).digest('hex');
  const isFile = own.has(path);
  const sizes = [...own].filter(([file]) => !isFile || file === path).map(([, { size }]) => size);
  return { fingerprint, sizeBytes: sizes.reduce((sum, size) => sum + size, 0) };
}

/** Whether something that exists lies below one of the folders; the folders themselves do not, nor what a link leads to. */
export function isBelow(folders: readonly string[], path: string): boolean {
  if (!existsSync(path)) return false;
  const place = join(realpathSync(dirname(path)), basename(path));
  return folders
    .filter((folder) => existsSync(folder))
    .some((folder) => place.startsWith(`${realpathSync(folder)}${sep}`));
}

/** What people would call it: the name of the file or folder, unless that is the same for every model. */
export function usualName(path: string): string {
  const name = basename(path, WEIGHTS);
  const isCommon = /^(diffusion_pytorch_)?model\b/.test(name) && extname(path) === WEIGHTS;
  return (isCommon && basename(dirname(path))) || name || 'model';
}

/** A name from outside as one that may stand in a path on every system. */
export function safeFileName(name: string): string {
  const visible = name.normalize('NFC').replaceAll(/[\s\p{C}<>:"/\\|?*]+/gu, ' ');
  const short = [...visible].slice(0, MAX_NAME_LENGTH).join('');
  const plain = short.replace(/^[\s.]+/, '').replace(/[\s.]+$/, '');
  const isReserved = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(plain);
  return plain === '' || isReserved ? `model ${plain}`.trim() : plain;
}

/** A path in `folder` at which nothing lies yet: `name`, or `name (2)`, … before its ending. */
export function freePath(folder: string, name: string): string {
  const ending = extname(name) === WEIGHTS ? WEIGHTS : '';
  const stem = basename(name, ending);
  for (let number = 1; ; number++) {
    const path = join(folder, `${stem}${number > 1 ? ` (${number})` : ''}${ending}`);
    if (!existsSync(path)) return path;
  }
}

/** The names in a folder that a person sees, in order; none where it cannot be read. */
export function visibleNames(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith('.'))
      .sort();
  } catch {
    return []; // what cannot be looked into holds nothing for us
  }
}

/** Whether there is a folder at a path, or a link to one. */
export function isFolder(path: string): boolean {
  return statOf(path)?.isDirectory() ?? false;
}

/** Undefined also for what may not be looked at. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Of a file, itself and what may lie beside it; of a folder, its files and those of its parts. */
function statsBelow(path: string): Map<string, Stats> {
  const target = statOf(path);
  if (!target) return new Map();
  const home = target.isDirectory() ? path : dirname(path);
  const files = target.isDirectory() ? relevantFiles(path) : [path, ...besides(path)];
  const inParts = PART_FOLDERS.flatMap((part) => relevantFiles(join(home, part)));
  const stats = [...files, ...inParts].map((file) => [file, statOf(file)]);
  return new Map(stats.filter((entry): entry is [string, Stats] => entry[1] !== undefined));
}

function besides(file: string): string[] {
  const names = [
    `${basename(file, extname(file))}.json`,
    'config.json',
    'model_index.json',
    'tokenizer.json',
  ];
  return names.map((name) => join(dirname(file), name));
}

function relevantFiles(folder: string): string[] {
  const names = visibleNames(folder).filter(
    (name) => ENDINGS.includes(extname(name)) || name === 'README.md',
  );
  return names.map((name) => join(folder, name));
}
