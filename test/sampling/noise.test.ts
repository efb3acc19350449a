import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { chooseSorted, inverseNormal, normals, philox4x32, uniforms } from '../../engine/sampling/noise.ts';

describe('philox4x32', () => {
  // The philox4x32-10 lines of Random123's kat_vectors: counter, key, answer.
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [Array(4).fill(0xffffffff), Array(2).fill(0xffffffff), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('gives the published words for counter %j', (counter, key, answer) => {
    const block = philox4x32(counter as [number, number, number, number], key as [number, number]);
    expect(block).toEqual(answer);
  });
});

describe('inverseNormal', () => {
  // Computed to 40 digits; the first two are also the check values of AS 241.
  it.each([
    [0.25, -0.6744897501960817432],
    [0.001, -3.0902323061678135354],
    [0.0749, -1.4402382675279636631],
    [0.0442, -1.7038987745804688385],
    [0.5, 0],
    [1e-9, -5.9978070150076868614],
    [2 ** -33, -6.3379577545537892525],
  ])('is right to 15 digits at p = %d', (p, z) => {
    expect(Math.abs(inverseNormal(p) - z)).toBeLessThan(1e-15 * Math.max(1, Math.abs(z)));
  });

  it('is odd around one half', () => {
    for (const p of [2 ** -33, 2 ** -10, 0.125, 0.375]) expect(inverseNormal(1 - p)).toBe(-inverseNormal(p));
  });

  it('has no step where its two branches meet', () => {
    for (const edge of [0.075, 0.925]) {
      expect(inverseNormal(edge + 1e-12)).toBeCloseTo(inverseNormal(edge - 1e-12), 10);
    }
  });
});

describe('normals', () => {
  it('never changes: values worked out with another implementation', () => {
    // Exact quantiles of an independent Philox, rounded to float32.
    expect([...normals(42, 1, 4)]).toEqual([
      -0.6395226716995239, -0.02205691859126091, -0.8885518908500671, -0.210258349776268,
    ]);
    expect([...normals(Number.MAX_SAFE_INTEGER, 7, 4)]).toEqual([
      -0.47490015625953674, -0.8905492424964905, -0.39728638529777527, 2.370144844055176,
    ]);
  });

  it('never changes: the bits of a long draw', () => {
    const hash = createHash('sha256')
      .update(littleEndian(normals(1234, 0, 100_000)))
      .digest('hex');
    expect(hash.slice(0, 16)).toBe('4175ae0599502b71');
  });

  it('begins a longer draw with the shorter one', () => {
    for (const length of [0, 1, 10, 11]) {
      expect(normals(5, 2, length)).toEqual(normals(5, 2, 1000).slice(0, length));
    }
  });

  it('has the moments of the standard normal distribution', () => {
    const values = normals(7, 0, 200_000);
    const moment = (power: number) => values.reduce((sum, z) => sum + z ** power, 0) / values.length;
    // Five standard errors each: sqrt(var(z^k) / n).
    expect(Math.abs(moment(1))).toBeLessThan(5 * Math.sqrt(1 / values.length));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / values.length));
    expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15 / values.length));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / values.length));
  });

  it('follows the distribution at its quantiles', () => {
    const values = normals(8, 0, 20_000);
    // Kolmogorov-Smirnov: the largest gap stays under 1.95 / sqrt(n) in all but 0.1 % of draws.
    for (let percent = 1; percent < 100; percent++) {
      const below = values.filter((z) => z < inverseNormal(percent / 100)).length / values.length;
      expect(Math.abs(below - percent / 100)).toBeLessThan(1.95 / Math.sqrt(values.length));
    }
  });

  it.each([
    ['streams', [3, 0], [3, 1]],
    ['seeds', [3, 0], [4, 0]],
    ['seeds that differ above 32 bits', [3, 0], [3 + 2 ** 32, 0]],
  ])('is unrelated between %s', (_, first, second) => {
    const a = normals(first[0]!, first[1]!, 50_000);
    const b = normals(second[0]!, second[1]!, 50_000);
    const correlation = a.reduce((sum, z, i) => sum + z * b[i]!, 0) / a.length;
    expect(Math.abs(correlation)).toBeLessThan(5 / Math.sqrt(a.length));
    expect(a.some((z, i) => z === b[i])).toBe(false);
  });

  it.each([
    [-1, 0, 1],
    [0.5, 0, 1],
    [2 ** 53, 0, 1],
    [NaN, 0, 1],
    [0, -1, 1],
    [0, 2 ** 32, 1],
    [0, 0, -1],
  ])('refuses seed %d, stream %d, length %d', (seed, stream, length) => {
    expect(() => normals(seed, stream, length)).toThrow(expect.objectContaining({ code: 'bad-usage' }));
  });
});

describe('uniforms', () => {
  it('fills [0, 1) evenly', () => {
    const values = uniforms(9, 0, 100_000);
    expect(values.every((u) => u >= 0 && u < 1)).toBe(true);
    const counts = new Array<number>(20).fill(0);
    for (const u of values) counts[Math.floor(u * 20)]!++;
    const expected = values.length / 20;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chiSquare).toBeLessThan(43.8); // 99.9 % of 19 degrees of freedom
  });

  it('are the words of the generator over 2^32, cut to 24 bits', () => {
    const [word] = philox4x32([0, 3, 0, 0], [21, 1]);
    expect(uniforms(21 + 2 ** 32, 3, 1)[0]).toBe(Math.floor(word / 256) / 2 ** 24);
  });
});

describe('chooseSorted', () => {
  it('gives distinct indices in ascending order', () => {
    const chosen = chooseSorted(1, 4, 300, 1000);
    expect(chosen.length).toBe(300);
    expect(chosen[0]).toBeGreaterThanOrEqual(0);
    expect(chosen.at(-1)).toBeLessThan(1000);
    expect(chosen.every((index, i) => i === 0 || index > chosen[i - 1]!)).toBe(true);
  });

  it('chooses every subset equally often', () => {
    const draws = 12_000;
    const counts = new Map<string, number>();
    for (let seed = 0; seed < draws; seed++) {
      const subset = chooseSorted(seed, 0, 3, 6).join();
      counts.set(subset, (counts.get(subset) ?? 0) + 1);
    }
    expect(counts.size).toBe(20);
    const expected = draws / 20;
    const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    expect(chiSquare).toBeLessThan(43.8); // 99.9 % of 19 degrees of freedom
  });

  it('can choose all or none', () => {
    expect([...chooseSorted(1, 0, 5, 5)]).toEqual([0, 1, 2, 3, 4]);
    expect([...chooseSorted(1, 0, 0, 5)]).toEqual([]);
  });

  it('refuses to choose more than there are', () => {
    expect(() => chooseSorted(1, 0, 6, 5)).toThrow(/count must be a whole number from 0 to 5, got 6/);
  });
});

function littleEndian(values: Float32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  values.forEach((value, i) => view.setFloat32(i * 4, value, true));
  return new Uint8Array(view.buffer);
}
