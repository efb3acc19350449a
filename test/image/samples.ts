import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HdmError } from '../../engine/errors.ts';
import type { Pixels } from '../../engine/image/pixels.ts';
import type { PictureSettings } from '../../engine/image/settings.ts';

/** Settings in which no value is the usual one. */
export const SETTINGS: PictureSettings = {
  version: 1,
  app: 'hdm-studio',
  appVersion: '0.1.0',
  prompt: '1girl, blue hair,\nmasterpiece, "quoted": 東京 🎨',
  negativePrompt: 'low quality, text\nSteps: 3, Sampler: none',
  width: 256,
  height: 384,
  steps: 32,
  guidanceScale: 3.5,
  guidanceInterval: [0.1, 0.9],
  sampler: 'dpmpp-2m',
  schedule: { name: 'shifted', shift: 1.75 },
  seed: Number.MAX_SAFE_INTEGER,
  zoom: 1.1,
  xShift: -0.4,
  yShift: 0.25,
  treadGuidance: 0.15,
  adapters: [
    { file: 'style, one.safetensors', sha256: 'ab'.repeat(32), strength: 0.8 },
    { file: 'détail.safetensors', strength: -0.5 },
  ],
  model: { name: 'hdm-xut-340M-1024px-note', sha256: '0123456789abcdef'.repeat(4) },
  image2image: { strength: 0.6, mask: true },
  precision: 'f16',
  device: 'NVIDIA: a card, of some kind',
};

/** A smooth picture with every value of red. */
export function gradient(width: number, height: number): Pixels {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const x = Math.floor(i / 3) % width;
    const y = Math.floor(i / 3 / width);
    return [(x * 255) / width, (y * 255) / height, ((x + y) * 127) / (width + height)][i % 3]!;
  });
  return { width, height, data };
}

/** Random numbers in [0, 1), the same for a seed (a 32-bit Weyl sequence, mixed). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    const mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    const again = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((again ^ (again >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** A new empty folder for `use`, removed afterwards. */
export async function inFolder<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'hdm-image-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export const filesIn = (folder: string): string[] => readdirSync(folder).sort();

/** The HdmError that `run` throws; any other outcome fails. */
export async function errorOf(run: () => unknown): Promise<HdmError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof HdmError) return error;
    throw error;
  }
  throw new Error('expected an HdmError, but nothing was thrown');
}
