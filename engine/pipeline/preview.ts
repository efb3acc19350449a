/**
 * @file A cheap look at a latent while it is denoised: each place becomes one pixel, red, green and blue being
 * linear in the latent's channels. The factors are fitted to the VAE itself, so every VAE has them.
 */
import type { Pixels } from '../image/pixels.ts';
import type { Autoencoder, Latent } from './autoencoder.ts';

/** For each colour a constant and one factor per latent channel. */
export type PreviewFactors = readonly (readonly number[])[];

/** Each patch has one flat latent colour; its middle is out of reach of its neighbours. */
const [PATCHES, PATCH] = [4, 8];

/** Decodes one small picture of flat patches and fits the factors to their colours by least squares. */
export async function fitPreview(autoencoder: Autoencoder, channels: number): Promise<PreviewFactors> {
  const side = PATCHES * PATCH;
  const data = new Float32Array(channels * side * side);
  const samples = Array.from({ length: PATCHES * PATCHES }, (_, patch) => flatColour(patch, channels));
  for (let index = 0; index < data.length; index++) {
    const [channel, place] = [Math.floor(index / (side * side)), index % (side * side)];
    const patch = Math.floor(place / side / PATCH) * PATCHES + Math.floor((place % side) / PATCH);
    data[index] = samples[patch]![channel]!;
  }
  const picture = await autoencoder.decode({ height: side, width: side, data });
  const scale = picture.width / side;
  const colours = samples.map((_, patch) => {
    const [row, column] = [Math.floor(patch / PATCHES), patch % PATCHES].map(
      (i) => (i + 0.5) * PATCH * scale,
    );
    const pixel = (row! * picture.width + column!) * 3;
    return picture.data.subarray(pixel, pixel + 3);
  });
  return [0, 1, 2].map((c) =>
    leastSquares(
      samples.map((sample) => [1, ...sample]),
      colours.map((colour) => colour[c]!),
    ),
  );
}

/** One pixel for each place of the latent. */
export function previewPixels({ height, width, data }: Latent, factors: PreviewFactors): Pixels {
  const size = height * width;
  const bytes = new Uint8ClampedArray(size * 3);
  for (let place = 0; place < size; place++) {
    factors.forEach(([constant, ...weights], colour) => {
      const value = weights.reduce((sum, weight, c) => sum + weight * data[c * size + place]!, constant!);
      bytes[place * 3 + colour] = value;
    });
  }
  return { width, height, data: new Uint8Array(bytes.buffer) };
}

/** Patches spread over the latent space: each channel at -1 or 1 by the bits of the patch's number. */
function flatColour(patch: number, channels: number): number[] {
  return Array.from({ length: channels }, (_, channel) => ((patch >> (channel % 4)) & 1 ? 1 : -1));
}

/** The weights w with the smallest |A w - b|, by the normal equations. */
function leastSquares(rows: readonly number[][], targets: readonly number[]): number[] {
  const size = rows[0]!.length;
  const RIDGE = 1e-6; // keeps channels that always move together apart
  const system = Array.from({ length: size }, (_, i) => [
    ...Array.from({ length: size }, (_, j) =>
      rows.reduce((sum, row) => sum + row[i]! * row[j]!, i === j ? RIDGE : 0),
    ),
    rows.reduce((sum, row, r) => sum + row[i]! * targets[r]!, 0),
  ]);
  for (let pivot = 0; pivot < size; pivot++) {
    for (let row = 0; row < size; row++) {
      if (row === pivot) continue;
      const factor = system[row]![pivot]! / system[pivot]![pivot]!;
      for (let column = pivot; column <= size; column++)
        system[row]![column]! -= factor * system[pivot]![column]!;
    }
  }
  return system.map((row, i) => row[size]! / row[i]!);
}
