/** @file Pictures to latents and back, in tiles where a picture is too large for memory in one piece. */
import type { ModelPart } from '../checkpoints/checkpoint.ts';
import { f32, toFloat32, type FloatDType } from '../graph/dtype.ts';
import type { Pixels } from '../image/pixels.ts';
import {
  decoder,
  encoder,
  imageInput,
  latentInput,
  latentScale,
  type AutoencoderConfig,
} from '../models/autoencoder-kl.ts';
import type { Program, Runtime } from '../runtime/runtime.ts';
import { compilePart } from './compile.ts';
import { requireNumbers } from './numbers.ts';
import { inTiles, type Plane } from './tiles.ts';

/** A latent in the units of the denoiser: (value - mean) / std for each channel. */
export interface Latent {
  readonly height: number;
  readonly width: number;
  /** [channels, height, width] */
  readonly data: Float32Array;
}

const TILE_BYTES = 2.75e9;
const PLANES = 8;

export interface Autoencoder {
  decode(latent: Latent): Promise<Pixels>;
  encode(pixels: Pixels): Promise<Latent>;
  dispose(): Promise<void>;
}

/** The VAE of a checkpoint. The encoder is compiled when it is first needed. */
export async function openAutoencoder(
  runtime: Runtime,
  part: ModelPart<AutoencoderConfig>,
  precision: FloatDType,
): Promise<Autoencoder> {
  const { config } = part;
  const [channels, scale] = [config.latent_channels, latentScale(config)];
  const decode = await compilePart(runtime, part, precision, (graph, weights) =>
    graph.output('image', decoder(config, weights, latentInput(graph, config))),
  );
  let encode: Program | undefined;
  return {
    decode: (latent) =>
      decodeLatent(decode, config, { ...latent, data: toVaeUnits(latent.data, config) }, (image) =>
        requireNumbers(image, part, 'the decoded picture'),
      ),
    async encode(pixels) {
      encode ??= await compilePart(runtime, part, precision, (graph, weights) =>
        graph.output('mean', encoder(config, weights, imageInput(graph, config))[0]),
      );
      const program = encode;
      const planes = await inTiles(
        fromPixels(pixels),
        { channels, scale: 1 / scale, tile: tileSide(config) },
        async (tile) => {
          const { mean } = await program.run({ image: batchOfOne(tile) });
          return requireNumbers(toFloat32(mean!), part, 'the encoded picture');
        },
      );
      return { ...planes, data: fromVaeUnits(planes.data, config) };
    },
    async dispose() {
      await decode.dispose();
      await encode?.dispose();
    },
  };
}

/** Pixels of a latent in the units of the VAE. `check` sees the numbers that become pixels. */
export async function decodeLatent(
  program: Program,
  config: AutoencoderConfig,
  latent: Latent,
  check = (image: Float32Array): Float32Array => image,
): Promise<Pixels> {
  const plane = { channels: config.latent_channels, ...latent };
  const result = { channels: config.out_channels, scale: latentScale(config), tile: tileSide(config) };
  const image = await inTiles(plane, result, async (tile) => {
    const { image: part } = await program.run({ latent: batchOfOne(tile) });
    return check(toFloat32(part!));
  });
  return toPixels(image);
}

/**
 * Side of the largest square, in latent numbers, that is computed in one piece. Memory goes to the widest planes of
 * full size, about eight of them at once: pictures of up to 576 x 576 pixels with the released VAE.
 */
function tileSide(config: AutoencoderConfig): number {
  const widest = config.block_out_channels[1] ?? config.block_out_channels[0]!;
  const pixels = TILE_BYTES / (PLANES * widest * Float32Array.BYTES_PER_ELEMENT);
  return Math.floor(Math.sqrt(pixels) / latentScale(config));
}

function batchOfOne({ channels, height, width, data }: Plane) {
  return f32([1, channels, height, width], data);
}

function toVaeUnits(data: Float32Array, { latents_mean, latents_std, latent_channels }: AutoencoderConfig) {
  return perChannel(data, latent_channels, (value, c) => value * latents_std![c]! + latents_mean![c]!);
}

function fromVaeUnits(data: Float32Array, { latents_mean, latents_std, latent_channels }: AutoencoderConfig) {
  return perChannel(data, latent_channels, (value, c) => (value - latents_mean![c]!) / latents_std![c]!);
}

function perChannel(
  data: Float32Array,
  channels: number,
  change: (value: number, channel: number) => number,
): Float32Array {
  const size = data.length / channels;
  return data.map((value, index) => change(value, Math.floor(index / size)));
}

/** -1..1 planes to interleaved bytes. */
function toPixels({ height, width, data }: Plane): Pixels {
  const size = height * width;
  const bytes = new Uint8ClampedArray(size * 3);
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) bytes[i * 3 + c] = (data[c * size + i]! + 1) * 127.5;
  }
  return { width, height, data: new Uint8Array(bytes.buffer) };
}

function fromPixels({ height, width, data }: Pixels): Plane {
  const size = height * width;
  const planes = new Float32Array(size * 3);
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) planes[c * size + i] = data[i * 3 + c]! / 127.5 - 1;
  }
  return { channels: 3, height, width, data: planes };
}
