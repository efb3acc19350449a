/**
 * @file Where each latent pixel lies in the picture: maps [h*w, 2] of (y, x), row-major. Both readings are
 * affine in the pixel index, so the mean over a block of pixels is the value at the block's middle.
 */
import { HdmError } from '../errors.ts';

/** Position of (fractional) pixel `index` along an axis of `length` pixels; the other axis has `other`. */
type Reading = (index: number, length: number, other: number) => number;

export const POSITION_READINGS = {
  /** Pixel centres, the longer side spanning -1..1, the shorter in proportion (released model). */
  bounding_box: (index, length, other) => (2 * index + 1 - length) / Math.max(length, other),
  /** Pixel corners from 0 to r, r = sqrt(length / other), so that the two ranges multiply to 1 (report, 3.4 and 3.5). */
  unit_area: (index, length, other) => (index * Math.sqrt(length / other)) / length,
} as const satisfies Record<string, Reading>;

export type PositionReading = keyof typeof POSITION_READINGS;

/** A view of the picture: shifts in position units, zoom > 1 zooms in (report, 3.8). */
export interface Camera {
  readonly xShift: number;
  readonly yShift: number;
  readonly zoom: number;
}

/** Weights of the pixels 2k-1..2k+2 in token k, before normalisation. */
const TRIANGLE = [1, 3, 3, 1] as const;

/**
 * Position map of a whole picture, [height*width, 2].
 * @throws HdmError `bad-usage` when a side is not a positive integer
 */
export function positionMap(reading: PositionReading, height: number, width: number): Float32Array {
  requireSides(height, width);
  const position = POSITION_READINGS[reading];
  return gridMap(
    height,
    width,
    (row) => position(row, height, width),
    (column) => position(column, width, height),
  );
}

/**
 * The map as the camera sees it: (position + shift) / zoom, in a new array.
 * @throws HdmError `bad-usage` when a shift is not finite or zoom not above 0
 */
export function applyCamera(map: Float32Array, { xShift, yShift, zoom }: Camera): Float32Array {
  if (!(zoom > 0) || ![xShift, yShift, zoom].every(Number.isFinite)) {
    const problem = `zoom must be above 0 and shifts finite, got zoom ${zoom}, x shift ${xShift}, y shift ${yShift}`;
    throw new HdmError('bad-usage', 'camera', problem);
  }
  return map.map((position, i) => (position + (i % 2 === 0 ? yShift : xShift)) / zoom);
}

/**
 * Latent position map, [(size/latentScale)^2, 2], of a square cut out of a picture: the pixel map of the whole
 * picture, cropped, then averaged over latentScale x latentScale pixels (report, 3.5). All in pixels.
 * @throws HdmError `bad-usage` when the square is not inside the picture or not a multiple of latentScale
 */
export function cropPositions(
  reading: PositionReading,
  imageHeight: number,
  imageWidth: number,
  top: number,
  left: number,
  size: number,
  latentScale = 8,
): Float32Array {
  requireSides(imageHeight, imageWidth);
  requireCrop(imageHeight, imageWidth, top, left, size, latentScale);
  const position = POSITION_READINGS[reading];
  const middle = (cell: number) => cell * latentScale + (latentScale - 1) / 2;
  return gridMap(
    size / latentScale,
    size / latentScale,
    (row) => position(top + middle(row), imageHeight, imageWidth),
    (column) => position(left + middle(column), imageWidth, imageHeight),
  );
}

/**
 * A latent map at token resolution, [(height/2)*(width/2), 2]: antialiased bilinear reduction by 2. Token k of an
 * axis weighs pixels 2k-1..2k+2 by 1 3 3 1, over the sum of the weights that lie inside.
 * @throws HdmError `bad-shape` when a side is odd or the map has another size
 */
export function toTokenGrid(map: Float32Array, height: number, width: number): Float32Array {
  if (height % 2 !== 0 || width % 2 !== 0 || map.length !== height * width * 2) {
    const problem = `a map of ${map.length} numbers cannot be halved as ${height} x ${width} positions of 2`;
    throw new HdmError('bad-shape', 'token positions', problem, 'Height and width must be even');
  }
  const halfHigh = halve(Float64Array.from(map), height, width * 2);
  return Float32Array.from(halve(halfHigh, width, 2));
}

/** Triangle filter of radius 2 on the middle axis of [any, length, inner], to half its length. */
function halve(values: Float64Array, length: number, inner: number): Float64Array {
  const result = new Float64Array(values.length / 2);
  const half = length / 2;
  for (let to = 0; to < result.length; to++) {
    const row = Math.floor(to / inner);
    const [slab, token] = [Math.floor(row / half), row % half];
    const first = 2 * token - 1;
    let sum = 0;
    let weights = 0;
    TRIANGLE.forEach((weight, tap) => {
      const from = first + tap;
      if (from < 0 || from >= length) return;
      sum += weight * values[(slab * length + from) * inner + (to % inner)]!;
      weights += weight;
    });
    result[to] = sum / weights;
  }
  return result;
}

/** [height*width, 2] from the position of every row and of every column; rounded to float32 here. */
function gridMap(
  height: number,
  width: number,
  rowPosition: (row: number) => number,
  columnPosition: (column: number) => number,
): Float32Array {
  const map = new Float32Array(height * width * 2);
  for (let row = 0, i = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      map[i++] = rowPosition(row);
      map[i++] = columnPosition(column);
    }
  }
  return map;
}

function requireSides(height: number, width: number): void {
  if ([height, width].every((side) => Number.isInteger(side) && side > 0)) return;
  throw new HdmError(
    'bad-usage',
    'position map',
    `height and width must be whole numbers above 0, got ${height} x ${width}`,
  );
}

function requireCrop(
  height: number,
  width: number,
  top: number,
  left: number,
  size: number,
  latentScale: number,
): void {
  const whole = [top, left, size, latentScale].every((value) => Number.isInteger(value) && value >= 0);
  const inside = top + size <= height && left + size <= width;
  if (whole && inside && size > 0 && size % latentScale === 0) return;
  const problem = `a square of ${size} at row ${top}, column ${left} does not fit a ${height} x ${width} picture`;
  throw new HdmError(
    'bad-usage',
    'crop',
    problem,
    `It must lie inside, in whole pixels, its side a multiple of ${latentScale}`,
  );
}
