/** @file Our numbers against tensors made by independent code. The files are not part of the project. */
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { GOLDEN_KINDS, kindOf } from '../engine/golden/kinds.ts';
import { openNamed } from '../engine/runtime/open.ts';
import { openSafetensors, readTensors } from '../engine/weights/safetensors.ts';

const GOLDEN = fileURLToPath(new URL('../../shared/golden/', import.meta.url));
const GENERATION = fileURLToPath(new URL('../../shared/bootstrap/reference.safetensors', import.meta.url));

/** A text encoder, and XUT as it is trained: a software GPU needs minutes for each when all cores are busy. */
const ON_GPU = ['gemma3', 'train-released'];

const files = existsSync(GOLDEN) ? readdirSync(GOLDEN).filter((name) => name.endsWith('.safetensors')) : [];

async function check(path: string, device: 'cpu' | 'ort-webgpu' | 'webgpu') {
  const file = openSafetensors(path);
  const golden = {
    file,
    tensors: readTensors(file),
    runtime: await openNamed(device, 'f32'),
    precision: 'f32' as const,
  };
  for (const { name, error, tolerance } of await GOLDEN_KINDS[kindOf(file)]!(golden)) {
    expect(error, `${name} of ${path}`).toBeLessThanOrEqual(tolerance);
  }
}

describe.skipIf(files.length === 0)('golden files on the CPU (need ../shared)', () => {
  it.each(files)('%s', (name) => check(GOLDEN + name, 'cpu'));

  it('a generation from prompt to pixels', () => check(GENERATION, 'cpu'));
});

const hasGpu = existsSync(process.env['VK_DRIVER_FILES'] ?? '') && files.length > 0;

describe.skipIf(!hasGpu)('golden files on WebGPU (need ../shared and a Vulkan driver)', () => {
  it.each(ON_GPU)('%s', (name) => check(`${GOLDEN}${name}.safetensors`, 'webgpu'), 900_000);

  it('an XUT on ONNX Runtime', () => check(`${GOLDEN}xut-report-tread.safetensors`, 'ort-webgpu'));
});
