/** @file Inputs of a training step out of cached latents: all but its words. Pure in the task, so any thread can make them. */
import { f32, type TensorData } from '../../graph/dtype.ts';
import { readRows, type LatentCache } from './latent-cache.ts';
import { drawsOf } from '../draws.ts';

export interface ReadyTask {
  readonly cache: LatentCache;
  readonly rows: readonly number[];
  /** Of the batch, as `drawsOf` takes them. */
  readonly seed: number;
  readonly index: number;
  readonly rank: number;
  /** Part of the image tokens that skip the middle. */
  readonly tread: number;
  /** Of the times, towards noise. */
  readonly timeShift: number;
  /** Whether the model has an aspect condition. */
  readonly hasAspect: boolean;
}

/** latent, noise [B, C, h, w], t [B], positions [B, tokens, 2]; addon [B, 1] and kept [B, K] for models with them. */
export type ReadyValues = Readonly<Record<string, TensorData>>;

/** Throws `disk` when the cache cannot be read. */
export function makeReady(task: ReadyTask): ReadyValues {
  const { cache, rows, seed, index, rank, tread, timeShift, hasAspect } = task;
  const { latents, positions, addon } = readRows(cache, rows);
  const samples = rows.length;
  const shape = [samples, ...cache.latent];
  const draws = drawsOf(seed, index, rank);
  return {
    latent: f32(shape, latents),
    noise: draws.noise(shape),
    t: draws.times(samples, timeShift),
    positions: f32([samples, cache.tokens, 2], positions),
    ...(hasAspect && { addon: f32([samples, 1], addon) }),
    ...(tread > 0 && { kept: draws.kept(samples, cache.tokens, tread) }),
  };
}
