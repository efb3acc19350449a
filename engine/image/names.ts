import type { SamplerName } from '../sampling/samplers.ts';
import type { ScheduleName } from '../sampling/schedules.ts';

/** Another program whose pictures we read and that reads ours. */
export type Program = 'a1111' | 'comfyui';

type Names = Readonly<Record<Program, string>>;

/** Our samplers as other programs call them. */
export const SAMPLER_NAMES = {
  euler: { a1111: 'Euler', comfyui: 'euler' },
  heun: { a1111: 'Heun', comfyui: 'heun' },
  'dpmpp-2m': { a1111: 'DPM++ 2M', comfyui: 'dpmpp_2m' },
  unipc: { a1111: 'UniPC', comfyui: 'uni_pc' },
} as const satisfies Record<SamplerName, Names>;

/** Our schedules as other programs call them. ComfyUI shifts the model, not the schedule. */
export const SCHEDULE_NAMES = {
  uniform: { a1111: 'Simple', comfyui: 'simple' },
  shifted: { a1111: 'Shifted', comfyui: 'simple' },
} as const satisfies Record<ScheduleName, Names>;

/** What `program` calls ours, or undefined. */
export function toForeignName(
  table: Readonly<Record<string, Names>>,
  program: Program,
  ours: string,
): string | undefined {
  return Object.hasOwn(table, ours) ? table[ours]?.[program] : undefined;
}

/** Our name of what `program` calls `theirs`, or undefined; capital letters do not matter. */
export function fromForeignName(
  table: Readonly<Record<string, Names>>,
  program: Program,
  theirs: unknown,
): string | undefined {
  const wanted = String(theirs).toLowerCase();
  return Object.keys(table).find((ours) => table[ours]?.[program].toLowerCase() === wanted);
}
