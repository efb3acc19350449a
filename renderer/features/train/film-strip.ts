/** @file Samples as a strip: a row for each prompt, a column for each step. */
import type { Sample } from '../../../electron/contract.ts';

export interface Strip {
  readonly prompt: string;
  readonly seed: number;
  /** By step, rising. */
  readonly frames: readonly Sample[];
}

/** As many pictures of a prompt are shown, evenly over the run, the last among them. */
const MOST_FRAMES = 48;

export function strips(samples: readonly Sample[]): Strip[] {
  const groups = Map.groupBy(samples, ({ prompt, seed }) => JSON.stringify([prompt, seed]));
  return [...groups.values()].map((group) => {
    const { prompt, seed } = group[0]!;
    const frames = group.toSorted((a, b) => a.step - b.step);
    return { prompt, seed, frames: thinned(frames) };
  });
}

function thinned(frames: readonly Sample[]): readonly Sample[] {
  const count = Math.min(MOST_FRAMES, frames.length);
  return Array.from({ length: count }, (_, i) => frames[Math.round(((i + 1) * frames.length) / count) - 1]!);
}
