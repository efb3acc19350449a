/** @file One sample from a picture: read, scaled, cut out and as the numbers that a model takes. */
import { aspectCondition, planCrop, tokenPositions, type Crop, type Grid } from './crops.ts';
import { pictureSize, readPicture, requireLargeEnough, type PictureRef } from './pictures.ts';

/** What to make: plain data, so that another thread can do it. */
export interface SampleTask {
  readonly name: string;
  readonly picture: PictureRef;
  readonly crop: Crop;
  readonly grid: Grid;
  /** Pictures too small for squares of this side are refused. */
  readonly size: number;
  readonly seed: number;
  readonly sample: number;
}

export interface Sample {
  /** [3, height, width], -1..1. */
  readonly pixels: Float32Array<ArrayBuffer>;
  /** [tokens, 2] of (y, x). */
  readonly positions: Float32Array<ArrayBuffer>;
  /** ln(width / height). */
  readonly addon: number;
}

/**
 * Makes a sample. Pure in the task and its file.
 * @throws HdmError `bad-file` and `disk` by the picture's name
 */
export async function makeSample(task: SampleTask): Promise<Sample> {
  const { name, picture, crop, grid, size, seed, sample } = task;
  const whole = await pictureSize(picture);
  requireLargeEnough(name, whole, size);
  const view = planCrop(whole, crop, seed, sample);
  const { data } = await readPicture(picture, view);
  return {
    pixels: toPlanes(data),
    positions: tokenPositions(view, crop, grid) as Float32Array<ArrayBuffer>,
    addon: aspectCondition(view, crop),
  };
}

/** -1..1 for each byte. */
const VALUES = Float32Array.from({ length: 256 }, (_, byte) => byte / 127.5 - 1);

/** Bytes [height, width, 3] as numbers [3, height, width] from -1 to 1. */
export function toPlanes(data: Uint8Array): Float32Array<ArrayBuffer> {
  const plane = data.length / 3;
  const planes = new Float32Array(data.length);
  for (let i = 0, at = 0; i < plane; i++) {
    planes[i] = VALUES[data[at++]!]!;
    planes[plane + i] = VALUES[data[at++]!]!;
    planes[2 * plane + i] = VALUES[data[at++]!]!;
  }
  return planes;
}
