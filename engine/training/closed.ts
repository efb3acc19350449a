/** @file Documents of people: objects that know their keys, and errors that name what is wrong in them. */
import { z } from 'zod';
import { HdmError } from '../errors.ts';

/** An object whose unknown keys are refused with the names of the known ones. */
export function closed<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `there is no ${issue.keys.map((key) => `"${key}"`).join(' or ')} here; known are ${known}`
        : undefined,
  });
}

const MOST_PROBLEMS = 3;

/** `value` as the schema describes it, defaults filled in. Throws `bad-usage` with the first problems. */
export function parseClosed<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  where: string,
): z.infer<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.slice(0, MOST_PROBLEMS).map(({ path, message }) => {
    const place = path.length > 0 ? `"${path.join('.')}": ` : '';
    return `${place}${message.replace(/^Invalid (input|option): /, '')}`;
  });
  throw new HdmError('bad-usage', where, problems.join('; '), 'Correct it', result.error);
}
