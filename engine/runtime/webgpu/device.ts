/** @file The GPU: adapters, one device with everything it offers, and errors that say what to do. */
import { HdmError } from '../../errors.ts';
import type { Features, MatrixConfig } from './kernel.ts';

/** Dawn's own switches: half precision on NVIDIA, matrix units, and no bounds checks, which our kernels do not need. */
const TOGGLES = [
  'allow_unsafe_apis',
  'vulkan_enable_f16_on_nvidia',
  'use_vulkan_memory_model',
  'disable_robustness',
];
/** Else the clock of a GPU shows multiples of 65 µs, longer than most kernels take. */
const TOGGLES_OFF = ['timestamp_quantization'];
/** Checking every call costs more than the call; tests and `HDM_DEBUG` keep the checks. */
const FAST_TOGGLES = [...TOGGLES, 'skip_validation'];

const WANTED = [
  'shader-f16',
  'subgroups',
  'chromium-experimental-subgroup-matrix',
  'timestamp-query',
] as const;

export interface DeviceOptions {
  /** An adapter by part of its name or by its number, where there are several. */
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
  /** Dawn lives as long as somebody holds it. */
  readonly root: GPU;
  readonly device: GPUDevice;
  readonly features: Features;
  readonly adapter: AdapterFacts;
  readonly hasTimestamps: boolean;
  /** Buffers that one kernel may use. */
  readonly buffersPerKernel: number;
  /** Throws when the device was lost, or when something went wrong since the last call. */
  check(): void;
}

/** The adapters of this system, best first. */
export async function listAdapters(): Promise<AdapterFacts[]> {
  const gpu = await openDawn(TOGGLES);
  const found: AdapterFacts[] = [];
  for (const powerPreference of ['high-performance', 'low-power'] as const) {
    const adapter = await gpu.requestAdapter({ powerPreference });
    const facts = adapter && factsOf(adapter);
    if (facts && !found.some(({ name }) => name === facts.name)) found.push(facts);
  }
  return found;
}

/** Opens a device. Throws `device` when there is none, or none of that name. */
export async function openDevice({ adapter: wanted, checks, half = true }: DeviceOptions = {}): Promise<Gpu> {
  const gpu = await openDawn(checks ? TOGGLES : FAST_TOGGLES, wanted);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw absent(wanted);
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
    lost = new HdmError('device', 'device webgpu', `the GPU was lost: ${firstLine(message)}`, ADVICE.lost);
  });
  device.addEventListener('uncapturederror', (event) => {
    failure ??= deviceError(event.error);
  });
  return {
    root: gpu,
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

const ADVICE = {
  lost: 'Start again; if it happens once more, choose a smaller picture or another device',
  memory: 'Choose a smaller picture or batch, or close other programs',
  other: 'Try another device: --device cpu',
};

/** Any error of Dawn as ours. */
export function deviceError(error: unknown): HdmError {
  if (error instanceof HdmError) return error;
  const message = firstLine((error as Error).message ?? String(error));
  const isMemory =
    /out of memory|allocat|OOM/i.test(message) || error?.constructor.name === 'GPUOutOfMemoryError';
  return new HdmError('device', 'device webgpu', message, isMemory ? ADVICE.memory : ADVICE.other, error);
}

async function openDawn(toggles: readonly string[], adapter?: string): Promise<GPU> {
  try {
    const { create } = await import('webgpu');
    const chosen = adapter ? [`adapter=${adapter}`] : [];
    const features = [
      `enable-dawn-features=${toggles.join()}`,
      `disable-dawn-features=${TOGGLES_OFF.join()}`,
    ];
    return create([...features, ...chosen]);
  } catch (error) {
    throw new HdmError('device', 'device webgpu', firstLine((error as Error).message), ADVICE.other, error);
  }
}

function absent(wanted: string | undefined): HdmError {
  const problem = wanted
    ? `there is no GPU called "${wanted}"`
    : 'no GPU with a Vulkan, Metal or Direct3D 12 driver was found';
  return new HdmError(
    'device',
    'device webgpu',
    problem,
    'Install the driver of the GPU, or use --device cpu',
  );
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

function firstLine(text: string): string {
  return text.trim().split('\n')[0]!.replace(/\.+$/, '');
}
