/** @file The command line called as a function: a process for each case would take most of a second. */
import { expect, vi } from 'vitest';
import { main } from '../../engine/cli.ts';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `hdm-studio` with these arguments in this process. */
export async function hdmStudio(...args: readonly string[]): Promise<Outcome> {
  const { exitCode } = process;
  const texts = { stdout: '', stderr: '' };
  const collect = (name: 'stdout' | 'stderr') =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      texts[name] += String(chunk);
      return true;
    });
  const spies = [collect('stdout'), collect('stderr')];
  process.exitCode = undefined;
  try {
    return { code: await main(args), ...texts };
  } finally {
    spies.forEach((spy) => spy.mockRestore());
    process.exitCode = exitCode;
  }
}

/**
 * The message of a command that was refused before it began: expects the exit code and one line that says where,
 * what and what to do, without a trace of the program's insides.
 */
export function refusal({ code, stdout, stderr }: Outcome, expectedCode: 1 | 2): string {
  expect({ code, stdout }).toEqual({ code: expectedCode, stdout: '' });
  expect(stderr).toMatch(/^[^\n]+: [^\n]+\. [^\n]+\.\n$/);
  expect(stderr).not.toMatch(/internal error|node_modules|undefined|\bat .*:\d+:\d+|zod|onnxruntime/i);
  return stderr.trimEnd();
}
