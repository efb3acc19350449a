/** @file `hdm-studio`: the engine from the command line. Each command has a file in cli/. */
import { Command, CommanderError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { benchCommand } from './cli/bench.ts';
import { checkCommand } from './cli/check.ts';
import { devicesCommand } from './cli/devices.ts';
import { inspectCommand } from './cli/inspect.ts';
import { EXIT, reportError } from './cli/output.ts';
import { sampleCommand } from './cli/sample.ts';

const COMMANDS = [sampleCommand, checkCommand, inspectCommand, devicesCommand, benchCommand];

/** Runs one command. Resolves to the exit code: 0 done, 1 failed, 2 bad usage. */
export async function main(args: readonly string[]): Promise<number> {
  const program = new Command('hdm-studio')
    .description('Draw with Home-made Diffusion Models')
    .version(packageJson.version)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true });
  for (const command of COMMANDS) {
    program.addCommand(command().exitOverride());
  }
  if (args.length === 0) {
    program.outputHelp();
    return EXIT.done;
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? EXIT.done); // a command may have set it
  } catch (error) {
    // Commander has printed what was wrong; help and version end this way, too.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.badUsage;
    return reportError(error, args.includes('--json'));
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
