import { vi } from 'vitest';

/** Enough for a machine that does ten other things at the same time; a test never waits longer than it must. */
const LONGEST_MS = 60_000;

/** Tries a check again and again until it holds. vitest's own gives up after a second, which a busy machine takes. */
export function waitFor<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, LONGEST_MS);
}
