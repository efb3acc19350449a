/** @file Time of kernels on a real GPU, and whether what they give is right. */
import type { Kernel } from '../../../../engine/runtime/webgpu/kernel.ts';
import { prepare, submit, type Bench, type Ready } from './device.ts';

/** Seconds that one round of kernels takes: the best of several rounds of many, after a warm-up. */
export async function secondsOf(bench: Bench, steps: readonly Ready[], flops: number): Promise<number> {
  // So many that a round takes some 20 ms on a fast GPU; the clock rises while it warms up.
  const times = Math.max(4, Math.min(400, Math.ceil(4e12 / flops)));
  let best = Infinity;
  for (let round = 0; round < 6; round++) {
    const begin = performance.now();
    submit(bench, steps, times);
    await bench.device.queue.onSubmittedWorkDone();
    best = Math.min(best, (performance.now() - begin) / 1000 / times);
  }
  return best;
}

export async function prepareAll(
  bench: Bench,
  kernels: readonly Kernel[],
  buffers: readonly (readonly GPUBuffer[])[],
): Promise<Ready[]> {
  return Promise.all(kernels.map((kernel, index) => prepare(bench, kernel, buffers[index]!)));
}

export function report(name: string, flops: number, seconds: number, error: number): void {
  const speed = (flops / seconds / 1e12).toFixed(1).padStart(7);
  console.log(
    `${speed} TFLOP/s ${(seconds * 1e6).toFixed(0).padStart(7)} us  error ${error.toExponential(1)}  ${name}`,
  );
}
