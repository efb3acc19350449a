/** @file `hdm-studio`: the engine from the command line. Each command has a file in cli/. */
import { Command, CommanderError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { EXIT, reportError } from './cli/output.ts';
import { HdmError } from './errors.ts';

/** In the order of the help. A command's own code is read when it is wanted: `inspect` needs nothing that trains. */
const COMMANDS = new Map<string, () => Promise<Command>>([
  ['sample', async () => (await import('./cli/sample.ts')).sampleCommand()],
  ['train', async () => (await import('./cli/train.ts')).trainCommand()],
  ['dataset', async () => (await import('./cli/dataset.ts')).datasetCommand()],
  ['eval', async () => (await import('./cli/eval.ts')).evalCommand()],
  ['experiment', async () => (await import('./cli/experiment.ts')).experimentCommand()],
  ['check', async () => (await import('./cli/check.ts')).checkCommand()],
  ['inspect', async () => (await import('./cli/inspect.ts')).inspectCommand()],
  ['devices', async () => (await import('./cli/devices.ts')).devicesCommand()],
  ['bench', async () => (await import('./cli/bench.ts')).benchCommand()],
]);

/**
 * Runs one command, `more` being those of other parts of the program. Resolves to the exit code: 0 done, 1 failed,
 * 2 bad usage.
 */
export async function main(args: readonly string[], more: readonly (() => Command)[] = []): Promise<number> {
  const program = new Command('hdm-studio')
    .description('Draw with Home-made Diffusion Models, and train them')
    .version(packageJson.version)
    .enablePositionalOptions() // an option after a command is that command's
    .configureHelp({ showGlobalOptions: true });
  const wanted = COMMANDS.get(args[0] ?? '');
  for (const load of wanted ? [wanted] : COMMANDS.values()) program.addCommand(await load());
  for (const command of more) program.addCommand(command());
  program.helpCommand(false).addCommand(helpCommand(program));
  throwInsteadOfExit(program);
  if (args.length === 0) {
    program.outputHelp();
    return EXIT.done;
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? EXIT.done); // a command may have set it
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportError(error, args.includes('--json'));
    if (error.exitCode === 0) return EXIT.done; // help and version end this way, too
    return reportError(toUsageError(error), args.includes('--json'));
  }
}

/** A command like the others, as commander's own takes `--help` for a command's name. */
function helpCommand(program: Command): Command {
  return new Command('help')
    .description('display help for command')
    .argument('[command]')
    .action((name?: string) => {
      const found = program.commands.find((command) => command.name() === name);
      if (name && !found) {
        throw new HdmError(
          'bad-usage',
          `help ${name}`,
          'there is no such command',
          'Leave it out to see all',
        );
      }
      (found ?? program).outputHelp();
    });
}

/** For a command and all below it: what is wrong is thrown, and printed by us alone. */
function throwInsteadOfExit(command: Command): void {
  command.exitOverride().configureOutput({ writeErr: () => {} });
  command.commands.forEach(throwInsteadOfExit);
}

function toUsageError({ code, message }: CommanderError): HdmError {
  const isIncomplete = code === 'commander.help'; // it would have shown its help
  const said = message
    .replace(/^error: /, '')
    .replace(' is invalid. ', ': ')
    .replace(/\.$/, '');
  const problem = isIncomplete ? 'a command is missing' : said;
  return new HdmError('bad-usage', 'hdm-studio', problem, 'Add --help to see what is possible');
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
