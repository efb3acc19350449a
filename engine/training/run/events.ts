/**
 * @file What a training run tells: one list for its log (`log.jsonl`, a line for each event), the command line and the
 * panel. What was not measured is not told.
 */
import { z } from 'zod';

const step = z.int().nonnegative();
const finite = z.number();

/** What a run does between and around its steps. */
export const PHASES = [
  'opening', // reading the model, compiling
  'looking', // the dataset's report
  'measuring', // which batch fits, how long a step takes
  'encoding', // pictures to latents, once for a stage
  'rehearsing', // one step saved, read back and compared before anything is trained
  'training',
  'validating',
  'sampling',
  'saving',
  'paused',
] as const;

/** Facts that a person should know of. */
export const WARNINGS = [
  'slower', // steps take clearly longer than they did
  'overflow', // updates were skipped, as gradients were no numbers
  'starving', // the device waits for pictures
  'flat', // the validation loss has not moved
  'pictures', // pictures of the dataset could not be used
  'disk', // little space is left
  'captions', // captions are longer than the context
  'latents', // channels of an autoencoder say nothing
  'state', // a saved state was damaged, the one before it is used
] as const;

const stepEvent = z.object({
  kind: z.literal('step'),
  /** Updates so far, this one included. */
  step,
  stage: z.int().nonnegative(),
  loss: finite,
  /** Unclipped norm of the gradient; null when it was no number, and the update was skipped. */
  norm: finite.nullable(),
  learningRate: finite,
  lossScale: finite,
  /** Milliseconds of the whole step, and of it waiting for pictures. */
  stepMs: finite,
  waitedMs: finite,
  images: z.int().positive(),
  /** Samples that were seen since the run began. */
  seen: z.int().nonnegative(),
  memoryBytes: finite,
});

const eventSchemas = [
  z.object({ kind: z.literal('phase'), phase: z.enum(PHASES), step }),
  stepEvent,
  /** Mean loss on held-out pictures with fixed noise: of all, and by bands of t from `from` to `to`. */
  z.object({
    kind: z.literal('validation'),
    step,
    loss: finite,
    bands: z.array(z.object({ from: finite, to: finite, loss: finite })),
  }),
  /** A picture of a fixed prompt and seed; `file` lies in the run's folder. */
  z.object({ kind: z.literal('sample'), step, prompt: z.string(), seed: z.int(), file: z.string() }),
  /** A checkpoint that was read back: `change` is the norm of what differs from the one before. */
  z.object({
    kind: z.literal('checkpoint'),
    step,
    folder: z.string(),
    change: finite,
    sizeBytes: finite,
    isBest: z.boolean(),
  }),
  z.object({ kind: z.literal('removed'), step, folder: z.string() }),
  /** The rehearsal: one step, saved, read back and done again, was the same bit for bit. */
  z.object({ kind: z.literal('rehearsed'), step, tensors: z.int(), ms: finite }),
  z.object({ kind: z.literal('warning'), step, warning: z.enum(WARNINGS), detail: z.string() }),
  z.object({
    kind: z.literal('started'),
    step,
    device: z.string(),
    precision: z.string(),
    isResumed: z.boolean(),
    totalSteps: z.int().positive(),
    parameters: z.int(),
  }),
  z.object({
    kind: z.literal('ended'),
    step,
    reason: z.enum(['done', 'stopped', 'failed']),
    /** Why it failed, in words. */
    detail: z.string().optional(),
  }),
] as const;

/** One thing that happened; `at` is the time in milliseconds since 1970. */
export const trainingEvent = z.discriminatedUnion('kind', eventSchemas).and(z.object({ at: z.number() }));

export type TrainingEvent = z.infer<typeof trainingEvent>;
/** An event before it is stamped with its time. */
export type Happening = z.infer<(typeof eventSchemas)[number]>;
export type StepEvent = z.infer<typeof stepEvent>;
export type Phase = (typeof PHASES)[number];
export type Warning = (typeof WARNINGS)[number];

/**
 * What a person may ask of a run; it is done between two steps. `stop` saves a checkpoint; `leave`, for when the program
 * ends, keeps the state only, which is quick.
 */
export type RunRequest = 'pause' | 'continue' | 'sample' | 'save' | 'stop' | 'leave';
