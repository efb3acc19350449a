/** @file The most memory that the process held during one piece of work. */
import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Linux keeps the highest resident size and can begin anew. Elsewhere there is only that of the whole life: it is
 * the answer where it rose meanwhile, else the largest of the samples is.
 */
export class PeakMemory {
  readonly #resets = resetPeak();
  readonly #before = lifetimePeak();
  #largest = 0;

  constructor() {
    this.sample();
  }

  /** To be called between the parts of the work. */
  sample(): void {
    this.#largest = Math.max(this.#largest, process.memoryUsage.rss());
  }

  /** Bytes since the beginning. */
  read(): number {
    this.sample();
    const peak = lifetimePeak();
    if (this.#resets) return Math.max(this.#largest, linuxPeak() ?? 0);
    return peak > this.#before ? peak : this.#largest;
  }
}

function resetPeak(): boolean {
  if (process.platform !== 'linux') return false;
  try {
    writeFileSync('/proc/self/clear_refs', '5'); // 5: the peak begins at the present size; see proc(5)
    return linuxPeak() !== undefined;
  } catch {
    return false; // some containers forbid it
  }
}

function linuxPeak(): number | undefined {
  const kib = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

function lifetimePeak(): number {
  return process.resourceUsage().maxRSS * 1024;
}
