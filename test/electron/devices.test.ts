import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { CheckResult, EngineState, Settings } from '../../electron/contract.ts';
import { selfCheck } from '../../electron/engine/self-check.ts';
import { devicesHandlers } from '../../electron/host/devices.ts';
import type { DeviceUser, Engine } from '../../electron/host/parts.ts';
import { resourceFolder } from '../../engine/checkpoints/resources.ts';
import { openRuntime } from '../../engine/runtime/devices.ts';

const RESULTS: CheckResult[] = [{ name: 'xut', isPassed: true, error: 0, tolerance: 1 }];

it('the check has the device to itself, and gives it back', async () => {
  const { handlers, happened } = open({ device: 'cpu' });
  expect(await handlers['devices.check']({})).toEqual({ device: 'cpu', results: RESULTS });
  expect(happened).toEqual(['take check', `check cpu ${resourceFolder('self-check')}`, 'release']);
});

it('where the engine chose the device, the check says which', async () => {
  const { handlers } = open({ device: 'auto', state: { state: 'ready', device: 'webgpu' } });
  expect(await handlers['devices.check']({})).toMatchObject({ device: 'webgpu' });
});

it('a check that fails gives the device back', async () => {
  const { handlers, happened } = open({ device: 'cpu', failure: new Error('lost') });
  await expect(handlers['devices.check']({})).rejects.toThrow('lost');
  expect(happened.at(-1)).toBe('release');
});

it('devices are listed by name', async () => {
  const { handlers } = open({ device: 'auto' });
  expect(await handlers['devices.list']({})).toEqual([
    { name: 'cpu', isAvailable: true, reason: 'always works', speed: 1 },
    { name: 'cuda', isAvailable: false, reason: 'not here' },
  ]);
});

it('the files of the self-check are small, and right on the CPU', async () => {
  const folder = resourceFolder('self-check');
  const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  expect(bytes).toBeLessThan(2.5e6);
  expect(existsSync(join(folder, 'README.md'))).toBe(true);
  const { runtime } = await openRuntime('cpu');
  const results = await selfCheck(runtime, folder);
  expect(results.map(({ name }) => name)).toEqual([
    'autoencoder-kl.safetensors',
    'positions.safetensors',
    'qwen3.safetensors',
    'xut-released-camera.safetensors',
  ]);
  expect(results.filter(({ isPassed }) => !isPassed)).toEqual([]);
});

function open({
  device,
  state = { state: 'idle' },
  failure,
}: {
  device: string;
  state?: EngineState;
  failure?: Error;
}) {
  const happened: string[] = [];
  const engine: Pick<Engine, 'state' | 'devices' | 'check'> = {
    state,
    devices: async () => [
      { device: 'cpu', isAvailable: true, reason: 'always works', speed: 1 },
      { device: 'cuda', isAvailable: false, reason: 'not here' },
    ],
    check: async (name, folder) => {
      happened.push(`check ${name} ${folder}`);
      if (failure) throw failure;
      return RESULTS;
    },
  };
  const arbiter = {
    take: async (user: DeviceUser) => {
      happened.push(`take ${user}`);
      return {
        isWanted: false,
        wanted: new Promise<void>(() => {}),
        release: () => void happened.push('release'),
      };
    },
  };
  const settings = { get: () => ({ device }) as Settings, change: () => ({ device }) as Settings };
  return { handlers: devicesHandlers({ engine: engine as Engine, arbiter, settings }), happened };
}
