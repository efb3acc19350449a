/** @file Drawing from a picture: its files, how its latent is noised, and what a mask keeps of it. */
import { decodeImage, decodeMask, resizeCover, type Pixels } from '../image/pixels.ts';
import type { StartingPicture } from './request.ts';

export interface StartingFiles {
  readonly path: string;
  /** White is painted anew. */
  readonly maskPath?: string;
  readonly strength: number;
}

/** The files as a request needs them, scaled and cropped to its size. Errors as `decodeImage`. */
export async function readStartingPicture(
  { path, maskPath, strength }: StartingFiles,
  { width, height }: { readonly width: number; readonly height: number },
): Promise<StartingPicture> {
  const pixels = await resizeCover(await decodeImage(path), width, height);
  if (maskPath === undefined) return { pixels, strength };
  return { pixels, strength, mask: await decodeMask(maskPath, width, height) };
}

/** The clean latent at time t of flow matching: t · noise + (1 - t) · clean. */
export function noised(clean: Float32Array, noise: Float32Array, t: number): Float32Array {
  return clean.map((value, i) => t * noise[i]! + (1 - t) * value);
}

/** The new latent where the mask paints, the kept one elsewhere. `mask` has one number per pixel, 255 paints. */
export function keepOutside(
  mask: Uint8Array,
  { height, width }: { height: number; width: number },
  painted: Float32Array,
  kept: Float32Array,
): Float32Array {
  const weights = shrinkMask(mask, height, width);
  return painted.map((value, i) => {
    const weight = weights[i % weights.length]!;
    return weight * value + (1 - weight) * kept[i]!;
  });
}

/** Outside the mask the picture stays as it was, pixel for pixel: decoding alone would change it a little. */
export function blendPixels({ pixels: kept, mask }: StartingPicture, painted: Pixels): Pixels {
  const data = painted.data.map((value, i) => {
    const weight = mask![Math.floor(i / 3)]! / 255;
    return Math.round(weight * value + (1 - weight) * kept.data[i]!);
  });
  return { ...painted, data };
}

/** Mean of the mask over the pixels of each latent place, 0 to 1. */
function shrinkMask(mask: Uint8Array, height: number, width: number): Float32Array {
  const scale = Math.sqrt(mask.length / (height * width));
  const weights = new Float32Array(height * width);
  mask.forEach((value, pixel) => {
    const [row, column] = [Math.floor(pixel / (width * scale)), pixel % (width * scale)];
    weights[Math.floor(row / scale) * width + Math.floor(column / scale)]! += value / 255 / scale ** 2;
  });
  return weights;
}
