import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { toFloat32 } from '../../engine/graph/dtype.ts';
import {
  applyCamera,
  cropPositions,
  positionMap,
  toTokenGrid,
  type PositionReading,
} from '../../engine/models/positions.ts';
import { openSafetensors, readTensors } from '../../engine/weights/safetensors.ts';

const GOLDEN = fileURLToPath(new URL('../../../shared/golden/positions.safetensors', import.meta.url));
const TOLERANCE = 1e-6;
const CROP_SIZE = 256;
const STILL = { xShift: 0, yShift: 0, zoom: 1 };

describe('the golden position maps', () => {
  it.skipIf(!existsSync(GOLDEN))('are met by maps, camera and crops (skipped without ../shared)', () => {
    const golden = readTensors(openSafetensors(GOLDEN));
    expect(golden.size).toBe(18);
    for (const [name, tensor] of golden) {
      expect(largestDifference(fromName(name), toFloat32(tensor)), name).toBeLessThan(TOLERANCE);
    }
  });

  /** Names: reading.HxW, camera.HxW, crop.reading.HxW.atTOP_LEFT. */
  function fromName(name: string): Float32Array {
    const [kind, ...rest] = name.split('.');
    const [height, width] = numbers(rest.at(kind === 'crop' ? 1 : 0)!);
    if (kind === 'camera') {
      const map = positionMap('bounding_box', height, width);
      return applyCamera(map, { xShift: 0.25, yShift: -0.25, zoom: 0.75 });
    }
    if (kind !== 'crop') return positionMap(kind as PositionReading, height, width);
    const [top, left] = numbers(rest[2]!);
    return cropPositions(rest[0] as PositionReading, height, width, top, left, CROP_SIZE);
  }
});

describe('positionMap', () => {
  it('puts the longer side of bounding_box between -1 and 1, at pixel centres', () => {
    const map = positionMap('bounding_box', 4, 2);
    expect([...map].map((p) => p * 4)).toEqual([-3, -1, -3, 1, -1, -1, -1, 1, 1, -1, 1, 1, 3, -1, 3, 1]);
  });

  it('lets unit_area begin at 0 with ranges that multiply to 1', () => {
    const map = positionMap('unit_area', 8, 2);
    expect([map[0], map[1]]).toEqual([0, 0]);
    expect([map.at(-2), map.at(-1)]).toEqual([(7 / 8) * 2, (1 / 2) * 0.5]);
  });

  it.each([
    [0, 4],
    [4, 2.5],
    [-1, 4],
  ])('refuses %d x %d', (height, width) => {
    expect(() => positionMap('unit_area', height, width)).toThrow(/whole numbers above 0/);
  });
});

describe('applyCamera', () => {
  it('shifts y and x apart, then divides by zoom', () => {
    const map = Float32Array.of(0, 0, 1, -1);
    expect([...applyCamera(map, { yShift: 1, xShift: 3, zoom: 2 })]).toEqual([0.5, 1.5, 1, 1]);
    expect([...map]).toEqual([0, 0, 1, -1]);
  });

  it.each([{ zoom: 0 }, { zoom: -1 }, { zoom: Infinity }, { xShift: NaN }])('refuses %j', (bad) => {
    expect(() => applyCamera(new Float32Array(2), { ...STILL, ...bad })).toThrow(/zoom must be above 0/);
  });
});

describe('cropPositions', () => {
  it('of the whole square picture averages its blocks', () => {
    const map = positionMap('bounding_box', 16, 16);
    const crop = cropPositions('bounding_box', 16, 16, 0, 0, 16);
    expect(largestDifference(crop, averageBlocks(map, 16, 8))).toBeLessThan(1e-7);
  });

  it('keeps the positions of the whole picture', () => {
    const left = cropPositions('unit_area', 16, 32, 0, 0, 16, 4);
    const right = cropPositions('unit_area', 16, 32, 0, 16, 16, 4);
    expect(right[1]! - left[1]!).toBeCloseTo(Math.SQRT2 / 2, 6);
    expect(right[0]).toBe(left[0]);
  });

  it.each([
    [1, 0, 16],
    [0, -1, 16],
    [0, 17, 16],
    [0, 0, 12],
    [0, 0, 0],
    [0, 0.5, 8],
  ])('refuses top %d, left %d, size %d in a picture of 16 x 32', (top, left, size) => {
    expect(() => cropPositions('unit_area', 16, 32, top, left, size)).toThrow(/does not fit a 16 x 32/);
  });
});

describe('toTokenGrid', () => {
  it('weighs 1 3 3 1, without what lies outside', () => {
    // One row pair of width 8: y constant, x an impulse at each column in turn.
    const weights = Array.from({ length: 8 }, (_, column) => {
      const map = Float32Array.from({ length: 2 * 8 * 2 }, (_, i) => (i % 16 === column * 2 + 1 ? 1 : 0));
      return [...toTokenGrid(map, 2, 8)].filter((_, i) => i % 2 === 1);
    });
    const inside = [1 / 8, 3 / 8, 3 / 8, 1 / 8];
    const border = [3 / 7, 3 / 7, 1 / 7];
    const tokenWeights = (token: number) => weights.map((row) => row[token]!);
    expect(tokenWeights(0)).toEqual([...border, 0, 0, 0, 0, 0].map(Math.fround));
    expect(tokenWeights(1)).toEqual([0, ...inside, 0, 0, 0].map(Math.fround));
    expect(tokenWeights(3)).toEqual([0, 0, 0, 0, 0, ...border.toReversed()].map(Math.fround));
  });

  it('agrees with the two-dimensional triangle filter', () => {
    const [height, width] = [6, 10];
    const map = Float32Array.from({ length: height * width * 2 }, (_, i) => Math.sin(i * i));
    const tokens = toTokenGrid(map, height, width);
    expect(largestDifference(tokens, triangleFilter(map, height, width))).toBeLessThan(1e-6);
  });

  it('moves border tokens inwards and leaves the others in the middle of their patch', () => {
    const tokens = toTokenGrid(positionMap('bounding_box', 8, 8), 8, 8);
    const x = [...tokens.slice(0, 8)].filter((_, i) => i % 2 === 1);
    expect(x[1]).toBeCloseTo(-0.25, 7);
    expect(x[0]).toBeCloseTo((3 * -7 + 3 * -5 + -3) / 7 / 8, 7);
  });

  it('refuses odd sides and maps of another size', () => {
    expect(() => toTokenGrid(new Float32Array(3 * 4 * 2), 3, 4)).toThrow(/must be even/);
    expect(() => toTokenGrid(new Float32Array(30), 4, 4)).toThrow(/30 numbers/);
  });
});

/** Straight from the definition: weight max(0, 1 - |distance| / 2) along each axis, normalised over the picture. */
function triangleFilter(map: Float32Array, height: number, width: number): Float32Array {
  const weight = (pixel: number, token: number) =>
    Math.max(0, 1 - Math.abs(pixel + 0.5 - (2 * token + 1)) / 2);
  return Float32Array.from({ length: map.length / 4 }, (_, i) => {
    const cell = Math.floor(i / 2);
    const [row, column] = [Math.floor(cell / (width / 2)), cell % (width / 2)];
    let sum = 0;
    let total = 0;
    for (let pixel = 0; pixel < height * width; pixel++) {
      const share = weight(Math.floor(pixel / width), row) * weight(pixel % width, column);
      sum += share * map[pixel * 2 + (i % 2)]!;
      total += share;
    }
    return sum / total;
  });
}

function averageBlocks(map: Float32Array, side: number, block: number): Float32Array {
  const cells = side / block;
  const result = new Float32Array(cells * cells * 2);
  map.forEach((position, i) => {
    const pixel = Math.floor(i / 2);
    const row = Math.floor(pixel / side / block);
    const column = Math.floor((pixel % side) / block);
    result[(row * cells + column) * 2 + (i % 2)]! += position / block ** 2;
  });
  return result;
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}

function numbers(text: string): [number, number] {
  const [first, second] = text.match(/\d+/g)!.map(Number);
  return [first!, second!];
}
