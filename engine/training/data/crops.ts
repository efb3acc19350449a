/**
 * @file Which part of a picture a sample shows, and where that part lies.
 *
 * Shifted square crop (report, 3.5): the short side is scaled to the size of training, a random square is cut along
 * the long side, and the square carries the positions it has in the whole picture. So batches are all of one shape
 * and the model still learns every ratio. With a zoom the short side of some is larger than the square: the model learns
 * the camera, and how near tokens are to each other in pictures larger than those of training. Aspect buckets, for
 * comparison: the picture is scaled to cover the nearest of a few shapes with about the same area, and what sticks out is
 * lost.
 */
import { HdmError } from '../../errors.ts';
import type { View } from '../../image/pixels.ts';
import { cropPositions, positionMap, toTokenGrid, type PositionReading } from '../../models/positions.ts';
import type { Size } from './pictures.ts';
import { Random } from './random.ts';

/** What to cut out of each picture. */
export type Crop =
  | { readonly kind: 'shifted-square'; readonly size: number; readonly zoom?: number }
  | { readonly kind: 'bucket'; readonly bucket: Size; readonly isCentred: boolean };

export interface Grid {
  readonly positions: PositionReading;
  /** Pixels of a latent pixel's side: 8 for the usual VAE. */
  readonly latentScale: number;
}

export interface BucketOptions {
  /** Sides are multiples of this, in pixels. */
  readonly step: number;
  /** Longest side over shortest side. */
  readonly largestRatio: number;
}

export const BUCKET_DEFAULTS: BucketOptions = { step: 64, largestRatio: 2 };

/** Share of samples that are zoomed into, where there is a zoom. */
const ZOOMED = 0.5;

/** A token is 2 x 2 latent pixels. */
const PATCH = 2;

/** The part of a picture of this size that sample number `sample` shows. Pure in its arguments. */
export function planCrop(picture: Size, crop: Crop, seed: number, sample: number): View {
  const random = new Random(seed, 'crop', sample);
  const { width: partWidth, height: partHeight } = cropSize(crop);
  const cover = Math.max(partWidth / picture.width, partHeight / picture.height);
  const scale = cover * zoomOf(crop, cover, seed, sample);
  const width = Math.max(partWidth, Math.round(picture.width * scale));
  const height = Math.max(partHeight, Math.round(picture.height * scale));
  const isCentred = crop.kind === 'bucket' && crop.isCentred;
  const offset = (rest: number) => (isCentred ? Math.floor(rest / 2) : random.below(rest + 1));
  return {
    width,
    height,
    left: offset(width - partWidth),
    top: offset(height - partHeight),
    partWidth,
    partHeight,
  };
}

/**
 * How much larger than needed to cover the crop the picture is: not at all for half of the samples, anything up to the
 * crop's zoom for the others, but no picture is enlarged for it. Ratios of zooms are alike: 1 to 2 is as likely as 2 to 4.
 */
function zoomOf(crop: Crop, cover: number, seed: number, sample: number): number {
  const most = crop.kind === 'bucket' ? 1 : (crop.zoom ?? 1);
  if (most === 1) return 1;
  const random = new Random(seed, 'zoom', sample);
  const zoom = random.chance(ZOOMED) ? most ** random.between(0, 1) : 1;
  return Math.min(zoom, Math.max(1, 1 / cover));
}

/** Width and height of what is cut out. */
export function cropSize(crop: Crop): Size {
  return crop.kind === 'bucket' ? crop.bucket : { width: crop.size, height: crop.size };
}

/**
 * Positions of the tokens of a part, [tokens, 2] of (y, x). Of a square they are those it has in the whole picture;
 * of a bucket those of a whole picture of that shape, as it is all that the model will ever see.
 */
export function tokenPositions(view: View, crop: Crop, { positions, latentScale }: Grid): Float32Array {
  const [rows, columns] = [view.partHeight / latentScale, view.partWidth / latentScale];
  const { width, height, left, top } = view;
  const map =
    crop.kind === 'bucket'
      ? positionMap(positions, rows, columns)
      : cropPositions(positions, height, width, top, left, crop.size, latentScale);
  return toTokenGrid(map, rows, columns);
}

/** The aspect condition: ln(width / height) of the whole picture, for a bucket of its shape. */
export function aspectCondition(view: View, crop: Crop): number {
  const { width, height } = crop.kind === 'bucket' ? crop.bucket : view;
  return Math.log(width / height);
}

/** Tokens of a part of this size. */
export function tokenCount({ width, height }: Size, latentScale: number): number {
  return (width * height) / (latentScale * PATCH) ** 2;
}

/**
 * The shapes of aspect buckets: for every width the largest height that keeps the area at most size x size.
 * From tall to wide.
 */
export function bucketShapes(size: number, options: BucketOptions = BUCKET_DEFAULTS): Size[] {
  const { step, largestRatio } = options;
  const shapes: Size[] = [];
  for (let width = step; width <= size * largestRatio; width += step) {
    const height = Math.floor(size ** 2 / width / step) * step;
    if (height > 0 && Math.max(width / height, height / width) <= largestRatio)
      shapes.push({ width, height });
  }
  return shapes;
}

/** The bucket whose ratio is nearest to the picture's, by the quotient of the two. */
export function nearestBucket({ width, height }: Size, shapes: readonly Size[]): number {
  const distance = (shape: Size) => Math.abs(Math.log((shape.width * height) / (shape.height * width)));
  return shapes.reduce((best, shape, i) => (distance(shape) < distance(shapes[best]!) ? i : best), 0);
}

/**
 * A size of training must be whole tokens.
 * @throws HdmError `bad-usage`
 */
export function requireTrainingSize(size: number, latentScale: number): void {
  const step = latentScale * PATCH;
  if (Number.isInteger(size) && size >= step && size % step === 0) return;
  const problem = `the size of training must be a multiple of ${step} from ${step} up, got ${size}`;
  throw new HdmError('bad-usage', 'crop', problem, 'Sizes such as 256, 512 or 1024 are usual');
}
