/** @file Processes by their number, through Linux's /proc. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Whether tests can find the processes of a studio here. */
export const HAS_PROCESSES = existsSync('/proc/self/task');

/** All processes below one. */
export function childrenOf(id: number): number[] {
  return readdirSync(`/proc/${id}/task`)
    .flatMap((task) => readFileSync(`/proc/${id}/task/${task}/children`, 'utf8').split(' '))
    .filter(Boolean)
    .map(Number)
    .flatMap((child) => [child, ...childrenOf(child)]);
}

/** Its command line. */
export function commandOf(id: number): string {
  return readFileSync(`/proc/${id}/cmdline`, 'utf8').replaceAll('\0', ' ');
}

/** Resolves when a process has ended; Linux tells only a parent. */
export async function gone(id: number): Promise<void> {
  while (isRunning(id)) await delay(20);
}

function isRunning(id: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${id}/status`, 'utf8'));
  } catch {
    return false;
  }
}
