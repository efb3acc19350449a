/** @file Why the engine's process ended, in words for a person. */
import { HdmError } from '../../engine/errors.ts';

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines of its error output. */
  readonly lines: readonly string[];
  readonly platform: NodeJS.Platform;
}

const MEMORY_ADVICE = 'Choose a smaller picture or close other programs; the engine is started again';
const DRIVER_ADVICE =
  'The engine is started again; if this returns, choose another device in the settings or update the GPU driver';

/** What V8, C++ and Node say when there is no memory left. */
const NO_MEMORY = /out of memory|bad_alloc|allocation failed|cannot allocate memory/i;
/** The line among those of a stack trace that tells. */
const ERROR = /\b\w*error\b.*: /i;
/** Windows' STATUS_NO_MEMORY and STATUS_COMMITMENT_LIMIT. */
const WINDOWS_NO_MEMORY = [0xc0000017, 0xc000012d];

/** The end of the engine's process as an error of code `device`. */
export function explainEnd({ code, signal, lines, platform }: ProcessEnd): HdmError {
  const isMemory = lines.some((line) => NO_MEMORY.test(line)) || WINDOWS_NO_MEMORY.includes(code ?? 0);
  if (isMemory) return ended('the memory ran out', MEMORY_ADVICE);
  if (signal === 'SIGKILL' && platform === 'linux') {
    return ended('the system ended it (SIGKILL), most likely because the memory ran out', MEMORY_ADVICE);
  }
  if (signal) return ended(`it crashed (${signal})`, DRIVER_ADVICE);
  const said = lines.findLast((line) => ERROR.test(line)) ?? lines.at(-1);
  return ended(`it ended with code ${codeName(code)}${said ? ` after "${said.trim()}"` : ''}`, DRIVER_ADVICE);
}

/** Windows reports crashes as large codes, known by their hexadecimal form. */
function codeName(code: number | null): string {
  return code !== null && code > 0xffff ? `0x${code.toString(16)}` : String(code);
}

function ended(problem: string, advice: string): HdmError {
  return new HdmError('device', "the engine's process", problem, advice);
}
