/** @file Compiled kernels, each source once, and the shapes of their bindings. */
import { HdmError } from '../../errors.ts';
import { deviceError } from './device.ts';
import type { Binding, Kernel } from './kernel.ts';

const COMPUTE_STAGE = 0x4;

export interface Compiled {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

export class Pipelines {
  readonly #device: GPUDevice;
  readonly #compiled = new Map<string, Promise<Compiled>>();
  readonly #layouts = new Map<string, { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout }>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** The kernel made ready, in the background; the same source is compiled once. */
  get(kernel: Kernel): Promise<Compiled> {
    const key = `${kernel.bindings.join()}\n${kernel.source}`;
    const known = this.#compiled.get(key);
    if (known) return known;
    const compiled = this.#compile(kernel);
    this.#compiled.set(key, compiled);
    return compiled;
  }

  async #compile({ name, source, bindings }: Kernel): Promise<Compiled> {
    const device = this.#device;
    const layout = this.#layoutOf(bindings);
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
      return { pipeline, layout: layout.group };
    } catch (reason) {
      throw deviceError(reason);
    }
  }

  #layoutOf(bindings: readonly Binding[]): { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout } {
    const key = bindings.map((access) => Number(access === 'read')).join('');
    const known = this.#layouts.get(key);
    if (known) return known;
    const entries = bindings.map((access, binding) => {
      const type = access === 'read' ? 'read-only-storage' : 'storage';
      return { binding, visibility: COMPUTE_STAGE, buffer: { type } } as const;
    });
    const group = this.#device.createBindGroupLayout({ entries });
    const layout = { group, pipeline: this.#device.createPipelineLayout({ bindGroupLayouts: [group] }) };
    this.#layouts.set(key, layout);
    return layout;
  }
}
