/** @file What a part of a model computed must be numbers; if not, the weight to blame is looked for. */
import type { ModelPart } from '../checkpoints/checkpoint.ts';
import { HdmError } from '../errors.ts';
import { damagedWeights } from '../weights/damage.ts';

/** The values unchanged. Throws `bad-number` when one is NaN or infinite, with the name of a damaged weight. */
export function requireNumbers(
  values: Float32Array,
  { path, weights }: ModelPart<unknown>,
  result: string,
): Float32Array {
  if (values.every(Number.isFinite)) return values;
  const [damaged, ...others] = damagedWeights(weights);
  if (damaged !== undefined) {
    const place = weights.get(damaged)?.place;
    const file = place?.kind === 'file' ? place.path : path;
    const more = others.length > 0 ? ` and ${others.length} more hold` : ' holds';
    const problem = `the weight "${damaged}"${more} NaN or infinity`;
    throw new HdmError('bad-number', file, problem, 'The file is damaged: download or copy it again');
  }
  const advice = 'Try --precision f32, a smaller guidance scale, or adapters with less strength';
  throw new HdmError('bad-number', path, `${result} became NaN or infinity`, advice);
}
