/** @file What was measured of one run, as it stands in results. */
import { z } from 'zod';
import { PROPERTIES } from '../eval/judge.ts';

const number = z.number();
const tally = z.object({ right: z.int(), of: z.int() });

/** How the model of a run did in an evaluation. */
export const scoreSchema = z.object({
  /** Pictures right in everything that was asked. */
  all: tally,
  properties: z.partialRecord(z.enum(PROPERTIES), tally),
  /** Of the denoiser, for all pictures. */
  passes: z.int(),
  /** In the passes of a picture; the median, as the first picture of a size may wait for a compiler. */
  pictureMs: number,
});

export const runSchema = z.object({
  variant: z.string(),
  seed: z.int(),
  /** Its folder among the runs: a hash of recipe, data, autoencoder and device, and the seed. */
  folder: z.string(),
  parameters: z.int(),
  steps: z.int(),
  /** In training steps alone, without validation, saving and encoding. */
  trainMs: number,
  /** Validation losses; `ms` of the training steps until then. */
  curve: z.array(z.object({ step: z.int(), ms: number, loss: number })).min(1),
  scores: z.record(z.string(), scoreSchema),
});

export type RunResult = z.infer<typeof runSchema>;
export type Score = z.infer<typeof scoreSchema>;
