/** @file The devices a graph can run on: which are here, and which is best. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { listSupportedBackends } from 'onnxruntime-node';
import { z } from 'zod';
import { HdmError } from '../errors.ts';
import { size } from '../graph/dim.ts';
import { convert, f32 } from '../graph/dtype.ts';
import { Graph } from '../graph/graph.ts';
import { exp } from '../ops/elementwise.ts';
import { DEVICE_CHOICES, DEVICES, parseDevice } from './device-names.ts';
import { onnxRuntime, providerName, type OnnxProvider } from './onnx/runtime.ts';
import { openNamed, type ConcreteDevice } from './open.ts';
import type { Runtime } from './runtime.ts';
import { adapterCalled } from './webgpu/dawn.ts';

export interface DeviceReport {
  readonly device: ConcreteDevice;
  readonly isAvailable: boolean;
  /** Why not, or how fast beside the CPU. */
  readonly reason: string;
  /** Times as fast as the CPU in a short test. */
  readonly speed?: number;
  /** Where there are several GPUs, their names; the first is used unless another is asked for. */
  readonly adapters?: readonly string[];
}

export interface ChosenRuntime {
  readonly runtime: Runtime;
  /** How `auto` came to its choice. */
  readonly reason: string;
}

/** A device is tried in a process of its own, as a broken driver may take its process down. */
const PROBE_NAME = import.meta.url.endsWith('.ts') ? 'probe.ts' : 'probe.mjs'; // bundled it lies beside, too
const PROBE = fileURLToPath(new URL(PROBE_NAME, import.meta.url));
const PROBE_TIMEOUT_MS = 20_000;

const probeResult = z.object({ deviceMs: z.number().positive(), cpuMs: z.number().positive() });
const adaptersFound = z.object({ adapters: z.array(z.string()) });

/**
 * The runtime of a device, as `parseDevice` reads it; `auto` takes the fastest that works. Throws `bad-usage` for an
 * unknown name, `device` for a device or GPU that is not here.
 */
export async function openRuntime(name: string): Promise<ChosenRuntime> {
  const choice = parseDevice(name);
  if (!choice) {
    const advice = `Choose one of: ${DEVICE_CHOICES}`;
    throw new HdmError('bad-usage', `device "${name}"`, 'there is no such device', advice);
  }
  const { device, adapter } = choice;
  if (device !== 'auto') {
    const problem = obstacleFor(device);
    if (!problem) return { runtime: await runtimeFor(device, await fullName(adapter)), reason: 'as asked' };
    throw new HdmError('device', `device ${name}`, problem, 'Run `hdm-studio devices` to see what is here');
  }
  const reports = await probeDevices();
  const best = reports
    .filter(({ speed }) => speed !== undefined && speed > 1)
    .sort((a, b) => b.speed! - a.speed!)[0];
  if (best) return { runtime: await runtimeFor(best.device), reason: best.reason };
  const reason = reports.map((report) => `${report.device}: ${report.reason}`).join('; ');
  return { runtime: onnxRuntime('cpu'), reason: reason || 'there is no GPU on this system' };
}

/** The runtime of a device, in float32 where the device cannot compute in float16. */
async function runtimeFor(device: ConcreteDevice, adapter?: string): Promise<Runtime> {
  const runtime = await openNamed(device, undefined, adapter);
  if (device === 'webgpu' || runtime.precision === 'f32') return runtime;
  const graph = new Graph();
  const x = graph.input('x', 'f16', [size('n')]);
  graph.output('y', exp(x));
  try {
    const program = await runtime.compile(graph, new Map());
    await program.run({ x: convert(f32([1], [1]), 'f16') });
    await program.dispose();
    return runtime;
  } catch {
    return onnxRuntime(device, 'f32'); // if it cannot do that either, its own error says why
  }
}

/** Every device that this program knows on this system, tried. The CPU, which always works, comes first. */
export async function listDevices(): Promise<DeviceReport[]> {
  const reports = await probeDevices();
  const adapters = await adapterNames();
  const withAdapters = reports.map((report) =>
    report.device === 'webgpu' && adapters.length > 1 ? { ...report, adapters } : report,
  );
  return [{ device: 'cpu', isAvailable: true, reason: 'always works', speed: 1 }, ...withAdapters];
}

async function fullName(adapter: string | undefined): Promise<string | undefined> {
  return adapter === undefined ? undefined : adapterCalled(adapter, await adapterNames());
}

/** The GPUs that our own runtime can use, best first. */
async function adapterNames(): Promise<readonly string[]> {
  if (obstacleFor('webgpu')) return [];
  try {
    return adaptersFound.parse(await ask('adapters')).adapters;
  } catch {
    return []; // the probe of the device tells what is wrong
  }
}

/** One after the other: two probes at once would spoil each other's times. */
async function probeDevices(): Promise<DeviceReport[]> {
  const reports: DeviceReport[] = [];
  for (const device of ['webgpu', ...bundledProviders()] as const) reports.push(await probe(device));
  return reports;
}

function bundledProviders(): OnnxProvider[] {
  const known = DEVICES.filter((name) => name !== 'auto' && name !== 'cpu' && name !== 'webgpu');
  const bundled = listSupportedBackends().map(({ name }) => name);
  return known.filter((name) => bundled.includes(providerName(name)));
}

async function probe(device: ConcreteDevice): Promise<DeviceReport> {
  const obstacle = obstacleFor(device);
  if (obstacle) return { device, isAvailable: false, reason: obstacle };
  try {
    const { deviceMs, cpuMs } = probeResult.parse(await ask(device));
    const speed = cpuMs / deviceMs;
    return { device, isAvailable: true, reason: `${speed.toPrecision(2)} times as fast as the CPU`, speed };
  } catch (error) {
    return { device, isAvailable: false, reason: failure(error) };
  }
}

/** What the probe prints. */
async function ask(what: ConcreteDevice | 'adapters'): Promise<unknown> {
  const options = { timeout: PROBE_TIMEOUT_MS, killSignal: 'SIGKILL' } as const;
  const { stdout } = await promisify(execFile)(process.execPath, [PROBE, what], options);
  return JSON.parse(stdout);
}

/** Why a device cannot work here, as far as a look at the files tells; to try it would only give noise. */
function obstacleFor(device: ConcreteDevice): string | undefined {
  if (device === 'cpu') return undefined;
  if (device === 'webgpu') return missingDriver();
  if (!bundledProviders().includes(device)) return `ONNX Runtime has no ${device} on ${process.platform}`;
  if (device === 'ort-webgpu') return missingDriver();
  return device === 'cuda' ? missingCudaLibrary() : undefined;
}

/** The package of ONNX Runtime comes without CUDA; its installer can fetch it. */
function missingCudaLibrary(): string | undefined {
  const root = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  const library = /onnxruntime_providers_cuda\.(so|dll)$/;
  const files = readdirSync(join(root, 'bin'), { recursive: true, encoding: 'utf8' });
  return files.some((file) => library.test(file)) ? undefined : 'its ONNX Runtime library is not installed';
}

/** WebGPU needs Vulkan on Linux; without any driver a probe is of no use. */
function missingDriver(): string | undefined {
  if (process.platform !== 'linux' || process.env['VK_DRIVER_FILES'] || process.env['VK_ICD_FILENAMES']) {
    return undefined;
  }
  const folders = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'];
  const hasDriver = folders.some((folder) => existsSync(folder) && readdirSync(folder).length > 0);
  return hasDriver ? undefined : 'no Vulkan driver is installed';
}

function failure(error: unknown): string {
  const { killed, signal, stderr } = error as { killed?: boolean; signal?: string; stderr?: string };
  if (killed) return `it did not answer within ${PROBE_TIMEOUT_MS / 1000} s`;
  if (signal) return `its driver crashed (${signal})`;
  return stderr?.trim().split('\n').at(-1) ?? 'it does not work here';
}
