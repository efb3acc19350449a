/** @file Compiled kernels, each source once, and the shapes of their bindings. */
import { HdmError } from '../../errors.ts';
import { deviceError } from './dawn.ts';
import type { Binding, Kernel } from './kernel.ts';
import { bindSlices, sliceLayout } from './slices.ts';

const COMPUTE_STAGE = 0x4;

export interface Compiled {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  /** Of a kernel in slices, their offsets. */
  readonly offsets?: GPUBindGroup;
}

export class Pipelines {
  readonly #device: GPUDevice;
  readonly #slices: GPUBindGroupLayout;
  readonly #compiled = new Map<string, Promise<Compiled>>();
  readonly #layouts = new Map<string, { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout }>();

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#slices = sliceLayout(device);
  }

  /** The kernel made ready, in the background; the same source is compiled once. */
  get(kernel: Kernel): Promise<Compiled> {
    const key = `${kernel.bindings.join()}\n${JSON.stringify(kernel.slices)}\n${kernel.source}`;
    const known = this.#compiled.get(key);
    if (known) return known;
    const compiled = this.#compile(kernel);
    this.#compiled.set(key, compiled);
    return compiled;
  }

  async #compile({ name, source, bindings, slices }: Kernel): Promise<Compiled> {
    const device = this.#device;
    const layout = this.#layoutOf(bindings, slices !== undefined);
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ code: source, label: name });
    const invalid = device.popErrorScope();
    const error = await invalid;
    if (error) throw new HdmError('internal', `kernel ${name}`, `${error.message}\n${source}`);
    try {
      const compute = { module, entryPoint: 'main' };
      const pipeline = await device.createComputePipelineAsync({
        layout: layout.pipeline,
        compute,
        label: name,
      });
      const offsets = slices && { offsets: bindSlices(device, this.#slices, slices) };
      return { pipeline, layout: layout.group, ...offsets };
    } catch (reason) {
      throw deviceError(reason);
    }
  }

  #layoutOf(
    bindings: readonly Binding[],
    isSliced: boolean,
  ): { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout } {
    const key = bindings.map((access) => Number(access === 'read')).join('') + (isSliced ? ' sliced' : '');
    const known = this.#layouts.get(key);
    if (known) return known;
    const entries = bindings.map((access, binding) => {
      const type = access === 'read' ? 'read-only-storage' : 'storage';
      return { binding, visibility: COMPUTE_STAGE, buffer: { type } } as const;
    });
    const group = this.#device.createBindGroupLayout({ entries });
    const bindGroupLayouts = isSliced ? [group, this.#slices] : [group];
    const layout = { group, pipeline: this.#device.createPipelineLayout({ bindGroupLayouts }) };
    this.#layouts.set(key, layout);
    return layout;
  }
}
