/** @file What a device is measured to do: kept, chosen by, and measured at all. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HdmError } from '../../../engine/errors.ts';
import { measureSpeeds, speedsOf } from '../../../engine/runtime/webgpu/calibration.ts';
import { openDevice, type Gpu } from '../../../engine/runtime/webgpu/device.ts';
import type { Features } from '../../../engine/runtime/webgpu/kernel.ts';
import { matmulChoices, matmulWays } from '../../../engine/runtime/webgpu/kernels/matmul.ts';
import { ceilingsOf, formatTimes } from '../../../engine/runtime/webgpu/profile.ts';
import { readSpeeds, speedsFile, writeSpeeds } from '../../../engine/runtime/webgpu/speeds-file.ts';
import { testFolder } from '../../helpers/folder.ts';
import { MATRICES, PLAIN } from './kernels/device.ts';
import { matmulProblem } from './kernels/problems.ts';

const SPEEDS = { products: { 'tiled 128x128 f32': 1000 }, memory: 100 };
const HALF = {
  ...matmulProblem({ batch: 1, m: 4096, n: 4096, k: 1024, ta: false, tb: true }),
  dtype: 'f16' as const,
};

describe('the file of measurements', () => {
  it('is of one adapter, driver and format', () => {
    const fileOf = (name: string, details: string, half: boolean): string =>
      speedsFile({ adapter: { name, details, isSoftware: false }, features: { ...PLAIN, half } } as Gpu, 'x');
    const files = [
      fileOf('Some GPU (TM)/1', 'driver 1', true),
      fileOf('Some GPU (TM)/1', 'driver 2', true),
      fileOf('Some GPU (TM)/1', 'driver 1', false),
    ];
    expect(new Set(files).size).toBe(3);
    expect(files[0]).toMatch(/^x.Some-GPU-TM-1-\w{12}-f16\.json$/);
  });

  it('gives back what was written, and nothing when it is broken or of another version', () => {
    const file = join(testFolder(), 'deep', 'speeds.json');
    expect(readSpeeds(file)).toBeUndefined();
    writeSpeeds(file, SPEEDS);
    expect(readSpeeds(file)).toEqual(SPEEDS);
    for (const text of [
      '{"version": 1',
      '{"version": 0, "speeds": {"products": {}, "memory": 1}}',
      '[]',
      '',
    ]) {
      writeFileSync(file, text);
      expect(readSpeeds(file)).toBeUndefined();
    }
  });

  it('may be impossible to write', () => {
    const file = join(testFolder(), 'file');
    writeFileSync(file, '');
    expect(() => writeSpeeds(join(file, 'speeds.json'), SPEEDS)).not.toThrow();
  });
});

describe('ways to compute a product', () => {
  const keysOf = (features: Features): string[] => [...matmulWays(HALF, features).keys()];
  const measured = (speedOf: (key: string, index: number) => number): Features => ({
    ...MATRICES,
    speeds: {
      products: Object.fromEntries(keysOf(MATRICES).map((key, index) => [key, speedOf(key, index)])),
      memory: 1,
    },
  });

  it('come in the order of their measured times', () => {
    const preferred = 'tiled 64x64 f16';
    expect(keysOf(measured((key) => (key === preferred ? 900 : 100)))[0]).toBe(preferred);
    expect(keysOf(measured((_, index) => (index === 0 ? 0 : 100))).at(-1)).toBe(keysOf(MATRICES)[0]);
  });

  it('keep their order where they are about as fast', () => {
    const [usual, other] = keysOf(MATRICES) as [string, string];
    const first = (gain: number): string =>
      keysOf(measured((key) => (key === other ? 100 * gain : key === usual ? 100 : 1)))[0]!;
    expect(first(1.05)).toBe(usual);
    expect(first(1.3)).toBe(other);
  });

  it('come in the usual order where one was not measured', () => {
    expect(matmulChoices(HALF, { ...MATRICES, speeds: SPEEDS })).toEqual(matmulChoices(HALF, MATRICES));
  });
});

describe('a profile', () => {
  const row = { name: 'k', times: 1, ms: 1, teraflops: 0.5, gigabytes: 10 };

  it('tells the share of what was measured, or else of the best seen', () => {
    const [head, line] = formatTimes([row], ceilingsOf(SPEEDS));
    expect(head).toContain('share of what this GPU was measured to do');
    expect(line).toContain(' 50 %');
    expect(formatTimes([row], ceilingsOf(undefined)).join()).toContain('share of the best seen here');
  });
});

const gpu = await openDevice({ half: false }).catch((error: unknown) => {
  if (error instanceof HdmError && error.code === 'device') return undefined;
  throw error;
});

describe.skipIf(!gpu)('a device', () => {
  it('is measured in all ways to compute a product, and in memory', async () => {
    const { products, memory } = await measureSpeeds(gpu!, 64);
    const problem = matmulProblem({ batch: 1, m: 64, n: 64, k: 512, ta: false, tb: true });
    expect(Object.keys(products).sort()).toEqual([...matmulWays(problem, gpu!.features).keys()].sort());
    for (const speed of [...Object.values(products), memory]) expect(speed).toBeGreaterThan(0);
  });

  it.runIf(gpu?.adapter.isSoftware)('that is a program is not measured on its own', async () => {
    expect(await speedsOf(gpu!, testFolder())).toBeUndefined();
  });
});
