/** @file The host's log: a few files that never grow large. */
import { appendFileSync, existsSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

const MAX_BYTES = 2 ** 20;
/** The one that grows, and older ones. */
const FILES = ['studio.log', 'studio.1.log', 'studio.2.log'] as const;

/**
 * What writes a line with its time into the log of a folder. It never throws: where nothing can be written, the
 * studio goes on without a log.
 */
export function openLog(folder: string): (line: string) => void {
  const [newest] = paths(folder);
  return (line) => {
    try {
      if (sizeOf(newest!) >= MAX_BYTES) rotate(folder);
      appendFileSync(newest!, `${new Date().toISOString()} ${indented(line)}\n`, { mode: 0o600 });
    } catch {
      // A full disk must not end what is being logged.
    }
  };
}

/** The last lines of the log in a folder, oldest first. Throws what the file system says. */
export function lastLogLines(folder: string, count: number): string[] {
  const lines: string[] = [];
  for (const path of paths(folder)) {
    if (lines.length >= count) break;
    if (existsSync(path)) lines.unshift(...readFileSync(path, 'utf8').split('\n').filter(Boolean));
  }
  return lines.slice(-count);
}

function paths(folder: string): string[] {
  return FILES.map((name) => join(folder, name));
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function rotate(folder: string): void {
  const files = paths(folder);
  for (let index = files.length - 1; index > 0; index--) {
    if (existsSync(files[index - 1]!)) renameSync(files[index - 1]!, files[index]!);
  }
}

/** A text of several lines stays one entry. */
function indented(text: string): string {
  return text.trimEnd().replaceAll(/\r?\n/g, '\n  ');
}
