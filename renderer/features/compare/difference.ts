/** @file Where two pictures differ, pixel by pixel. Pure. */

export interface DifferenceFacts {
  /** Part of the pixels that differ at all, 0 to 1. */
  readonly part: number;
  /** Mean difference of a channel, 0 to 255. */
  readonly mean: number;
}

/**
 * Writes |a - b| · gain of each channel into `target`, opaque. The arrays are RGBA of the same size; transparency
 * counts as nothing.
 */
export function writeDifference(
  target: Uint8ClampedArray,
  a: Uint8ClampedArray,
  b: Uint8ClampedArray,
  gain: number,
): DifferenceFacts {
  let different = 0;
  let sum = 0;
  for (let start = 0; start < a.length; start += 4) {
    let all = 0;
    for (let channel = start; channel < start + 3; channel++) {
      const difference = Math.abs(a[channel]! - b[channel]!);
      target[channel] = difference * gain;
      all += difference;
    }
    target[start + 3] = 255;
    sum += all;
    if (all > 0) different++;
  }
  const pixels = a.length / 4 || 1;
  return { part: different / pixels, mean: sum / (pixels * 3) };
}
