/** @file Small WebP pictures: for a grid of many, and for what is looked at once. */
import { writeWhole } from './save.ts';
import { fromPixels, type Pixels } from './pixels.ts';

const QUALITY = 80;

/** The picture as WebP without settings; its longest side is at most `side` pixels. */
export function toPlainWebp(pixels: Pixels, side = Math.max(pixels.width, pixels.height)): Promise<Buffer> {
  const fitted = fromPixels(pixels).resize(side, side, { fit: 'inside', withoutEnlargement: true });
  return fitted.webp({ quality: QUALITY }).toBuffer();
}

/** Writes a small WebP of the picture, whole or not at all. Throws 'disk' when the system refuses. */
export async function saveThumbnail(path: string, pixels: Pixels, side: number): Promise<void> {
  await writeWhole(path, await toPlainWebp(pixels, side));
}
