/** @file The whole command line as one program: the engine's commands, and the studio for browsers. */
import { main } from '../engine/cli.ts';
import { serveCommand } from './serve.ts';

/** Runs one command. Resolves to the exit code. */
export function hdmStudio(args: readonly string[]): Promise<number> {
  return main(args, [serveCommand]);
}

if (import.meta.main) process.exitCode = await hdmStudio(process.argv.slice(2));
