/** @file Pictures as the judge sees them: small, and in a colour space where distances are what the eye sees. */
import type { Pixels } from '../image/pixels.ts';
import { linear, linearToOklab } from '../training/data/toy-scenes/colors.ts';

/** Oklab, row-major: `data.length` = width * height * 3. */
export interface LabPicture {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** Pixels of the short side of what is judged: all lengths in pixels in this folder are of such a picture. */
export const SHORT_SIDE = 128;

/** The picture at `SHORT_SIDE`, every pixel the mean of what it covers: that takes noise away, too. */
export function labPicture(pixels: Pixels, shortSide = SHORT_SIDE): LabPicture {
  const scale = shortSide / Math.min(pixels.width, pixels.height);
  const [width, height] = [Math.round(pixels.width * scale), Math.round(pixels.height * scale)];
  const narrow = averaged(pixels.data, pixels.height, pixels.width, 3, width);
  const small = averaged(narrow, 1, pixels.height, width * 3, height);
  return { width, height, data: toOklab(small) };
}

/** `linear` of every byte. */
const LINEAR = Float64Array.from({ length: 256 }, (_, byte) => linear(byte));

/** Oklab of sRGB values 0..255, which are rounded. Drawings have many pixels that are like the one before. */
function toOklab(values: ArrayLike<number>): Float32Array {
  const data = new Float32Array(values.length);
  const isAsBefore = (i: number) =>
    values[i] === values[i - 3] && values[i + 1] === values[i - 2] && values[i + 2] === values[i - 1];
  for (let i = 0; i < data.length; i += 3) {
    if (isAsBefore(i)) {
      data.copyWithin(i, i - 3, i);
      continue;
    }
    const r = Math.round(values[i]!);
    const g = Math.round(values[i + 1]!);
    const b = Math.round(values[i + 2]!);
    const lab = linearToOklab(LINEAR[r]!, LINEAR[g]!, LINEAR[b]!);
    for (let channel = 0; channel < 3; channel++) data[i + channel] = lab[channel]!;
  }
  return data;
}

/** [outer, length, inner] as [outer, target, inner]: each value the mean over the part of the axis it covers. */
function averaged(
  values: ArrayLike<number>,
  outer: number,
  length: number,
  inner: number,
  target: number,
): ArrayLike<number> {
  if (length === target) return values;
  const result = new Float32Array(outer * target * inner);
  const add = (at: number, source: number, weight: number): void => {
    for (let i = 0; i < inner; i++) result[at + i]! += weight * values[source + i]!;
  };
  const step = length / target;
  for (let to = 0; to < target; to++) {
    const [start, end] = [to * step, (to + 1) * step];
    for (let from = Math.floor(start); from < Math.min(length, Math.ceil(end - 1e-9)); from++) {
      const weight = (Math.min(from + 1, end) - Math.max(from, start)) / step;
      for (let row = 0; row < outer; row++) {
        add((row * target + to) * inner, (row * length + from) * inner, weight);
      }
    }
  }
  return result;
}
