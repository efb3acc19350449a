/** @file Names of samplers as the field writes them, and of schedules. */
import { t } from '../../messages/messages.svelte.ts';

const SAMPLERS: Readonly<Record<string, string>> = {
  euler: 'Euler',
  heun: 'Heun',
  'dpmpp-2m': 'DPM++ 2M',
  unipc: 'UniPC',
};

/** The engine's own name for one that is not known here. */
export function samplerName(sampler: string): string {
  return SAMPLERS[sampler] ?? sampler;
}

export function scheduleName(schedule: string): string {
  if (schedule === 'uniform') return t('create.uniform');
  return schedule === 'shifted' ? t('create.shifted') : schedule;
}
