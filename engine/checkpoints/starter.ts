/** @file The starter model: what draws where nobody has named another one. */
import { existsSync } from 'node:fs';
import { HdmError } from '../errors.ts';
import { resourceFolder } from './resources.ts';

/** Where it lies, if the program came with it. */
export function starterFolder(): string {
  return resourceFolder('starter');
}

/** Where it lies. Throws `bad-usage` where the program came without it. */
export function requireStarter(): string {
  const folder = starterFolder();
  if (existsSync(folder)) return folder;
  const problem = 'no model was named, and the starter model that would be used is not here';
  throw new HdmError('bad-usage', folder, problem, 'Name the file or folder of an HDM model');
}
