/** @file What a command says: words or one JSON document on stdout, progress and errors on stderr. */
import { HdmError } from '../errors.ts';

export interface Output {
  /** A line for people; nothing in JSON mode. */
  readonly line: (text: string) => void;
  /** A line for people on stderr, in both modes. */
  readonly note: (text: string) => void;
  /** How far a piece of work is. A bar on a terminal, a few lines elsewhere. */
  readonly progress: (label: string, done: number, total: number) => void;
  /** The result: printed as JSON in JSON mode. Called once. */
  readonly result: (value: unknown) => void;
}

const BAR_WIDTH = 30;
/** Lines of progress where there is no terminal. */
const QUARTERS = 4;

export function openOutput(isJson: boolean): Output {
  const { stdout, stderr } = process;
  return {
    line: (text) => void (isJson || stdout.write(`${visible(text)}\n`)),
    note: (text) => void stderr.write(`${visible(text)}\n`),
    progress(label, done, total) {
      if (stderr.isTTY) {
        const filled = Math.round((done / total) * BAR_WIDTH);
        const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
        stderr.write(`\r${label} ${bar} ${done}/${total}${done === total ? '\n' : ''}`);
      } else if (Math.floor((done * QUARTERS) / total) > Math.floor(((done - 1) * QUARTERS) / total)) {
        stderr.write(`${label} ${done}/${total}\n`);
      }
    },
    result: (value) => void (isJson && stdout.write(`${JSON.stringify(value, null, 2)}\n`)),
  };
}

/** A reader that has seen enough (`| head`) is no failure of ours. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

process.stdout.on('error', ignoreClosedPipe);
process.stderr.on('error', ignoreClosedPipe);

export const EXIT = { done: 0, failed: 1, badUsage: 2 } as const;

/** Prints an error once, in one line for people and, in JSON mode, for programs. Returns the exit code. */
export function reportError(error: unknown, isJson: boolean): number {
  const { code, message: text } = error instanceof HdmError ? error : ourBug(error);
  const message = visible(text);
  const { stderr } = process;
  stderr.write(stderr.isTTY ? `\r\x1b[K${message}\n` : `${message}\n`); // in place of an unfinished bar
  if (process.env['HDM_DEBUG'] && error instanceof Error) stderr.write(`${error.stack}\n`);
  if (isJson) process.stdout.write(`${JSON.stringify({ error: { code, message } }, null, 2)}\n`);
  return code === 'bad-usage' ? EXIT.badUsage : EXIT.failed;
}

/** In one line: names from files may hold line breaks, and codes that take a terminal over. */
function visible(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}

function ourBug(error: unknown): HdmError {
  const message = error instanceof Error ? error.message : String(error);
  const advice = 'This is a mistake of HDM Studio, please report it; HDM_DEBUG=1 shows where it happened';
  return new HdmError('internal', 'internal error', message, advice, error);
}
