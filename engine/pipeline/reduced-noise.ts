/** @file The noise of a small picture that is to look like the large one of the same seed. */
import { normals } from '../sampling/noise.ts';
import { latentSize, STREAMS } from './denoiser.ts';

interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * Noise [channels · h/2 · w/2] of a picture half as wide and high as `full` (pixels): each number is the sum of four
 * of the large noise, halved, so it is normal again and the composition stays. Undefined for another `small` size.
 */
export function reducedNoise(
  seed: number,
  channels: number,
  full: Size,
  small: Size,
): Float32Array | undefined {
  const [large, half] = [latentSize(full), latentSize(small)];
  if (large.width !== 2 * half.width || large.height !== 2 * half.height) return undefined;
  const noise = normals(seed, STREAMS.noise, channels * large.height * large.width);
  const reduced = new Float32Array(channels * half.height * half.width);
  for (let at = 0; at < reduced.length; at++) {
    const column = at % half.width;
    const row = (at - column) / half.width; // rows of all channels, one below the other
    const first = 2 * row * large.width + 2 * column;
    const below = first + large.width;
    reduced[at] = (noise[first]! + noise[first + 1]! + noise[below]! + noise[below + 1]!) / 2;
  }
  return reduced;
}
