/** @file What was measured in an experiment: `results.json`, from which tables and charts are made. */
import { z } from 'zod';
import { experimentSchema } from './document.ts';
import { runSchema } from './run-result.ts';

export const resultsSchema = z.object({
  version: z.literal(1),
  name: z.string(),
  finishedAt: z.string(),
  device: z.string(),
  precision: z.string(),
  /** Its name: of a file or folder, or as recipes call it. */
  autoencoder: z.string(),
  seeds: z.int().positive(),
  document: experimentSchema,
  runs: z.array(runSchema).min(1),
});

export type Results = z.infer<typeof resultsSchema>;

export const RESULTS_FILE = 'results.json';
