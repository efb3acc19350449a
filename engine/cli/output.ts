/** @file What a command says: words or one JSON document on stdout, progress and errors on stderr. */
import { HdmError } from '../errors.ts';

export interface Output {
  /** A line for people; nothing in JSON mode. */
  line(text: string): void;
  /** A line for people on stderr, in both modes. */
  note(text: string): void;
  /** How far a piece of work is. A bar on a terminal, a few lines elsewhere. */
  progress(label: string, done: number, total: number): void;
  /** The result: printed as JSON in JSON mode. Called once. */
  result(value: unknown): void;
}

const BAR_WIDTH = 30;
/** Lines of progress where there is no terminal. */
const QUARTERS = 4;

export function openOutput(isJson: boolean): Output {
  const { stdout, stderr } = process;
  return {
    line: (text) => void (isJson || stdout.write(`${text}\n`)),
    note: (text) => void stderr.write(`${text}\n`),
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

export const EXIT = { done: 0, failed: 1, badUsage: 2 } as const;

/** Prints an error once, for people and, in JSON mode, for programs. Returns the exit code. */
export function reportError(error: unknown, isJson: boolean): number {
  const known = error instanceof HdmError;
  const message = known
    ? error.message
    : `internal error: ${error instanceof Error ? error.stack : String(error)}`;
  process.stderr.write(`${message}\n`);
  const code = known ? error.code : 'internal';
  if (isJson) process.stdout.write(`${JSON.stringify({ error: { code, message } }, null, 2)}\n`);
  return code === 'bad-usage' ? EXIT.badUsage : EXIT.failed;
}
