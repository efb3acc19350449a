/** @file The starter model: what draws where nobody has named another one. */
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { HdmError, toHdmError } from '../errors.ts';
import { resourceFolder } from './resources.ts';

function starterFolder(): string {
  return resourceFolder('starter');
}

/** Where it lies, if the program came with it. */
export function starterModel(): string | undefined {
  const folder = starterFolder();
  return existsSync(join(folder, 'model_index.json')) ? folder : undefined;
}

/** Where it lies. Throws `bad-usage` where the program came without it. */
export function requireStarter(): string {
  const folder = starterModel();
  if (folder !== undefined) return folder;
  const problem = 'no model was named, and the starter model that would be used is not here';
  throw new HdmError('bad-usage', starterFolder(), problem, 'Name the file or folder of an HDM model');
}

/** Writes its autoencoder, which other trainings begin with, as a folder. Throws `disk`. */
export function copyStarterVae(folder: string): void {
  try {
    cpSync(join(starterFolder(), 'vae'), folder, { recursive: true });
  } catch (error) {
    throw toHdmError(error, folder, 'disk');
  }
}
