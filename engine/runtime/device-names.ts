/**
 * Where a graph can run; `auto` is the fastest that works. `webgpu` is our own runtime, the others are providers of ONNX
 * Runtime. Apart from the devices themselves, whose libraries are large.
 */
export const DEVICES = ['auto', 'cpu', 'webgpu', 'ort-webgpu', 'cuda', 'dml', 'coreml'] as const;

export type DeviceName = (typeof DEVICES)[number];
