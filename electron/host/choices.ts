/** @file What a form can offer, as the engine has it. */
import { DEFAULTS, MOST_STEPS, SIDE } from '../../engine/pipeline/request.ts';
import { DEVICES } from '../../engine/runtime/device-names.ts';
import { SAMPLERS } from '../../engine/sampling/samplers.ts';
import { SCHEDULES } from '../../engine/sampling/schedules.ts';
import type { Choices } from '../contract.ts';

export function choices(): Choices {
  return {
    samplers: Object.keys(SAMPLERS),
    schedules: Object.keys(SCHEDULES),
    devices: [...DEVICES],
    side: SIDE,
    mostSteps: MOST_STEPS,
    defaults: { ...DEFAULTS, guidanceInterval: [...DEFAULTS.guidanceInterval], adapters: [] },
  };
}
