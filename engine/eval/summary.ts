/** @file What is kept of an evaluation: a schema, so that it can be sent and stored, and read by a window. */
import { z } from 'zod';
import type { Evaluation } from './evaluate.ts';
import type { Property } from './judge.ts';
import type { Category } from './prompts.ts';

/** Categories of a summary; `tags` asks for the same scenes as `one`. */
export const SCORED = ['one', 'small', 'two', 'world'] as const satisfies readonly Category[];
const PROPERTIES = [
  'background', 'count', 'color', 'kind', 'size', 'place', 'texture', 'relation',
] as const satisfies readonly Property[]; // prettier-ignore
const MOVES = ['x', 'y', 'zoom'] as const;

/** Pictures that are right, of those that were judged. */
const count = z.object({ right: z.int(), of: z.int() });

export const evaluationSummary = z.object({
  categories: z.record(
    z.enum(SCORED),
    z.object({ all: count, properties: z.partialRecord(z.enum(PROPERTIES), count) }),
  ),
  /** What was measured for each pixel that the camera should move things: 1 is right; null: no thing was seen. */
  camera: z.record(z.enum(MOVES), z.number().nullable()),
});

export type EvaluationSummary = z.infer<typeof evaluationSummary>;

/** Of an evaluation with all these categories, and the camera. */
export function summaryOf({ categories, camera }: Evaluation): EvaluationSummary {
  const scores = SCORED.map((name) => {
    const { all, properties } = categories[name]!;
    return [name, { all, properties }] as const;
  });
  const ratios = MOVES.map((move) => {
    const { pictures, ratio } = camera![move];
    return [move, pictures > 0 ? ratio : null] as const;
  });
  return {
    categories: Object.fromEntries(scores) as EvaluationSummary['categories'],
    camera: Object.fromEntries(ratios) as EvaluationSummary['camera'],
  };
}
