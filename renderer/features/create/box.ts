/** @file How large a picture is on the screen. Pure. */
import type { Size } from './sizes.ts';

/** Small pictures are enlarged no more than this to fill the canvas. */
const LARGEST_SCALE = 3;

/** As large as fits into the room. Pixels of the window. */
export function fitInto(room: Size, { width, height }: Size): Size {
  const scale = Math.min(room.width / width, room.height / height, LARGEST_SCALE);
  return { width: Math.max(1, Math.floor(width * scale)), height: Math.max(1, Math.floor(height * scale)) };
}

/** One pixel of the picture on one of the screen. */
export function trueSize({ width, height }: Size, pixelRatio: number): Size {
  return { width: width / pixelRatio, height: height / pixelRatio };
}
