/** Where a graph can run; `auto` is the fastest that works. Apart from the devices themselves, whose libraries are large. */
export const DEVICES = ['auto', 'cpu', 'webgpu', 'cuda', 'dml', 'coreml'] as const;

export type DeviceName = (typeof DEVICES)[number];
