/** @file The GPU: one device with everything it offers. */
import type { HdmError } from '../../errors.ts';
import { deviceError, findAdapter, lostError } from './dawn.ts';
import type { Features, MatrixConfig } from './kernel.ts';

const WANTED = [
  'shader-f16',
  'subgroups',
  'chromium-experimental-subgroup-matrix',
  'timestamp-query',
] as const;

export interface DeviceOptions {
  /** An adapter by its name, one of `listAdapters`, or by a part of it, as it is written there. */
  readonly adapter?: string;
  /** Lets Dawn check every call. */
  readonly checks?: boolean;
  /** Whether half precision may be used where the adapter has it. */
  readonly half?: boolean;
}

export interface AdapterFacts {
  readonly name: string;
  /** Vendor, architecture and driver, as far as they are told. */
  readonly details: string;
  /** A program that plays a GPU. */
  readonly isSoftware: boolean;
}

/** An opened device. `lost` tells why it cannot be used any more. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly features: Features;
  readonly adapter: AdapterFacts;
  readonly hasTimestamps: boolean;
  /** Buffers that one kernel may use. */
  readonly buffersPerKernel: number;
  /** Throws when the device was lost, or when something went wrong since the last call. */
  check(): void;
}

/** Opens a device. Throws `device` when there is none, or none of that name. */
export async function openDevice({ adapter: wanted, checks, half = true }: DeviceOptions = {}): Promise<Gpu> {
  const adapter = await findAdapter(wanted, checks);
  const has = (feature: string): boolean => adapter.features.has(feature);
  const requiredFeatures = WANTED.filter((feature) => has(feature) && (half || feature !== 'shader-f16'));
  const requiredLimits = limitsOf(adapter.limits);
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({
      requiredFeatures: requiredFeatures as GPUFeatureName[],
      requiredLimits,
    });
  } catch (error) {
    throw deviceError(error);
  }
  let failure: HdmError | undefined;
  let lost: HdmError | undefined;
  void device.lost.then(({ message }) => {
    lost = lostError(message);
  });
  device.addEventListener('uncapturederror', (event) => {
    failure ??= deviceError(event.error);
  });
  return {
    device,
    adapter: factsOf(adapter),
    features: featuresOf(adapter, device),
    hasTimestamps: device.features.has('timestamp-query'),
    buffersPerKernel: device.limits.maxStorageBuffersPerShaderStage,
    check() {
      const error = lost ?? failure;
      failure = undefined;
      if (error) throw error;
    },
  };
}

function factsOf({ info }: GPUAdapter): AdapterFacts {
  const { vendor, architecture, device, description } = info; // the last is of the driver
  const details = [vendor, architecture, description].filter(Boolean).join(', ');
  const name = device || description || architecture || vendor || 'GPU';
  const isKnown = /swiftshader|llvmpipe|lavapipe|basic render/i.test(`${name} ${details}`);
  return { name, details, isSoftware: info.isFallbackAdapter || isKnown };
}

/** All that the adapter can, as far as kernels need it. */
function limitsOf(limits: GPUSupportedLimits): Record<string, number> {
  const names = [
    'maxBufferSize',
    'maxStorageBufferBindingSize',
    'maxStorageBuffersPerShaderStage',
    'maxComputeWorkgroupStorageSize',
    'maxComputeInvocationsPerWorkgroup',
    'maxComputeWorkgroupSizeX',
    'maxComputeWorkgroupsPerDimension',
  ] as const;
  return Object.fromEntries(names.map((name) => [name, limits[name]]));
}

function featuresOf({ info }: GPUAdapter, { features, limits }: GPUDevice): Features {
  const has = (feature: string): boolean => features.has(feature);
  const { subgroupMinSize = 0, subgroupMaxSize = 0 } = info as {
    subgroupMinSize?: number;
    subgroupMaxSize?: number;
  };
  return {
    half: has('shader-f16'),
    subgroups: has('subgroups') ? [subgroupMinSize, subgroupMaxSize] : [0, 0],
    matrices: has('chromium-experimental-subgroup-matrix') ? matricesOf(info) : [],
    workgroupBytes: limits.maxComputeWorkgroupStorageSize,
    workgroupThreads: limits.maxComputeInvocationsPerWorkgroup,
    workgroupCount: limits.maxComputeWorkgroupsPerDimension,
    bindingBytes: Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize),
  };
}

/** As Dawn tells them, which is not yet part of the standard types. */
interface DawnMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

function matricesOf(info: GPUAdapterInfo): MatrixConfig[] {
  const { subgroupMatrixConfigs = [] } = info as { subgroupMatrixConfigs?: Iterable<DawnMatrixConfig> };
  const isFloat = (type: string): type is 'f16' | 'f32' => type === 'f16' || type === 'f32';
  return [...subgroupMatrixConfigs].flatMap(({ componentType, resultComponentType, M, N, K }) => {
    if (!isFloat(componentType) || !isFloat(resultComponentType)) return [];
    return [{ m: M, n: N, k: K, operands: componentType, result: resultComponentType }];
  });
}
