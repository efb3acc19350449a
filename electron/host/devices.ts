/** @file What can compute here, and whether it computes rightly. */
import { resourceFolder } from '../../engine/checkpoints/resources.ts';
import type { DeviceReport as EngineReport } from '../../engine/runtime/devices.ts';
import type { DeviceReport, Output } from '../contract.ts';
import type { HandlersOf } from './handlers.ts';
import type { Arbiter, Engine, SettingsStore } from './parts.ts';

export interface DevicesOptions {
  readonly engine: Engine;
  readonly arbiter: Arbiter;
  readonly settings: SettingsStore;
}

/** Answers `devices.list` and `devices.check`; both throw the engine's own errors. */
export function devicesHandlers({ engine, arbiter, settings }: DevicesOptions): HandlersOf<'devices'> {
  return {
    'devices.list': async () => (await engine.devices()).map(toReport),
    'devices.check': () => check({ engine, arbiter, settings }),
  };
}

/** Golden files on the chosen device, when nothing else uses it. */
async function check({ engine, arbiter, settings }: DevicesOptions): Promise<Output<'devices.check'>> {
  const lease = await arbiter.take('check');
  try {
    const { device } = settings.get();
    const results = await engine.check(device, resourceFolder('self-check'));
    // Where the engine chose, the person wants to know what it chose.
    return { device: device === 'auto' ? (engine.state.device ?? device) : device, results };
  } finally {
    lease.release();
  }
}

function toReport({ device: name, isAvailable, reason, speed }: EngineReport): DeviceReport {
  return { name, isAvailable, reason, ...(speed !== undefined && { speed }) };
}
