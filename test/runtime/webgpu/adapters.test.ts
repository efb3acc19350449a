/** @file One of several GPUs. */
import { describe, expect, it } from 'vitest';
import { parseDevice } from '../../../engine/runtime/device-names.ts';
import { openRuntime } from '../../../engine/runtime/devices.ts';
import { adapterCalled, namesIn } from '../../../engine/runtime/webgpu/dawn.ts';
import { openDevice } from '../../../engine/runtime/webgpu/device.ts';
import { testGpu } from '../../helpers/gpu.ts';

const NAMES = ['NVIDIA GeForce RTX 4090', 'Intel(R) Arc(tm) A770', 'llvmpipe (LLVM 17.0.6, 256 bits)'];

describe('a device as it is asked for', () => {
  it.each([
    ['webgpu', { device: 'webgpu' }],
    ['webgpu:2', { device: 'webgpu', adapter: '2' }],
    ['webgpu: Arc(tm) ', { device: 'webgpu', adapter: 'Arc(tm)' }],
    ['webgpu:', undefined],
    ['webgpu: ', undefined],
    ['cuda:1', undefined],
    ['WebGPU', undefined],
  ])('%s', (text, choice) => {
    expect(parseDevice(text)).toEqual(choice);
  });
});

describe('an adapter', () => {
  it.each([
    ['1', NAMES[0]],
    ['3', NAMES[2]],
    ['4090', NAMES[0]],
    ['INTEL', NAMES[1]],
    ['arc(tm)', NAMES[1]],
    ['llvm', NAMES[2]],
  ])('is found by %s', (wanted, name) => {
    expect(adapterCalled(wanted, NAMES)).toBe(name);
  });

  it.each(['000', '8', 'radeon'])('is not found by %s, and the error names those that are', (wanted) => {
    expect(() => adapterCalled(wanted, NAMES)).toThrow(
      new RegExp(
        `device webgpu:${wanted}: there is no such GPU. Choose one of: 1 NVIDIA .*, 2 Intel.*, 3 llvm`,
      ),
    );
  });

  it('is absent where there is none', () => {
    expect(() => adapterCalled('1', [])).toThrow('no GPU with a Vulkan, Metal or Direct3D 12 driver');
  });

  it('is named by Dawn', () => {
    const lines = [...NAMES, NAMES[0]!].map((name) => `\n * backend: 'vulkan', name: '${name}'`);
    expect(namesIn(`no suitable backends found\nAvailable adapters:${lines.join('')}`)).toEqual(NAMES);
    expect(namesIn('something else')).toEqual([]);
  });
});

const { runtime, reason } = await testGpu();

describe.skipIf(!runtime)(`the adapters of this system ${reason}`, () => {
  it('open by number', async () => {
    const { runtime: first } = await openRuntime('webgpu:1');
    expect(first.device).toBe('webgpu');
  });

  it.each([
    ['through the list', () => openRuntime('webgpu:no such thing')],
    ['directly', () => openDevice({ adapter: 'no such thing' })],
  ])('are named in the error for another, %s', async (_name, open) => {
    const refused = open();
    await expect(refused).rejects.toMatchObject({ code: 'device', name: 'HdmError' });
    await expect(refused).rejects.toThrow(/no such thing: there is no such GPU. Choose one of: 1 \w/);
  });
});
