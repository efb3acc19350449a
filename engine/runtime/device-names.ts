/**
 * Where a graph can run; `auto` is the fastest that works. `webgpu` is our own runtime, the others are providers of ONNX
 * Runtime. Apart from the devices themselves, whose libraries are large.
 */
export const DEVICES = ['auto', 'cpu', 'webgpu', 'ort-webgpu', 'cuda', 'dml', 'coreml'] as const;

export type DeviceName = (typeof DEVICES)[number];

/** A device as it is asked for. */
export interface DeviceChoice {
  readonly device: DeviceName;
  /** Of several GPUs, one by a part of its name or by its number from 1 on. */
  readonly adapter?: string;
}

/** For people: what may be asked for. */
export const DEVICE_CHOICES = `${DEVICES.join(', ')}, or webgpu:NAME for one of several GPUs`;

/** `webgpu`, or `webgpu:intel`, or `webgpu:2`; nothing for what is no device. */
export function parseDevice(text: string): DeviceChoice | undefined {
  const device = DEVICES.find((name) => name === text);
  if (device) return { device };
  const [, adapter] = /^webgpu:(.*\S.*)$/.exec(text) ?? [];
  return adapter ? { device: 'webgpu', adapter: adapter.trim() } : undefined;
}
