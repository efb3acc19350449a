/** @file The licence that a model says it has. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const MAX_LENGTH = 200;
const KEYS = ['license', 'licence', 'modelspec.license'];

/** From the front matter of the README.md in the model's folder, or the metadata of its weights. */
export function licenceOf(path: string, metadata: Readonly<Record<string, string>>): string | undefined {
  const said = readmeLicence(join(path, 'README.md')) ?? KEYS.map((key) => metadata[key]).find(Boolean);
  return said?.slice(0, MAX_LENGTH);
}

/** `license_name` is given where `license` is only "other". */
function readmeLicence(path: string): string | undefined {
  if (!existsSync(path) || !statSync(path).isFile()) return undefined;
  const [, matter] = /^\uFEFF?---\r?\n(.*?)\r?\n---/s.exec(readFileSync(path, 'utf8')) ?? [];
  const value = (key: string): string | undefined =>
    new RegExp(`^${key}:[ \\t]*["']?([^"'#\\r\\n]+?)["']?[ \\t]*(#.*)?$`, 'm').exec(matter ?? '')?.[1];
  return value('license_name') ?? value('license');
}
