/** @file Processes by their number, through Linux's /proc. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Whether tests can find the processes of a studio here. */
export const HAS_PROCESSES = existsSync('/proc/self/task');

/** All processes below one. */
export function childrenOf(id: number): number[] {
  return tasksOf(id)
    .flatMap((task) => read(`/proc/${id}/task/${task}/children`).split(' '))
    .filter(Boolean)
    .map(Number)
    .flatMap((child) => [child, ...childrenOf(child)]);
}

/** Its command line; '' when it has ended. */
export function commandOf(id: number): string {
  return read(`/proc/${id}/cmdline`).replaceAll('\0', ' ');
}

function tasksOf(id: number): string[] {
  try {
    return readdirSync(`/proc/${id}/task`);
  } catch {
    return [];
  }
}

/** Threads and processes end while one looks at them. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Resolves when a process has ended; Linux tells only a parent. */
export async function gone(id: number): Promise<void> {
  while (isRunning(id)) await delay(20);
}

function isRunning(id: number): boolean {
  return /^State:\s*[^Z\s]/m.test(read(`/proc/${id}/status`));
}
