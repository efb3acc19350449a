/** @file Variables as buffers that stay on the GPU. */
import { HdmError } from '../../errors.ts';
import type { DType, TensorData } from '../../graph/dtype.ts';
import { count } from '../../graph/shape.ts';
import type { GivenType } from '../bind.ts';
import type { Variables } from '../runtime.ts';
import { fromBytes, toBytes, type Memory } from './memory.ts';
import { FORMAT_BYTES, type Format } from './node.ts';
import { formatOf } from './resolve.ts';

interface Held {
  readonly buffer: GPUBuffer;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly format: Format;
}

export class WebgpuVariables implements Variables {
  readonly #memory: Memory;
  readonly #held = new Map<string, Held>();
  /** Changes when a buffer was replaced. */
  generation = 0;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  async write(name: string, value: TensorData): Promise<void> {
    const { dtype, shape } = value;
    const known = this.#held.get(name);
    const held = known && isOf(known, dtype, shape) ? known : await this.#replace(name, dtype, shape);
    this.#memory.write(held.buffer, toBytes(value, held.format));
    this.#memory.gpu.check();
  }

  async read(name: string): Promise<TensorData> {
    const { buffer, dtype, shape, format } = this.#get(name);
    const bytes = await this.#memory.read(buffer, count(shape) * FORMAT_BYTES[format]);
    return fromBytes(bytes, format, dtype, shape);
  }

  names(): string[] {
    return [...this.#held.keys()];
  }

  dispose(): Promise<void> {
    for (const { buffer } of this.#held.values()) this.#memory.free(buffer);
    this.#held.clear();
    this.generation++;
    return Promise.resolve();
  }

  typeOf(name: string): GivenType | undefined {
    return this.#held.get(name);
  }

  bufferOf(name: string): GPUBuffer {
    return this.#get(name).buffer;
  }

  /** Makes sure that a variable that a run assigns has a buffer of this type. */
  async prepare(name: string, { dtype, shape }: GivenType): Promise<void> {
    if (!isOf(this.#held.get(name), dtype, shape)) await this.#replace(name, dtype, shape);
  }

  #get(name: string): Held {
    const held = this.#held.get(name);
    if (!held) throw new HdmError('internal', `variable "${name}"`, 'it is read before it was written');
    return held;
  }

  async #replace(name: string, dtype: DType, shape: readonly number[]): Promise<Held> {
    const format = formatOf(dtype, this.#memory.gpu.features.half);
    const bytes = count(shape) * FORMAT_BYTES[format];
    const buffer = await this.#memory.guarded(() => this.#memory.allocate(bytes, `the variable "${name}"`));
    const old = this.#held.get(name);
    if (old) this.#memory.free(old.buffer);
    const held = { buffer, dtype, shape: [...shape], format };
    this.#held.set(name, held);
    this.generation++;
    return held;
  }
}

function isOf(held: Held | undefined, dtype: DType, shape: readonly number[]): boolean {
  return held?.dtype === dtype && held.shape.join() === shape.join();
}
