/** @file Timestamps around every kernel, for `HDM_DEBUG=2` and the bench. */
import type { Kernel } from './kernel.ts';
import type { Memory } from './memory.ts';
import { addUp, type KernelTime } from './profile.ts';

/** The most that one query set may have. */
const QUERIES = 4096;
const [COPY_SOURCE, QUERY_RESOLVE] = [0x4, 0x200];

interface Batch {
  readonly kernels: readonly Kernel[];
  readonly queries: GPUQuerySet;
  readonly buffer: GPUBuffer;
}

export class Profiler {
  readonly #memory: Memory;
  readonly #report: (times: readonly KernelTime[]) => void;
  #batches: Batch[] = [];

  constructor(memory: Memory, report: (times: readonly KernelTime[]) => void) {
    this.#memory = memory;
    this.#report = report;
  }

  /** One pass for each kernel, as timestamps are written around passes. */
  encode(
    encoder: GPUCommandEncoder,
    kernels: readonly Kernel[],
    dispatch: (pass: GPUComputePassEncoder, index: number) => void,
  ): void {
    const { device } = this.#memory.gpu;
    const most = QUERIES / 2;
    for (let start = 0; start < kernels.length; start += most) {
      const own = kernels.slice(start, start + most);
      const queries = device.createQuerySet({ type: 'timestamp', count: 2 * own.length });
      const size = 16 * own.length;
      const buffer = device.createBuffer({ size, usage: COPY_SOURCE | QUERY_RESOLVE });
      own.forEach((_, index) => {
        const timestampWrites = {
          querySet: queries,
          beginningOfPassWriteIndex: 2 * index,
          endOfPassWriteIndex: 2 * index + 1,
        };
        const pass = encoder.beginComputePass({ timestampWrites });
        dispatch(pass, start + index);
        pass.end();
      });
      encoder.resolveQuerySet(queries, 0, 2 * own.length, buffer, 0);
      this.#batches.push({ kernels: own, queries, buffer });
    }
  }

  /** Hands over the times of what was encoded and submitted. */
  async report(): Promise<void> {
    const batches = this.#batches;
    this.#batches = [];
    const kernels = batches.flatMap((batch) => batch.kernels);
    const stamps = new BigInt64Array(2 * kernels.length);
    let at = 0;
    for (const { kernels: own, buffer, queries } of batches) {
      const bytes = await this.#memory.read(buffer, 16 * own.length);
      stamps.set(new BigInt64Array(bytes.buffer), at);
      at += 2 * own.length;
      buffer.destroy();
      queries.destroy();
    }
    this.#report(addUp(kernels, stamps));
  }
}
