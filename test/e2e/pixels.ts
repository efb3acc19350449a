/** @file Pictures as numbers. */
import sharp from 'sharp';

export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue of each pixel, row by row. */
  readonly bytes: Buffer;
}

export type Colour = readonly [red: number, green: number, blue: number];

export async function decode(file: string | Buffer): Promise<Pixels> {
  const image = sharp(file).removeAlpha().toColourspace('srgb');
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, bytes: data };
}

/** Mean colour of a box, its edges as parts of width and height. */
export function meanColour(
  { width, height, bytes }: Pixels,
  [left, top, right, bottom]: readonly [number, number, number, number],
): Colour {
  const sum = [0, 0, 0];
  let count = 0;
  for (let y = Math.floor(top * height); y < bottom * height; y++) {
    for (let x = Math.floor(left * width); x < right * width; x++) {
      for (let channel = 0; channel < 3; channel++) sum[channel]! += bytes[(y * width + x) * 3 + channel]!;
      count++;
    }
  }
  return [sum[0]! / count, sum[1]! / count, sum[2]! / count];
}

/** The middle of all pixels that are mostly red, as parts of width and height. */
export function middleOfRed({ width, height, bytes }: Pixels): { x: number; y: number; share: number } {
  let [x, y, count] = [0, 0, 0];
  for (let index = 0; index < width * height; index++) {
    const [red, green, blue] = bytes.subarray(index * 3, index * 3 + 3) as unknown as Colour;
    if (red < 120 || red < 1.6 * green || red < 1.6 * blue) continue;
    x += index % width;
    y += Math.floor(index / width);
    count++;
  }
  return { x: x / count / width, y: y / count / height, share: count / (width * height) };
}
