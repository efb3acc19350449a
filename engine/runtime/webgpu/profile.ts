/** @file Where the time of a run goes, kernel by kernel, beside what the device can do at best. */
import type { Kernel, Speeds } from './kernel.ts';

export interface KernelTime {
  readonly name: string;
  readonly times: number;
  readonly ms: number;
  /** Of all dispatches together. */
  readonly teraflops: number;
  readonly gigabytes: number;
}

/** The most that this device can do. */
export interface Ceilings {
  teraflops: number;
  gigabytes: number;
  /** Else they are the most that was seen so far, of anything. */
  readonly areMeasured: boolean;
}

export function ceilingsOf(speeds: Speeds | undefined): Ceilings {
  if (!speeds) return { teraflops: 0, gigabytes: 0, areMeasured: false };
  const teraflops = Math.max(0, ...Object.values(speeds.products)) / 1e3;
  return { teraflops, gigabytes: speeds.memory, areMeasured: true };
}

/** Timestamps in nanoseconds around each kernel, added up by name, slowest first. */
export function addUp(kernels: readonly Kernel[], stamps: BigInt64Array): KernelTime[] {
  const totals = new Map<string, { times: number; ns: number; flops: number; bytes: number }>();
  kernels.forEach(({ name, flops, bytes }, index) => {
    const total = totals.get(name) ?? { times: 0, ns: 0, flops: 0, bytes: 0 };
    total.times += 1;
    total.ns += Math.max(0, Number(stamps[2 * index + 1]! - stamps[2 * index]!));
    total.flops += flops;
    total.bytes += bytes;
    totals.set(name, total);
  });
  const rows = [...totals].map(([name, { times, ns, flops, bytes }]) => {
    const perNs = (amount: number): number => (ns > 0 ? amount / ns : 0);
    return { name, times, ms: ns / 1e6, teraflops: perNs(flops) / 1e3, gigabytes: perNs(bytes) };
  });
  return rows.sort((a, b) => b.ms - a.ms);
}

/** The lines of a table for people. `ceilings` that were not measured grow with what is seen. */
export function formatTimes(rows: readonly KernelTime[], ceilings: Ceilings): string[] {
  for (const { teraflops, gigabytes } of ceilings.areMeasured ? [] : rows) {
    ceilings.teraflops = Math.max(ceilings.teraflops, teraflops);
    ceilings.gigabytes = Math.max(ceilings.gigabytes, gigabytes);
  }
  const total = rows.reduce((sum, { ms }) => sum + ms, 0);
  const lines = rows.map(({ name, times, ms, teraflops, gigabytes }) => {
    const share = Math.max(teraflops / ceilings.teraflops, gigabytes / ceilings.gigabytes) || 0;
    const cells = [
      ms.toFixed(3).padStart(9),
      `${((100 * ms) / total).toFixed(1)} %`.padStart(7),
      `${times} x`.padStart(6),
      `${teraflops.toFixed(2)} TFLOP/s`.padStart(15),
      `${gigabytes.toFixed(1)} GB/s`.padStart(12),
      `${Math.round(100 * share)} %`.padStart(6),
    ];
    return `${cells.join(' ')}  ${name}`;
  });
  const best = ceilings.areMeasured ? 'of what this GPU was measured to do' : 'of the best seen here';
  const head = `ms, share of the run, dispatches, TFLOP/s, GB/s, share ${best}, kernel`;
  return [
    `${total.toFixed(2)} ms in ${rows.reduce((sum, { times }) => sum + times, 0)} kernels (${head})`,
    ...lines,
  ];
}
