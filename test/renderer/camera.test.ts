import { describe, expect, it } from 'vitest';
import { applyCamera, positionMap, type PositionReading } from '../../engine/models/positions.ts';
import {
  panned,
  placement,
  rounded,
  STILL,
  zoomedAt,
  type Camera,
  type Size,
} from '../../renderer/features/camera/view.ts';

const SIZES: Size[] = [
  { width: 32, height: 32 },
  { width: 48, height: 32 },
  { width: 24, height: 40 },
];
const READINGS: PositionReading[] = ['bounding_box', 'unit_area'];
const CAMERAS: Camera[] = [
  STILL,
  { xShift: 0.3, yShift: -0.2, zoom: 1.5 },
  { xShift: -0.1, yShift: 0.4, zoom: 0.8 },
];

const CASES = READINGS.flatMap((reading) =>
  SIZES.flatMap((size) => CAMERAS.map((camera) => ({ reading, size, camera }))),
);

describe.each(CASES)(
  '$reading $size.width x $size.height, zoom $camera.zoom',
  ({ reading, size, camera }) => {
    /** The place of the scene that the engine tells the model for a pixel. */
    const sceneAt = (seen: Camera, row: number, column: number): [x: number, y: number] => {
      const map = applyCamera(positionMap(reading, size.height, size.width), seen);
      const at = 2 * (row * size.width + column);
      return [map[at + 1]!, map[at]!];
    };

    it('shows after a drag by half the width what lay half the width to the left', () => {
      const after = panned(camera, { x: 0.5, y: 0 }, size, reading);
      expectSame(sceneAt(after, 5, size.width / 2 + 3), sceneAt(camera, 5, 3));
    });

    it('shows after a drag by a quarter of the height what lay a quarter above', () => {
      const after = panned(camera, { x: 0, y: 0.25 }, size, reading);
      expectSame(sceneAt(after, size.height / 4 + 2, 7), sceneAt(camera, 2, 7));
    });

    it('keeps what is under the pointer when it zooms', () => {
      const [row, column] = [6, 20];
      const after = zoomedAt(camera, 1.3, pointOf(row, column), { ...size, reading });
      expect(after.zoom).toBeCloseTo(camera.zoom * 1.3, 10);
      expectSame(sceneAt(after, row, column), sceneAt(camera, row, column));
    });

    it('zooms in: what lies beside the pointer moves away from it', () => {
      const after = zoomedAt(camera, 2, pointOf(8, 8), { ...size, reading });
      expectSame(sceneAt(after, 12, 12), sceneAt(camera, 10, 10));
    });

    it('guides the eye to where the engine will draw the same place', () => {
      const after = zoomedAt(
        panned(camera, { x: 0.1, y: -0.2 }, size, reading),
        0.5,
        { x: 0.2, y: 0.7 },
        { ...size, reading },
      );
      const { x, y, scale } = placement(camera, after, size, reading);
      // A pixel of the new view, and where the guide takes it from in the old picture.
      const pixel = { row: 9, column: 14 };
      const { x: u, y: v } = pointOf(pixel.row, pixel.column);
      const column = ((u - x) / scale) * size.width - offset;
      const row = ((v - y) / scale) * size.height - offset;
      expectSame(sceneAt(after, pixel.row, pixel.column), between(row, column));
    });

    /** Pixels of the bounding box are told by their middles, those of the unit area by their corners. */
    const offset = reading === 'bounding_box' ? 0.5 : 0;
    const pointOf = (row: number, column: number) => ({
      x: (column + offset) / size.width,
      y: (row + offset) / size.height,
    });
    /** Positions are affine, so a place between (or beyond) pixels follows from two of them. */
    const between = (row: number, column: number): [number, number] => {
      const [x0, y0] = sceneAt(camera, 0, 0);
      const [x1, y1] = sceneAt(camera, 1, 1);
      return [x0 + column * (x1 - x0), y0 + row * (y1 - y0)];
    };
  },
);

describe('the hand', () => {
  it('zooms no further than to a quarter and four times', () => {
    const middle = { x: 0.5, y: 0.5 };
    expect(zoomedAt(STILL, 100, middle, SIZES[0]!)).toEqual({ xShift: 0, yShift: 0, zoom: 4 });
    expect(zoomedAt(STILL, 0.001, middle, SIZES[0]!)).toEqual({ xShift: 0, yShift: 0, zoom: 0.25 });
  });

  it('keeps a zoom that was typed beyond that, and leaves it only inwards', () => {
    const far = { ...STILL, zoom: 8 };
    expect(zoomedAt(far, 2, { x: 0.5, y: 0.5 }, SIZES[0]!).zoom).toBe(8);
    expect(zoomedAt(far, 0.5, { x: 0.5, y: 0.5 }, SIZES[0]!).zoom).toBe(4);
  });

  it('shifts no further than the engine takes', () => {
    expect(panned(STILL, { x: -50, y: 50 }, SIZES[0]!)).toEqual({ xShift: 10, yShift: -10, zoom: 1 });
  });

  it('writes numbers of three digits, and never minus zero', () => {
    expect(rounded({ xShift: 0.12345, yShift: -0.0001, zoom: 1.00049 })).toEqual({
      xShift: 0.123,
      yShift: 0,
      zoom: 1,
    });
  });
});

function expectSame(actual: readonly number[], expected: readonly number[]): void {
  actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
}
