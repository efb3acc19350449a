import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { toFloat32 } from '../../../engine/graph/dtype.ts';
import { positionMap, toTokenGrid, type PositionReading } from '../../../engine/models/positions.ts';
import {
  aspectCondition,
  bucketShapes,
  nearestBucket,
  planCrop,
  requireTrainingSize,
  tokenCount,
  tokenPositions,
  type Crop,
} from '../../../engine/training/data/crops.ts';
import { openSafetensors, readTensors } from '../../../engine/weights/safetensors.ts';

const GOLDEN = fileURLToPath(new URL('../../../../shared/golden/positions.safetensors', import.meta.url));
const SQUARE: Crop = { kind: 'shifted-square', size: 64 };
const range = (length: number) => Array.from({ length }, (_, i) => i);

describe('a shifted square crop', () => {
  it.each([
    [300, 200, 96, 64],
    [200, 300, 64, 96],
    [64, 64, 64, 64],
    [1000, 999, 64, 64],
    [40, 4000, 64, 6400],
  ])('of a %d x %d picture scales it to %d x %d', (width, height, scaledWidth, scaledHeight) => {
    expect(planCrop({ width, height }, SQUARE, 0, 0)).toMatchObject({
      width: scaledWidth,
      height: scaledHeight,
      partWidth: 64,
      partHeight: 64,
    });
  });

  it('lies at every place along the long side, and nowhere else', () => {
    const views = range(2000).map((sample) => planCrop({ width: 80, height: 64 }, SQUARE, 1, sample));
    expect(new Set(views.map(({ left }) => left))).toEqual(new Set(range(17)));
    expect(new Set(views.map(({ top }) => top))).toEqual(new Set([0]));
    expect(planCrop({ width: 80, height: 64 }, SQUARE, 1, 5)).toEqual(views[5]);
  });

  it('with a zoom is the whole short side for half of the samples, and a part of a larger picture for the others', () => {
    const crop: Crop = { ...SQUARE, zoom: 4 };
    const views = range(2000).map((sample) => planCrop({ width: 600, height: 400 }, crop, 1, sample));
    const zooms = views.map(({ height }) => height / 64).sort((a, b) => a - b);
    expect(zooms.filter((zoom) => zoom === 1).length / zooms.length).toBeCloseTo(0.5, 1);
    expect(zooms.at(-1)).toBeCloseTo(4, 1);
    expect(zooms.filter((zoom) => zoom > 2).length / zooms.length).toBeCloseTo(0.25, 1);
    for (const { width, height, left, top } of views) {
      expect(width / height).toBeCloseTo(1.5, 1);
      expect(left + 64).toBeLessThanOrEqual(width);
      expect(top + 64).toBeLessThanOrEqual(height);
    }
    expect(new Set(views.filter(({ height }) => height > 64).map(({ top }) => top)).size).toBeGreaterThan(50);
  });

  it('is not zoomed into where the picture would have to be enlarged for it', () => {
    const crop: Crop = { ...SQUARE, zoom: 4 };
    const heights = (height: number) =>
      range(200).map((sample) => planCrop({ width: 2 * height, height }, crop, 1, sample).height);
    expect(Math.max(...heights(96))).toBe(96);
    expect(new Set(heights(40))).toEqual(new Set([64]));
  });

  it.each<PositionReading>(['bounding_box', 'unit_area'])(
    'carries the %s positions of the whole picture',
    (positions) => {
      for (const sample of range(8)) {
        const crop: Crop = sample < 4 ? SQUARE : { ...SQUARE, zoom: 3 };
        const view = planCrop({ width: 500, height: 200 + 60 * sample }, crop, 2, sample);
        const found = tokenPositions(view, crop, { positions, latentScale: 8 });
        const expected = slowPositions(positions, view, 64, 8);
        expect(found.length).toBe(2 * tokenCount({ width: 64, height: 64 }, 8));
        expect(largestDifference(found, expected)).toBeLessThan(1e-6);
      }
    },
  );

  it.skipIf(!existsSync(GOLDEN))('agrees with the golden crops (skipped without ../shared)', () => {
    const golden = [...readTensors(openSafetensors(GOLDEN))].filter(([name]) => name.startsWith('crop.'));
    expect(golden.length).toBe(6);
    for (const [name, tensor] of golden) {
      const [, reading, height, width, top, left] = /^crop\.(\w+)\.(\d+)x(\d+)\.at(\d+)_(\d+)$/.exec(name)!;
      const part = { left: Number(left), top: Number(top), partWidth: 256, partHeight: 256 };
      const view = { width: Number(width), height: Number(height), ...part };
      const positions = reading as PositionReading;
      const found = tokenPositions(
        view,
        { kind: 'shifted-square', size: 256 },
        { positions, latentScale: 8 },
      );
      expect(largestDifference(found, toTokenGrid(toFloat32(tensor), 32, 32)), name).toBeLessThan(1e-6);
    }
  });

  it('tells the ratio of the whole picture', () => {
    const view = planCrop({ width: 300, height: 200 }, SQUARE, 0, 0);
    expect(aspectCondition(view, SQUARE)).toBeCloseTo(Math.log(1.5), 12);
  });
});

describe('aspect buckets', () => {
  const shapes = bucketShapes(512);

  it('have about the area of the square, sides in steps and no extreme ratios', () => {
    expect(shapes).toContainEqual({ width: 512, height: 512 });
    expect(shapes).toContainEqual({ width: 384, height: 640 });
    for (const { width, height } of shapes) {
      expect([width % 64, height % 64]).toEqual([0, 0]);
      expect(width * height).toBeLessThanOrEqual(512 ** 2);
      expect(width * height).toBeGreaterThan(0.8 * 512 ** 2);
      expect(Math.max(width / height, height / width)).toBeLessThanOrEqual(2);
    }
  });

  it('take the nearest ratio', () => {
    const nearest = (width: number, height: number) => shapes[nearestBucket({ width, height }, shapes)];
    expect(nearest(1000, 1000)).toEqual({ width: 512, height: 512 });
    expect(nearest(100, 900)).toEqual(shapes[0]);
    expect(nearest(900, 100)).toEqual(shapes.at(-1));
  });

  it.each([true, false])('cover their shape, centred: %s', (isCentred) => {
    const crop: Crop = { kind: 'bucket', bucket: { width: 128, height: 64 }, isCentred };
    const views = range(200).map((sample) => planCrop({ width: 300, height: 200 }, crop, 0, sample));
    for (const { width, height, left, top } of views) {
      expect([width, height, left]).toEqual([128, 85, 0]);
      expect(top + 64).toBeLessThanOrEqual(height);
    }
    expect(new Set(views.map(({ top }) => top)).size).toBe(isCentred ? 1 : 22);
  });

  it('are whole pictures to the model', () => {
    const crop: Crop = { kind: 'bucket', bucket: { width: 128, height: 64 }, isCentred: true };
    const view = planCrop({ width: 300, height: 200 }, crop, 0, 0);
    const grid = { positions: 'bounding_box', latentScale: 8 } as const;
    expect(tokenPositions(view, crop, grid)).toEqual(toTokenGrid(positionMap('bounding_box', 8, 16), 8, 16));
    expect(aspectCondition(view, crop)).toBeCloseTo(Math.log(2), 12);
  });
});

it.each([0, 8, 100, 64.5])('a size of training of %d is refused', (size) => {
  expect(() => requireTrainingSize(size, 8)).toThrow(/multiple of 16 from 16 up/);
});

/** From the definition: positions of all pixels, cut out, averaged over cells, then by the triangle filter. */
function slowPositions(
  reading: PositionReading,
  view: { width: number; height: number; left: number; top: number },
  size: number,
  scale: number,
): Float32Array {
  const whole = positionMap(reading, view.height, view.width);
  const cells = size / scale;
  const latent = new Float64Array(cells * cells * 2);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const cell = Math.floor(row / scale) * cells + Math.floor(column / scale);
      const pixel = (view.top + row) * view.width + view.left + column;
      latent[2 * cell]! += whole[2 * pixel]! / scale ** 2;
      latent[2 * cell + 1]! += whole[2 * pixel + 1]! / scale ** 2;
    }
  }
  const weight = (pixel: number, token: number) =>
    Math.max(0, 1 - Math.abs(pixel + 0.5 - (2 * token + 1)) / 2);
  return Float32Array.from({ length: latent.length / 4 }, (_, i) => {
    const token = Math.floor(i / 2);
    const [tokenRow, tokenColumn] = [Math.floor(token / (cells / 2)), token % (cells / 2)];
    let [sum, total] = [0, 0];
    for (let pixel = 0; pixel < cells * cells; pixel++) {
      const share = weight(Math.floor(pixel / cells), tokenRow) * weight(pixel % cells, tokenColumn);
      sum += share * latent[2 * pixel + (i % 2)]!;
      total += share;
    }
    return sum / total;
  });
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}
