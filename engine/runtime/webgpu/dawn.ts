/** @file Dawn, which reaches the GPUs: its adapters, and its errors as ours, which say what to do. */
import { HdmError } from '../../errors.ts';

/** Dawn's own switches: half precision on NVIDIA, matrix units, and no bounds checks, which our kernels do not need. */
const TOGGLES = [
  'allow_unsafe_apis',
  'vulkan_enable_f16_on_nvidia',
  'use_vulkan_memory_model',
  'disable_robustness',
];
/** Checking every call costs more than the call; tests and `HDM_DEBUG` keep the checks. */
const FAST_TOGGLES = [...TOGGLES, 'skip_validation'];
/** Else the clock of a GPU shows multiples of 65 µs, longer than most kernels take. */
const TOGGLES_OFF = ['timestamp_quantization'];

const BEST = { powerPreference: 'high-performance' } as const;
/** What no adapter is called. */
const NOBODY = 'nobody\u0001';

/** Instances by their options: a process that has two may crash at its end. They live as long as they are held. */
const instances = new Map<string, GPU>();

async function openDawn(checks: boolean, adapter: string | undefined): Promise<GPU> {
  const options = [
    `enable-dawn-features=${(checks ? TOGGLES : FAST_TOGGLES).join()}`,
    `disable-dawn-features=${TOGGLES_OFF.join()}`,
    ...(adapter ? [`adapter=${adapter}`] : []),
  ];
  const key = options.join('\n');
  try {
    const { create } = await import('webgpu');
    const instance = instances.get(key) ?? create(options);
    instances.set(key, instance);
    return instance;
  } catch (error) {
    throw new HdmError('device', WHERE, firstLine((error as Error).message), ADVICE.other, error);
  }
}

/** The best adapter, or the first whose name has `wanted` in it. Throws `device` when there is none. */
export async function findAdapter(wanted: string | undefined, checks = false): Promise<GPUAdapter> {
  const gpu = await openDawn(checks, wanted);
  const adapter = await gpu.requestAdapter(BEST).catch((error: unknown) => {
    const names = namesIn((error as Error).message);
    throw wanted && names.length > 0 ? unknownAdapter(wanted, names) : deviceError(error);
  });
  return adapter ?? absent();
}

/**
 * The names of this system's adapters, best first; of two that are alike, one. Dawn tells them only when it is asked for
 * one that does not exist. For a process that opens no device, as it takes an instance of its own.
 */
export async function listAdapters(): Promise<string[]> {
  const gpu = await openDawn(true, NOBODY);
  try {
    await gpu.requestAdapter(BEST);
    return []; // where there is none at all, that is no error
  } catch (error) {
    return namesIn((error as Error).message);
  }
}

/** The names in Dawn's ` * backend: 'vulkan', name: 'Intel(R) Arc(tm) A770'`. */
export function namesIn(message: string): string[] {
  const lines = [...message.matchAll(/^ \* backend: '.*?', name: '(.*)'$/gm)];
  return [...new Set(lines.map(([, name]) => name!))];
}

/** The adapter that is meant: by a part of its name in any case, or by its number from 1 on. Throws `device`. */
export function adapterCalled(wanted: string, names: readonly string[]): string {
  if (names.length === 0) return absent();
  const byNumber = /^\d+$/.test(wanted) ? names[Number(wanted) - 1] : undefined;
  const found = byNumber ?? names.find((name) => name.toLowerCase().includes(wanted.toLowerCase()));
  if (found) return found;
  throw unknownAdapter(wanted, names);
}

function unknownAdapter(wanted: string, names: readonly string[]): HdmError {
  const list = names.map((name, index) => `${index + 1} ${name}`).join(', ');
  return new HdmError('device', `${WHERE}:${wanted}`, 'there is no such GPU', `Choose one of: ${list}`);
}

function absent(): never {
  throw new HdmError(
    'device',
    WHERE,
    'no GPU with a Vulkan, Metal or Direct3D 12 driver was found',
    'Install the driver of the GPU, or use --device cpu',
  );
}

const WHERE = 'device webgpu';
const ADVICE = {
  lost: 'Start again; if it happens once more, choose a smaller picture or another device',
  memory: 'Choose a smaller picture or batch, or close other programs',
  other: 'Try another device: --device cpu',
};

/** Any error of Dawn as ours. */
export function deviceError(error: unknown): HdmError {
  if (error instanceof HdmError) return error;
  const { message: text, name } = error as Partial<Error>;
  const message = firstLine(text || name || String(error)); // some of Dawn's errors have no message
  const isMemory =
    /out of memory|allocat|OOM/i.test(message) || error?.constructor.name === 'GPUOutOfMemoryError';
  return new HdmError('device', WHERE, message, isMemory ? ADVICE.memory : ADVICE.other, error);
}

/** Of a device that was lost: nothing works on it any more. */
export function lostError(message: string): HdmError {
  return new HdmError('device', WHERE, `the GPU was lost: ${firstLine(message)}`, ADVICE.lost);
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0]!.replace(/\.+$/, '');
}
