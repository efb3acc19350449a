import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { estimateFrom, fitCost, type Measurement, type Wish } from '../../electron/host/jobs/estimates.ts';
import { isInside, pictureName } from '../../electron/host/jobs/file-names.ts';
import { passesOf } from '../../electron/host/jobs/passes.ts';
import { DRAWING } from './fakes.ts';

describe('fitCost', () => {
  it.each([
    ['a constant and a line', (t: number) => 20 + 0.1 * t],
    ['a line and a square', (t: number) => 0.1 * t + 0.0001 * t ** 2],
    ['all three', (t: number) => 5 + 0.02 * t + 0.00003 * t ** 2],
  ])('finds %s from four sizes', (_what, cost) => {
    const fitted = fitCost([256, 1024, 2304, 4096].map((tokens) => ({ tokens, value: cost(tokens) })));
    for (const tokens of [64, 1600, 16384]) expect(fitted(tokens) / cost(tokens)).toBeCloseTo(1, 6);
  });

  it('goes through both of two sizes', () => {
    for (const [small, large] of [
      [10, 25], // slower than in proportion: a constant
      [10, 90], // faster: a square
    ]) {
      const points = [
        { tokens: 256, value: small! },
        { tokens: 1024, value: large! },
      ];
      const fitted = fitCost(points);
      expect(fitted(256)).toBeCloseTo(small!, 9);
      expect(fitted(1024)).toBeCloseTo(large!, 9);
      expect(fitted(4096)).toBeGreaterThan(large!);
    }
  });

  it('is in proportion to one size', () => {
    expect(fitCost([{ tokens: 256, value: 10 }])(1024)).toBeCloseTo(40, 9);
  });

  it('never falls below zero, whatever was measured', () => {
    const fitted = fitCost([
      { tokens: 256, value: 50 },
      { tokens: 1024, value: 20 },
    ]);
    for (const tokens of [16, 256, 1024, 16384]) expect(fitted(tokens)).toBeGreaterThan(0);
  });

  it('takes the middle of each size, so that one slow picture spoils nothing', () => {
    const usual = [10, 10, 10, 10].map((value) => ({ tokens: 256, value }));
    expect(fitCost([...usual, { tokens: 256, value: 1000 }])(256)).toBeCloseTo(10, 9);
  });
});

describe('estimateFrom', () => {
  it('says nothing without measurements', () => {
    expect(estimateFrom([], WISH)).toEqual({ measurements: 0 });
  });

  it('adds up passes, decoding and, when the model is not in memory, loading', () => {
    const { seconds } = estimateFrom([measured(), measured({ loadMs: 5_000 })], WISH);
    expect(middle(seconds)).toBeCloseTo(64 * 0.1 + 0.5, 6);
    const cold = estimateFrom([measured(), measured({ loadMs: 5_000 })], { ...WISH, isLoaded: false });
    expect(middle(cold.seconds)).toBeCloseTo(64 * 0.1 + 0.5 + 5, 6);
  });

  it('loads the model once for all pictures', () => {
    const wish = { ...WISH, count: 3, isLoaded: false };
    const { seconds } = estimateFrom([measured({ loadMs: 5_000 })], wish);
    expect(middle(seconds)).toBeCloseTo(3 * (64 * 0.1 + 0.5) + 5, 6);
  });

  it('is a range of at least a tenth to each side', () => {
    const { low, high } = estimateFrom([measured(), measured()], WISH).seconds!;
    expect(high / low).toBeCloseTo(1.1 / 0.9, 6);
  });

  it('is a wider range where pictures took different times', () => {
    const times = [4_000, 6_400, 6_400, 6_400, 12_800].map((denoiseMs) => measured({ denoiseMs }));
    const { low, high } = estimateFrom(times, WISH).seconds!;
    expect(low).toBeLessThan(0.8 * 6.9);
    expect(high).toBeGreaterThan(1.4 * 6.9);
  });

  it('is a wider range for a size that was not measured, the wider from one size only', () => {
    const widthOf = (measurements: Measurement[]): number => {
      const { low, high } = estimateFrom(measurements, { ...WISH, tokens: 4096 }).seconds!;
      return high / low;
    };
    const one = widthOf([measured()]);
    const two = widthOf([measured(), measured({ tokens: 256, denoiseMs: 1_600 })]);
    expect(two).toBeGreaterThan(1.1 / 0.9);
    expect(one).toBeGreaterThan(two);
  });

  it('knows the memory of a size between two others', () => {
    const measurements = [
      measured({ tokens: 256, peakBytes: 1.25e9 }),
      measured({ tokens: 4096, peakBytes: 5.09e9 }),
      measured({ tokens: 4096, peakBytes: 5e9 }),
    ];
    const { memoryBytes } = estimateFrom(measurements, { ...WISH, tokens: 1024 });
    expect(memoryBytes! / 2.018e9).toBeCloseTo(1, 6);
  });

  it('takes the memory of the one size that it knows, and more for a larger one', () => {
    const memory = (tokens: number) => estimateFrom([measured()], { ...WISH, tokens }).memoryBytes;
    expect([memory(256), memory(1024), memory(2048)]).toEqual([2e9, 2e9, 4e9]);
  });

  it('leaves memory out that was not measured', () => {
    expect(estimateFrom([measured({ peakBytes: 0 })], WISH)).not.toHaveProperty('memoryBytes');
  });
});

describe('passesOf', () => {
  it.each([
    ['one for each step', { guidanceScale: 1 }, 8],
    ['two with guidance', {}, 16],
    ['both ends of a step of heun, but for the last', { sampler: 'heun' }, 30],
    ['only one outside the guidance interval', { guidanceInterval: [0.5, 1] as [number, number] }, 13],
    [
      'as many for a picture to begin from',
      { from: { image: { kind: 'picture', id: 'a' }, strength: 0.5 } as const },
      16,
    ],
  ])('counts %s', (_what, change, passes) => {
    expect(passesOf({ ...DRAWING, steps: 8, ...change }, true)).toBe(passes);
  });

  it('counts no guidance of a model without text', () => {
    expect(passesOf({ ...DRAWING, steps: 8 }, false)).toBe(8);
  });
});

describe('pictureName', () => {
  const name = (prompt: string): string =>
    basename(
      pictureName({
        prompt,
        seed: 1,
        createdAt: new Date(2026, 10, 5).getTime(),
        id: 'abcdefgh',
        format: 'png',
      }),
    );

  it('lies in the folder of its month', () => {
    const at = {
      seed: 42,
      createdAt: new Date(2026, 0, 31, 23, 59).getTime(),
      id: '012345678',
      format: 'webp',
    };
    expect(pictureName({ ...at, prompt: 'a Red, circle!' })).toBe(
      join('2026-01', '2026-01-31-a-Red-circle-42-012345.webp'),
    );
  });

  it.each([
    ['letters of every language', 'ein Käfer, 東京 の 夜', 'ein-Käfer-東京-の-夜'],
    ['no path', '../../etc/passwd', 'etc-passwd'],
    ['no name that a system keeps for itself', 'CON', 'CON'],
    ['no signs that nobody sees', 'a\u200b\u202eb\u3164c', 'a-b-c'],
    ['no signs with a meaning', 'a:b*c?"<>|\n\0d', 'a-b-c-d'],
    ['no half characters', '\ud83d a', 'a'],
    ['something for an empty prompt', ' ,.!', 'picture'],
    [
      'whole words of a long prompt',
      'masterpiece, best quality, absurdres, highres',
      'masterpiece-best-quality-absurdres',
    ],
    ['the beginning of a long word', '𠮷'.repeat(100), '𠮷'.repeat(40)],
  ])('has %s', (_what, prompt, words) => {
    expect(name(prompt)).toBe(`2026-11-05-${words}-1-abcdef.png`);
  });

  it('has fewer bytes than every file system allows', () => {
    expect(Buffer.byteLength(name('𠮷'.repeat(100)))).toBeLessThan(255);
  });
});

describe('isInside', () => {
  it.each([
    ['/pictures', '/pictures/2026-01/a.png', true],
    ['/pictures', '/pictures/..a.png', true],
    ['/pictures', '/other/a.png', false],
    ['/pictures', '/pictures-2/a.png', false],
  ])('%s, %s: %s', (folder, file, expected) => {
    expect(isInside(folder, file)).toBe(expected);
  });
});

const WISH: Wish = { tokens: 1024, passes: 64, count: 1, isLoaded: true };

function measured(change: Partial<Measurement> = {}): Measurement {
  return { tokens: 1024, passes: 64, denoiseMs: 6_400, decodeMs: 500, loadMs: 0, peakBytes: 2e9, ...change };
}

function middle(range: { low: number; high: number } | undefined): number {
  return (range!.low + range!.high) / 2;
}
