/** @file What was measured on a device, kept in the user's cache folder. A file that is broken or missing is no error. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import envPaths from 'env-paths';
import { z } from 'zod';
import type { Gpu } from './device.ts';
import type { Speeds } from './kernel.ts';

/** Changes when kernels did so much that old measurements mislead. */
const VERSION = 2;

const contents = z.object({
  version: z.literal(VERSION),
  speeds: z.object({
    products: z.record(z.string(), z.number().nonnegative()),
    memory: z.number().positive(),
  }),
});

/** The file of a device: another for another driver, and for a device that is used without half precision. */
export function speedsFile({ adapter, features }: Gpu, folder = usualFolder()): string {
  const formats = features.half ? 'f16' : 'f32';
  const identity = createHash('sha256').update(`${adapter.name}\n${adapter.details}`).digest('hex');
  const readable = adapter.name.replace(/[^\w.-]+/g, '-').slice(0, 60);
  return join(folder, `${readable}-${identity.slice(0, 12)}-${formats}.json`);
}

export function readSpeeds(file: string): Speeds | undefined {
  try {
    return contents.parse(JSON.parse(readFileSync(file, 'utf8'))).speeds;
  } catch {
    return undefined; // measured again, then
  }
}

/** Two programs may write at the same time: each makes its own file and puts it in place whole. */
export function writeSpeeds(file: string, speeds: Speeds): void {
  const own = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(own, `${JSON.stringify({ version: VERSION, speeds }, null, 2)}\n`);
    renameSync(own, file);
  } catch {
    return; // measured again next time
  }
}

function usualFolder(): string {
  return join(envPaths('HDM Studio', { suffix: '' }).cache, 'gpu');
}
