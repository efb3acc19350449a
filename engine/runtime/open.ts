/** @file From the name of a device to its runtime. */
import type { FloatDType } from '../graph/dtype.ts';
import type { DeviceName } from './device-names.ts';
import { onnxRuntime } from './onnx/runtime.ts';
import type { Runtime } from './runtime.ts';
import { webgpuRuntime } from './webgpu/runtime.ts';

export type ConcreteDevice = Exclude<DeviceName, 'auto'>;

/** The runtime of a device. Throws `device` when our own finds no GPU, or none that `adapter` names. */
export async function openNamed(
  device: ConcreteDevice,
  precision?: FloatDType,
  adapter?: string,
): Promise<Runtime> {
  if (device === 'webgpu') return webgpuRuntime({ half: precision !== 'f32', ...(adapter && { adapter }) });
  return onnxRuntime(device, precision);
}
