/** @file The denoiser of one picture: XUT with its prompt, its camera and guidance, as one velocity function. */
import type { ModelPart } from '../checkpoints/checkpoint.ts';
import { HdmError } from '../errors.ts';
import { f32, i64, toFloat32, type FloatDType, type TensorData } from '../graph/dtype.ts';
import { applyCamera, positionMap, toTokenGrid } from '../models/positions.ts';
import { xut, xutInputs } from '../models/xut.ts';
import type { XutConfig } from '../models/xut-config.ts';
import type { Program, Runtime } from '../runtime/runtime.ts';
import { chooseSorted } from '../sampling/noise.ts';
import type { Denoiser } from '../sampling/samplers.ts';
import { adaptWeight, type Adapter } from '../weights/adapters.ts';
import { compilePart } from './compile.ts';
import { requireNumbers } from './numbers.ts';
import type { PictureRequest } from './request.ts';

export interface ActiveAdapter {
  readonly adapter: Adapter;
  readonly strength: number;
}

/** Random streams of one seed: the noise a picture begins with, and the tokens TREAD leaves out at each step. */
export const STREAMS = { noise: 0, tread: 1000 } as const;

/** XUT made ready for a device. Adapters become part of the weights, so they cost nothing per step. */
export function compileDenoiser(
  runtime: Runtime,
  part: ModelPart<XutConfig>,
  adapters: readonly ActiveAdapter[],
  precision: FloatDType,
): Promise<Program> {
  const { config } = part;
  const given = { context: config.ctx_dim !== null, kept: config.tread_config !== null };
  return compilePart(
    runtime,
    part,
    precision,
    (graph, weights) => graph.output('velocity', xut(config, weights, xutInputs(graph, config, given))),
    (name, weight) => adaptWeight(name, weight, adapters),
  );
}

export interface Contexts {
  readonly prompt: TensorData;
  readonly negative: TensorData;
}

/**
 * Velocity for a request: v = u + scale · (c - u), c with the prompt and u with the negative prompt and, if asked
 * for, only a part of the tokens (TREAD guidance). Throws `bad-number` when the model computes no number.
 */
export function guidedDenoiser(
  program: Program,
  transformer: ModelPart<XutConfig>,
  contexts: Contexts | undefined,
  request: PictureRequest,
  positions = cameraPositions(transformer.config, request),
): Denoiser {
  const { config } = transformer;
  if (request.treadGuidance > 0 && (config.tread_config === null || !contexts)) {
    const problem =
      'TREAD guidance needs a model with token routing and a text encoder, this one has not both';
    throw new HdmError('bad-usage', 'picture', problem, 'Leave it out');
  }
  const { height, width } = latentSize(request);
  const { guidanceScale: scale, guidanceInterval, treadGuidance, seed } = request;
  const tokens = (height * width) / config.patch_size ** 2;
  const constant = {
    positions: f32([1, tokens, 2], positions),
    ...(config.addon_info_embs_dim && { addon: f32([1, 1], [Math.log(request.width / request.height)]) }),
  };
  let draws = 0;
  /** Drawn anew at each call, in the order of the calls. */
  const kept = (rate: number): Record<string, TensorData> => {
    if (config.tread_config === null) return {};
    const number = tokens - Math.floor(tokens * rate);
    return { kept: i64([1, number], chooseSorted(seed, STREAMS.tread + draws++, number, tokens)) };
  };
  const velocity = async (
    x: Float32Array,
    t: number,
    context: TensorData | undefined,
    rate: number,
    step: number,
  ) => {
    const inputs = {
      x: f32([1, config.input_dim, height, width], x),
      t: f32([1], [t]),
      ...(context && { context }),
      ...constant,
      ...kept(rate),
    };
    const { velocity: v } = await program.run(inputs);
    return requireNumbers(toFloat32(v!), transformer, `what the model computed in step ${step}`);
  };

  return async (x, t, step) => {
    const first = velocity(x, t, contexts?.prompt, 0, step);
    const [start, end] = guidanceInterval;
    if (scale === 1 || !contexts || t < start || t > end) return first;
    // A GPU is given the second pass while it is at the first.
    const second = velocity(x, t, contexts.negative, treadGuidance, step);
    const [conditional, unconditional] = await Promise.all([first, second]);
    return conditional.map((c, i) => unconditional[i]! + scale * (c - unconditional[i]!));
  };
}

/** (y, x) of each token, as the camera sees them. */
function cameraPositions(config: XutConfig, request: PictureRequest): Float32Array {
  const { height, width } = latentSize(request);
  const map = applyCamera(positionMap(config.positions, height, width), request.camera);
  return toTokenGrid(map, height, width);
}

/** Rows and columns of the latent of a picture. */
export function latentSize({ width, height }: { width: number; height: number }): {
  width: number;
  height: number;
} {
  return { width: width / 8, height: height / 8 };
}
