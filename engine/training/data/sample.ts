/** @file Samples from pictures: read, scaled, cut out and as the numbers that a model takes. */
import { toHdmError, type ErrorCode } from '../../errors.ts';
import {
  aspectCondition,
  cropSize,
  planCrop,
  tokenCount,
  tokenPositions,
  type Crop,
  type Grid,
} from './crops.ts';
import { inParallel } from './in-parallel.ts';
import { pictureSize, readPicture, requireLargeEnough, type PictureRef } from './pictures.ts';

/** Samples of one batch: plain data, so that another thread can make them. */
export interface SampleTask {
  readonly slots: readonly Slot[];
  readonly crop: Crop;
  readonly grid: Grid;
  /** Pictures too small for squares of this side are refused. */
  readonly size: number;
  readonly seed: number;
}

export interface Slot {
  readonly name: string;
  readonly picture: PictureRef;
  /** Its number in the run. */
  readonly sample: number;
}

/** In the order of the slots. Those of failed slots are 0. */
export interface Samples {
  /** [n, 3, height, width], -1..1. */
  readonly pixels: Float32Array<ArrayBuffer>;
  /** [n, tokens, 2] of (y, x). */
  readonly positions: Float32Array<ArrayBuffer>;
  /** [n], ln(width / height). */
  readonly addon: Float32Array<ArrayBuffer>;
  readonly failed: readonly Failure[];
}

/** A picture that cannot be used. */
export interface Failure {
  readonly at: number;
  readonly code: ErrorCode;
  readonly message: string;
}

/** Pictures under way at once in one thread: while one is decoded, another is converted. */
const AT_ONCE = 2;

/** Makes samples. Pure in the task and its files. */
export async function makeSamples(task: SampleTask): Promise<Samples> {
  const { slots, crop, grid } = task;
  const { width, height } = cropSize(crop);
  const [values, places] = [3 * width * height, 2 * tokenCount({ width, height }, grid.latentScale)];
  const pixels = new Float32Array(slots.length * values);
  const positions = new Float32Array(slots.length * places);
  const addon = new Float32Array(slots.length);
  const failed: Failure[] = [];
  await inParallel(
    slots.length,
    async (at) => {
      try {
        const { data, view } = await cutOut(slots[at]!, task);
        writePlanes(data, pixels.subarray(at * values, (at + 1) * values));
        positions.set(tokenPositions(view, crop, grid), at * places);
        addon[at] = aspectCondition(view, crop);
      } catch (error) {
        const { code, message } = toHdmError(error, slots[at]!.name);
        failed.push({ at, code, message });
      }
    },
    { width: AT_ONCE },
  );
  return { pixels, positions, addon, failed: failed.sort((a, b) => a.at - b.at) };
}

async function cutOut({ name, picture, sample }: Slot, { crop, size, seed }: SampleTask) {
  const whole = await pictureSize(picture);
  requireLargeEnough(name, whole, size);
  const view = planCrop(whole, crop, seed, sample);
  const { data } = await readPicture(picture, view);
  return { data, view };
}

/** -1..1 for each byte. */
const VALUES = Float32Array.from({ length: 256 }, (_, byte) => byte / 127.5 - 1);

/** Bytes [height, width, 3] as numbers [3, height, width] from -1 to 1. */
function writePlanes(data: Uint8Array, planes: Float32Array): void {
  const plane = data.length / 3;
  for (let i = 0, at = 0; i < plane; i++) {
    planes[i] = VALUES[data[at++]!]!;
    planes[plane + i] = VALUES[data[at++]!]!;
    planes[2 * plane + i] = VALUES[data[at++]!]!;
  }
}
