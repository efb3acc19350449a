/**
 * @file Everything random of a batch but its pictures and captions: a pure function of (seed, number of the batch,
 * rank), so a run that goes on draws what it would have drawn.
 */
import { f32, i64, type TensorData } from '../graph/dtype.ts';
import { count } from '../graph/shape.ts';
import { chooseSorted, normals, philox4x32 } from '../sampling/noise.ts';
import { shiftTime } from '../sampling/schedules.ts';

/** Streams of one batch; the kept tokens of sample n use `kept + n`. */
const STREAM = { time: 0, noise: 1, posterior: 2, kept: 16 } as const;
const WORD = 2 ** 32;
/** Apart from counters of pictures (0), data (0x8000_0000 and up). */
const TRAINING_MARK = 0x4000_0000;

export interface BatchDraws {
  /** sigmoid of a standard normal number for each sample [B], shifted towards noise; a shift of 1 is none. */
  times(batch: number, shift: number): TensorData;
  noise(shape: readonly number[]): TensorData;
  /** For the draw from the posterior of an autoencoder that learns. */
  posterior(shape: readonly number[]): TensorData;
  /** Image tokens that go through the middle [B, K], ascending, for a TREAD rate. */
  kept(batch: number, tokens: number, rate: number): TensorData;
}

/** The draws of batch number `index` of a run, on one rank. */
export function drawsOf(seed: number, index: number, rank = 0): BatchDraws {
  const own = batchSeed(seed, index, rank);
  const normal = (stream: number, shape: readonly number[]): TensorData =>
    f32(shape, normals(own, stream, count(shape)));
  return {
    times: (batch, shift) =>
      f32(
        [batch],
        normals(own, STREAM.time, batch).map((value) => shiftTime(sigmoid(value), shift)),
      ),
    noise: (shape) => normal(STREAM.noise, shape),
    posterior: (shape) => normal(STREAM.posterior, shape),
    kept: (batch, tokens, rate) => keptTokens(own, batch, tokens, rate),
  };
}

/** length - floor(length · rate) of the tokens, drawn for each sample (reference of the released model §3). */
function keptTokens(seed: number, batch: number, tokens: number, rate: number): TensorData {
  const number = tokens - Math.floor(tokens * rate);
  const rows = Array.from({ length: batch }, (_, sample) =>
    Array.from(chooseSorted(seed, STREAM.kept + sample, number, tokens)),
  );
  return i64([batch, number], rows.flat());
}

/** A seed of 53 bits for each batch of each rank. */
function batchSeed(seed: number, index: number, rank: number): number {
  const counter = [index >>> 0, Math.floor(index / WORD), rank, TRAINING_MARK] as const;
  const [low, high] = philox4x32(counter, [seed >>> 0, Math.floor(seed / WORD)]);
  return (high >>> 11) * WORD + low;
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
