/** @file The frozen parts of a model at work in training: pictures to latents, captions to context, on the fly. */
import type { ModelPart, TextEncoderConfig } from '../checkpoints/checkpoint.ts';
import { f32, i64, toFloat32, type FloatDType, type TensorData } from '../graph/dtype.ts';
import { encoder, imageInput, latentScale, type AutoencoderConfig } from '../models/autoencoder-kl.ts';
import { textInputs } from '../models/causal-lm.ts';
import { compilePart } from '../pipeline/compile.ts';
import { hiddenStates } from '../pipeline/text-encoder.ts';
import type { Runtime, Values, Variables } from '../runtime/runtime.ts';
import { tokenizePrompt, type Tokenizer } from '../text/tokenizer.ts';
import { Graph } from '../graph/graph.ts';
import { graphWeights } from '../weights/weights.ts';
import { CONTEXT } from './objective.ts';

export interface PictureBatch {
  readonly width: number;
  readonly height: number;
  /** Pictures [n, 3, height, width], some in each part. */
  readonly parts: readonly Float32Array[];
}

export interface LatentEncoder {
  /** Shape of the latents of a batch of pictures. */
  shapeOf(batch: PictureBatch): number[];
  /** Mean and log-variance, as the autoencoder has them. */
  moments(batch: PictureBatch): Promise<{ mean: Float32Array<ArrayBuffer>; logvar: Float32Array }>;
  /** Means as latents in the units of the denoiser: what the posterior adds is small beside the noise of training. */
  encode(batch: PictureBatch): Promise<TensorData>;
  dispose(): Promise<void>;
}

/** Bytes of the widest planes of one run, of which about eight live at once. */
const PIECE_BYTES = 2.75e9;
const PLANES = 8;

/** The encoder of an autoencoder, in pieces that fit into memory. */
export async function openLatentEncoder(
  runtime: Runtime,
  part: ModelPart<AutoencoderConfig>,
  precision: FloatDType,
): Promise<LatentEncoder> {
  const { config } = part;
  const scale = latentScale(config);
  const program = await compilePart(runtime, part, precision, (graph, weights) => {
    const [mean, logvar] = encoder(config, weights, imageInput(graph, config));
    graph.output('mean', mean);
    graph.output('logvar', logvar);
  });
  const shapeOf = ({ width, height, parts }: PictureBatch): number[] => [
    parts.reduce((sum, { length }) => sum + length, 0) / (3 * width * height),
    config.latent_channels,
    height / scale,
    width / scale,
  ];
  const moments: LatentEncoder['moments'] = async (batch) => {
    const { width, height, parts } = batch;
    const [count, ...rest] = shapeOf(batch) as [number, number, number, number];
    const latent = rest.reduce((product, side) => product * side, 1);
    const result = { mean: new Float32Array(count * latent), logvar: new Float32Array(count * latent) };
    const picture = 3 * width * height;
    const encode = async (pixels: Float32Array, first: number): Promise<void> => {
      const shape = [pixels.length / picture, 3, height, width];
      const { mean, logvar } = await program.run({ image: f32(shape, pixels) });
      result.mean.set(toFloat32(mean!), first * latent);
      result.logvar.set(toFloat32(logvar!), first * latent);
    };
    // All are begun together: a GPU gets the next pictures while it is at these.
    let first = 0;
    const together = picture * piecesOf(config, width * height);
    const pieces = parts.flatMap((part) => cutUp(part, together));
    const begun = pieces.map((pixels) => {
      const encoded = encode(pixels, first);
      first += pixels.length / picture;
      return encoded;
    });
    await Promise.all(begun);
    return result;
  };
  return {
    shapeOf,
    moments,
    async encode(batch) {
      const { mean: latents } = await moments(batch);
      const shape = shapeOf(batch);
      const plane = shape[2]! * shape[3]!;
      for (let first = 0; first < latents.length; first += plane) {
        const channel = (first / plane) % config.latent_channels;
        const [mean, std] = [config.latents_mean?.[channel] ?? 0, config.latents_std?.[channel] ?? 1];
        for (let i = first; i < first + plane; i++) {
          latents[i] = (latents[i]! - mean) / std;
        }
      }
      return f32(shape, latents);
    },
    dispose: () => program.dispose(),
  };
}

function cutUp(numbers: Float32Array, length: number): Float32Array[] {
  return Array.from({ length: Math.ceil(numbers.length / length) }, (_, at) =>
    numbers.subarray(at * length, (at + 1) * length),
  );
}

/** Pictures of so many pixels that are encoded together, at most. */
function piecesOf({ block_out_channels: widths }: AutoencoderConfig, pixels: number): number {
  const widest = widths[1] ?? widths[0]!;
  return Math.max(1, Math.floor(PIECE_BYTES / (PLANES * widest * pixels * Float32Array.BYTES_PER_ELEMENT)));
}

/** Ids and mask [B, length] of captions, filled up with padding that is context as well; what is longer is cut. */
export function tokenizeBatch(
  tokenizer: Tokenizer,
  captions: readonly string[],
  length: number,
): { values: Values; cut: number } {
  const rows = captions.map((caption) =>
    tokenizePrompt(tokenizer, caption, { padding: 'max_length', length }),
  );
  const column = (key: 'ids' | 'mask'): TensorData =>
    i64(
      [rows.length, length],
      rows.flatMap((row) => row[key].slice(0, length)),
    );
  return {
    values: { ids: column('ids'), mask: column('mask') },
    cut: rows.filter(({ count }) => count > length).length,
  };
}

export interface ContextWriter {
  /** Sets the variable `context` for these tokens; it stays on the device. */
  write(tokens: Values): Promise<void>;
  dispose(): Promise<void>;
}

/** A frozen text encoder that writes the context where training reads it. */
export async function openContextWriter(
  runtime: Runtime,
  { config, weights }: ModelPart<TextEncoderConfig>,
  precision: FloatDType,
  variables: Variables,
): Promise<ContextWriter> {
  const graph = new Graph();
  const states = hiddenStates(config, graphWeights(graph, weights, precision), textInputs(graph), precision);
  graph.assign(CONTEXT, states);
  const program = await runtime.compile(graph, weights, variables);
  return {
    async write(tokens) {
      await program.run(tokens);
    },
    dispose: () => program.dispose(),
  };
}
