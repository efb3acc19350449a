/** @file What the shell itself remembers: where the window was and how it looked. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Rectangle } from 'electron';
import { z } from 'zod';

const rectangle = z.object({ x: z.int(), y: z.int(), width: z.int().min(1), height: z.int().min(1) });
const stateFile = z.object({
  bounds: rectangle.optional(),
  isMaximized: z.boolean(),
  look: z.object({
    language: z.enum(['system', 'en', 'zh', 'ja']),
    theme: z.enum(['system', 'dark', 'light']),
  }),
});

export type ShellState = z.output<typeof stateFile>;

const FIRST_STATE: ShellState = { isMaximized: false, look: { language: 'system', theme: 'system' } };

/** What was written last; as at the first start when nothing can be read. */
export function readShellState(path: string): ShellState {
  try {
    return stateFile.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return FIRST_STATE; // no file yet, or not ours: a window in the usual place loses nothing
  }
}

/** Throws what the file system says. */
export function writeShellState(path: string, state: ShellState): void {
  writeFileSync(`${path}.tmp`, JSON.stringify(state));
  renameSync(`${path}.tmp`, path);
}

/** So much of a window must be on a screen that it can be taken hold of. */
const VISIBLE = 100;

/** Where a window was, if it still can be seen there: a screen may be gone or smaller. `areas` are those of screens. */
export function visibleBounds(
  bounds: Rectangle | undefined,
  areas: readonly Rectangle[],
): Rectangle | undefined {
  if (!bounds) return undefined;
  // The title bar is at the top: it must be inside, and not below the edge.
  const area = areas.find(
    (area) =>
      overlap(bounds.x, bounds.width, area.x, area.width) >= VISIBLE &&
      bounds.y >= area.y &&
      bounds.y <= area.y + area.height - VISIBLE,
  );
  if (!area) return undefined;
  return {
    ...bounds,
    width: Math.min(bounds.width, area.width),
    height: Math.min(bounds.height, area.height),
  };
}

/** Length that two stretches have in common. */
function overlap(startA: number, lengthA: number, startB: number, lengthB: number): number {
  return Math.min(startA + lengthA, startB + lengthB) - Math.max(startA, startB);
}
