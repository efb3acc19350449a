/** @file Runs single kernels on the WebGPU device of this machine, in software where there is none. */
import { create, globals } from 'webgpu';
import type { Epilogue, Features, Kernel, MatrixConfig } from '../../../../engine/runtime/webgpu/kernel.ts';

Object.assign(globalThis, globals);

/** What every WebGPU device has, and nothing more. */
export const PLAIN: Features = {
  half: false,
  subgroups: [0, 0],
  matrices: [],
  workgroupBytes: 16_384,
  workgroupThreads: 256,
  workgroupCount: 65_535,
  bindingBytes: 128 * 2 ** 20,
};

/** Features of a large GPU with matrix hardware, for kernels that are only written, not run. */
export const MATRICES: Features = {
  ...PLAIN,
  half: true,
  subgroups: [32, 32],
  matrices: [
    { m: 16, n: 16, k: 16, operands: 'f16', result: 'f32' },
    { m: 16, n: 8, k: 16, operands: 'f16', result: 'f32' },
  ],
  workgroupBytes: 49_152,
  workgroupThreads: 1024,
};

const TOGGLES =
  'allow_unsafe_apis,vulkan_enable_f16_on_nvidia,use_vulkan_memory_model,disable_robustness,skip_validation';

export interface Bench {
  readonly device: GPUDevice;
  readonly features: Features;
  readonly name: string;
}

/** Opens the device. Dawn's objects live as long as `keep` does. */
const keep: unknown[] = [];

export async function openBench(): Promise<Bench> {
  const gpu = create([`enable-dawn-features=${TOGGLES}`]);
  const adapter = (await gpu.requestAdapter({ powerPreference: 'high-performance' }))!;
  keep.push(gpu, adapter);
  const wanted = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'] as GPUFeatureName[];
  const { limits, info } = adapter;
  const device = await adapter.requestDevice({
    requiredFeatures: wanted.filter((feature) => adapter.features.has(feature)),
    requiredLimits: {
      maxBufferSize: limits.maxBufferSize,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
    },
  });
  device.addEventListener('uncapturederror', (event) => {
    throw new Error(event.error.message);
  });
  const { subgroupMatrixConfigs = [] } = info as { subgroupMatrixConfigs?: readonly DawnConfig[] };
  const features: Features = {
    half: adapter.features.has('shader-f16'),
    subgroups: [info.subgroupMinSize ?? 0, info.subgroupMaxSize ?? 0],
    matrices: subgroupMatrixConfigs.filter(isOfFloats).map(matrixConfig),
    workgroupBytes: limits.maxComputeWorkgroupStorageSize,
    workgroupThreads: limits.maxComputeInvocationsPerWorkgroup,
    workgroupCount: limits.maxComputeWorkgroupsPerDimension,
    bindingBytes: limits.maxStorageBufferBindingSize,
  };
  return { device, features, name: `${info.vendor} ${info.description}` };
}

interface DawnConfig {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly componentType: string;
  readonly resultComponentType: string;
}

function isOfFloats({ componentType, resultComponentType }: DawnConfig): boolean {
  return [componentType, resultComponentType].every((type) => type === 'f16' || type === 'f32');
}

function matrixConfig({ M, N, K, componentType, resultComponentType }: DawnConfig): MatrixConfig {
  return { m: M, n: N, k: K, operands: componentType as 'f16', result: resultComponentType as 'f32' };
}

/** Opens Dawn's device that checks kernels and computes nothing; it knows f16 and matrices. */
export async function openChecker(): Promise<(kernel: Kernel) => Promise<string>> {
  const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis,use_vulkan_memory_model']);
  const adapter = (await gpu.requestAdapter())!;
  keep.push(gpu, adapter);
  const requiredFeatures = [
    'shader-f16',
    'subgroups',
    'chromium-experimental-subgroup-matrix',
  ] as GPUFeatureName[];
  const device = await adapter.requestDevice({ requiredFeatures });
  return async ({ source }) => {
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ code: source });
    const { messages } = await module.getCompilationInfo();
    await device.popErrorScope();
    return messages.map(({ message, lineNum }) => `${lineNum}: ${message}`).join('\n');
  };
}

/** Numbers of a buffer, in f32 or f16. */
export type Numbers = Float32Array | Float16Array;

/** A kernel ready to run on given buffers. */
export interface Ready {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly kernel: Kernel;
}

export async function prepare(
  { device }: Bench,
  kernel: Kernel,
  buffers: readonly GPUBuffer[],
): Promise<Ready> {
  if (buffers.length !== kernel.bindings.length) throw new Error(`${kernel.name}: ${buffers.length} buffers`);
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code: kernel.source });
  const { messages } = await module.getCompilationInfo();
  const failed = messages.map(({ message, lineNum }) => `${lineNum}: ${message}`).join('\n');
  await device.popErrorScope();
  if (failed) throw new Error(`${kernel.name}\n${failed}`);
  const bindGroupLayout = device.createBindGroupLayout({
    entries: kernel.bindings.map((use, binding) => ({
      binding,
      visibility: 4,
      buffer: { type: use === 'read' ? 'read-only-storage' : 'storage' },
    })),
  });
  const layout = device.createPipelineLayout({ bindGroupLayouts: [bindGroupLayout] });
  const pipeline = await device.createComputePipelineAsync({
    layout,
    compute: { module, entryPoint: 'main' },
  });
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  return { kernel, pipeline, group: device.createBindGroup({ layout: bindGroupLayout, entries }) };
}

export function encode(pass: GPUComputePassEncoder, { pipeline, group, kernel }: Ready): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(...kernel.workgroups);
}

/** STORAGE | COPY_SRC | COPY_DST */
const USAGE = 0x80 | 0x4 | 0x8;

export function upload({ device }: Bench, data: Numbers): GPUBuffer {
  const buffer = device.createBuffer({ size: Math.ceil(data.byteLength / 16) * 16, usage: USAGE });
  const bytes = new Uint8Array(Math.ceil(data.byteLength / 4) * 4);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  device.queue.writeBuffer(buffer, 0, bytes);
  return buffer;
}

export function room({ device }: Bench, bytes: number): GPUBuffer {
  return device.createBuffer({ size: Math.max(16, Math.ceil(bytes / 16) * 16), usage: USAGE });
}

export async function download(
  { device }: Bench,
  buffer: GPUBuffer,
  dtype: 'f16' | 'f32',
  count: number,
): Promise<Numbers> {
  const size = Math.ceil((count * (dtype === 'f16' ? 2 : 4)) / 4) * 4;
  const copy = device.createBuffer({ size, usage: 0x1 | 0x8 });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, copy, 0, size);
  device.queue.submit([encoder.finish()]);
  await copy.mapAsync(1);
  const bytes = copy.getMappedRange().slice(0);
  copy.destroy();
  return dtype === 'f16' ? new Float16Array(bytes, 0, count) : new Float32Array(bytes, 0, count);
}

/** Runs kernels one after the other. */
export function submit({ device }: Bench, ready: readonly Ready[], times = 1): void {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (let i = 0; i < times; i++) for (const one of ready) encode(pass, one);
  pass.end();
  device.queue.submit([encoder.finish()]);
}

export function ofType(dtype: 'f16' | 'f32', data: ArrayLike<number>): Numbers {
  return dtype === 'f16' ? new Float16Array(data) : new Float32Array(data);
}

/** Numbers like a normal distribution's, the same for the same seed. */
export function random(count: number, seed: number, spread = 1): Float32Array {
  let state = (seed * 2_654_435_761 + 1) >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  return Float32Array.from({ length: count }, () => spread * (next() + next() + next()) * 2);
}

/** ‖a - b‖ / ‖b‖; NaN where `actual` holds one. */
export function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [error, total] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i]! - expected[i]!) ** 2;
    total += expected[i]! ** 2;
  }
  return Math.sqrt(error / Math.max(total, 1e-30));
}

/** An epilogue with operands of its own: result = value * 2 + column, in f32. */
export function markingEpilogue(m: number, n: number): Epilogue {
  const width = n % 4 === 0 ? 4 : 1;
  const type = width === 4 ? 'vec4<f32>' : 'f32';
  const columns = width === 4 ? 'vec4<f32>(0.0, 1.0, 2.0, 3.0)' : '0.0';
  return {
    bindings: ['read', 'write'],
    width,
    declarations: (first) => `@group(0) @binding(${first}) var<storage, read> factor: array<f32>;
@group(0) @binding(${first + 1}) var<storage, read_write> marked: array<${type}>;`,
    store: (value, { batch, row, column }) =>
      `marked[((${batch}) * ${m}u + ${row}) * ${n / width}u + ${column} / ${width}u] = ${value} * factor[0] + f32(${column}) + ${columns};`,
  };
}
