import { describe, expect, it } from 'vitest';
import { reducedNoise } from '../../engine/pipeline/reduced-noise.ts';
import { normals } from '../../engine/sampling/noise.ts';

const [FULL, HALF] = [
  { width: 1024, height: 768 },
  { width: 512, height: 384 },
];
const CHANNELS = 4;

describe('the noise of a draft', () => {
  it('is normal, as the noise of a picture is', () => {
    const noise = reducedNoise(5, CHANNELS, FULL, HALF)!;
    const mean = noise.reduce((sum, value) => sum + value, 0) / noise.length;
    const variance = noise.reduce((sum, value) => sum + (value - mean) ** 2, 0) / noise.length;
    expect(noise).toHaveLength(CHANNELS * 64 * 48);
    expect(Math.abs(mean)).toBeLessThan(0.05);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
  });

  it('is what lies at the same place of the large noise, in every channel', () => {
    const large = normals(5, 0, CHANNELS * 128 * 96);
    const noise = reducedNoise(5, CHANNELS, FULL, HALF)!;
    const [channel, row, column] = [3, 47, 63];
    const at = (y: number, x: number) => large[(channel * 96 + y) * 128 + x]!;
    const sum = at(94, 126) + at(94, 127) + at(95, 126) + at(95, 127);
    expect(noise[(channel * 48 + row) * 64 + column]).toBe(Math.fround(sum / 2));
  });

  it('is not made for a size that is not half exactly', () => {
    expect(reducedNoise(5, CHANNELS, FULL, FULL)).toBeUndefined();
    expect(reducedNoise(5, CHANNELS, FULL, { width: 512, height: 400 })).toBeUndefined();
  });
});
