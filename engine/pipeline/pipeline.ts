/** @file A model made ready to draw: from a request to pixels. */
import { missingParts, type Checkpoint } from '../checkpoints/checkpoint.ts';
import { HdmError } from '../errors.ts';
import type { FloatDType, TensorData } from '../graph/dtype.ts';
import type { Pixels } from '../image/pixels.ts';
import type { Program, Runtime } from '../runtime/runtime.ts';
import { normals } from '../sampling/noise.ts';
import { SAMPLERS, type Denoiser, type StepCallback } from '../sampling/samplers.ts';
import { sampleTimes } from '../sampling/schedules.ts';
import { openAdapter, type AdapterChoice } from '../weights/adapters.ts';
import { openAutoencoder, type Autoencoder, type Latent } from './autoencoder.ts';
import { compileDenoiser, guidedDenoiser, latentSize, STREAMS, type ActiveAdapter } from './denoiser.ts';
import { requireFit } from './fit.ts';
import { fitPreview, previewPixels, type PreviewFactors } from './preview.ts';
import { checkRequest, type PictureRequest } from './request.ts';
import { blendPixels, keepOutside, noised } from './starting-picture.ts';
import { openTextEncoder, type TextEncoder } from './text-encoder.ts';

export interface PipelineOptions {
  readonly adapters?: readonly AdapterChoice[];
  /** Default: what the device does best. */
  readonly precision?: FloatDType;
}

export interface Progress {
  /** Steps done. */
  readonly step: number;
  readonly steps: number;
  /** A small picture of what is coming, one pixel per latent place; computed when called. */
  preview(): Promise<Pixels>;
}

/** What `generate` does, in this order: the prompts and the starting picture are read, then the rest. */
export type Phase = 'reading' | 'denoising' | 'decoding';

export interface Hooks {
  /** Called when a phase begins. */
  readonly onPhase?: (phase: Phase) => void;
  /** Called after each step and awaited. */
  readonly onProgress?: (progress: Progress) => void | Promise<void>;
  /** Ends the work within one step; `generate` then throws `cancelled`. */
  readonly signal?: AbortSignal;
  /** The noise to begin with instead of the seed's, [channels · h · w]. */
  readonly noise?: Float32Array;
  /** Positions of the tokens instead of the camera's, [tokens · 2]. */
  readonly positions?: Float32Array;
}

export interface Picture {
  readonly pixels: Pixels;
  /** What was decoded. */
  readonly latent: Latent;
  readonly cost: Cost;
}

/** What a picture took, to foretell the next one's. Milliseconds. */
export interface Cost {
  /** Of the denoiser: with guidance two for each evaluation of the sampler. */
  readonly passes: number;
  /** In these passes alone, without hooks. */
  readonly denoiseMs: number;
  readonly decodeMs: number;
}

export interface Pipeline {
  readonly checkpoint: Checkpoint;
  readonly device: string;
  readonly precision: FloatDType;
  readonly adapters: readonly ActiveAdapter[];
  /** Tokens of a prompt beside what the model was trained with; `undefined` for models without text. */
  countTokens(text: string): { readonly tokens: number; readonly limit: number } | undefined;
  /** Context [1, L, width] of a prompt. Throws for models without text. */
  encodePrompt(text: string): Promise<TensorData>;
  generate(request: PictureRequest, hooks?: Hooks): Promise<Picture>;
  dispose(): Promise<void>;
}

/** Makes a model ready on a device. Throws `bad-model` naming what is missing or does not fit. */
export async function openPipeline(
  runtime: Runtime,
  checkpoint: Checkpoint,
  options: PipelineOptions = {},
): Promise<Pipeline> {
  const { path } = checkpoint;
  const missing = missingParts(checkpoint);
  if (missing.length > 0) {
    const options = missing.map((part) => `--${part.toLowerCase().replace(' ', '-')}`);
    const advice = `Give it with ${options.join(' and ')}`;
    throw new HdmError('bad-model', path, `the model has no ${missing.join(' and no ')}`, advice);
  }
  requireFit(checkpoint);
  const precision = options.precision ?? runtime.precision;
  const adapters = openAdapters(options.adapters ?? [], checkpoint);
  const hasText = checkpoint.transformer.config.ctx_dim !== null;
  const [text, denoiser, autoencoder] = await allOrNone([
    hasText ? openTextEncoder(runtime, checkpoint, precision) : Promise.resolve(undefined),
    compileDenoiser(runtime, checkpoint.transformer, adapters, precision),
    openAutoencoder(runtime, checkpoint.vae!, precision),
  ] as const);
  const parts = { checkpoint, text, denoiser, autoencoder };
  return {
    checkpoint,
    device: runtime.device,
    precision,
    adapters,
    countTokens: (prompt) => text?.count(prompt),
    encodePrompt(prompt) {
      if (text) return text.encode(prompt);
      throw new HdmError('bad-usage', path, 'this model takes no prompt');
    },
    generate: (request, hooks = {}) => generate(parts, request, hooks),
    async dispose() {
      await Promise.all([text?.dispose(), denoiser.dispose(), autoencoder.dispose()]);
    },
  };
}

type Opening = Promise<{ dispose(): Promise<void> } | undefined>;

/** When one opening fails, the others are given back before its error is thrown. */
async function allOrNone<T extends readonly Opening[]>(
  openings: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  try {
    return await Promise.all(openings);
  } catch (error) {
    for (const result of await Promise.allSettled<Opening>(openings)) {
      if (result.status === 'fulfilled') await result.value?.dispose();
    }
    throw error;
  }
}

interface Parts {
  readonly checkpoint: Checkpoint;
  readonly text: TextEncoder | undefined;
  readonly denoiser: Program;
  readonly autoencoder: Autoencoder;
}

async function generate(parts: Parts, request: PictureRequest, hooks: Hooks): Promise<Picture> {
  checkRequest(request);
  const { checkpoint, text, autoencoder } = parts;
  const { config } = checkpoint.transformer;
  const size = latentSize(request);
  const denoiser = timed(parts.denoiser);
  hooks.onPhase?.('reading');
  const noise =
    hooks.noise ?? normals(request.seed, STREAMS.noise, config.input_dim * size.height * size.width);
  const start = request.from && (await autoencoder.encode(request.from.pixels)).data;
  const strength = request.from?.strength ?? 1;
  const x = start ? noised(start, noise, strength) : noise;

  const contexts = text && {
    prompt: await text.encode(request.prompt),
    negative: await text.encode(request.negativePrompt),
  };
  const denoise = interruptible(
    guidedDenoiser(denoiser, checkpoint.transformer, contexts, request, hooks.positions),
    hooks.signal,
  );
  const tokens = (size.height * size.width) / config.patch_size ** 2;
  const { name, shift } = request.schedule;
  const times = sampleTimes(name, request.steps, {
    start: strength,
    tokens,
    ...(shift !== undefined && { shift }),
  });
  const onStep: StepCallback = async (progress) => {
    await hooks.onProgress?.({
      step: progress.step,
      steps: progress.steps,
      preview: async () =>
        previewPixels({ ...size, data: progress.clean }, await previewFactors(autoencoder, config.input_dim)),
    });
    const mask = request.from?.mask;
    return mask && start ? keepOutside(mask, size, progress.x, noised(start, noise, progress.t)) : undefined;
  };

  hooks.onPhase?.('denoising');
  const latent = { ...size, data: await SAMPLERS[request.sampler](denoise, x, times, onStep) };
  throwIfCancelled(hooks.signal);
  hooks.onPhase?.('decoding');
  const decodeStart = performance.now();
  const decoded = await autoencoder.decode(latent);
  const decodeMs = performance.now() - decodeStart;
  throwIfCancelled(hooks.signal);
  const pixels = request.from?.mask ? blendPixels(request.from, decoded) : decoded;
  return { latent, pixels, cost: { ...denoiser.cost, decodeMs } };
}

/** The program, counting its runs and the time in which there were any: two of a step go on at once. */
function timed(program: Program): Program & { readonly cost: Omit<Cost, 'decodeMs'> } {
  const cost = { passes: 0, denoiseMs: 0 };
  let [running, since] = [0, 0];
  return {
    cost,
    dispose: () => program.dispose(),
    async run(inputs) {
      if (running++ === 0) since = performance.now();
      try {
        return await program.run(inputs);
      } finally {
        cost.passes++;
        if (--running === 0) cost.denoiseMs += performance.now() - since;
      }
    },
  };
}

/** The device keeps this thread busy; between two calls others get their turn, and a wish to stop is heard. */
function interruptible(denoise: Denoiser, signal: AbortSignal | undefined): Denoiser {
  return async (x, t, step) => {
    await new Promise(setImmediate);
    throwIfCancelled(signal);
    return denoise(x, t, step);
  };
}

function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new HdmError('cancelled', 'picture', 'it was cancelled');
}

const fitted = new WeakMap<Autoencoder, Promise<PreviewFactors>>();

function previewFactors(autoencoder: Autoencoder, channels: number): Promise<PreviewFactors> {
  const known = fitted.get(autoencoder);
  if (known) return known;
  const fit = fitPreview(autoencoder, channels);
  fitted.set(autoencoder, fit);
  fit.catch(() => fitted.delete(autoencoder)); // a device that was busy may have room the next time
  return fit;
}

function openAdapters(choices: readonly AdapterChoice[], { transformer }: Checkpoint): ActiveAdapter[] {
  return choices.map(({ path, strength }) => ({ adapter: openAdapter(path, transformer.weights), strength }));
}
