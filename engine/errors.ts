/** What went wrong, in a form a program can act on. The words for a person are in the message. */
export type ErrorCode =
  | 'bad-usage' // the caller asked for something that cannot be: an option, a size, a name
  | 'bad-file' // a file is damaged, hostile or of another kind than expected
  | 'bad-model' // a model, adapter or tokenizer is incomplete or does not fit
  | 'bad-shape' // tensors do not fit together
  | 'bad-number' // NaN or infinity where a finite number must be
  | 'disk' // the file system refused: full, read-only, missing
  | 'network' // a server cannot be reached, or does not give what was asked for
  | 'device' // the device is absent, lost, or out of memory
  | 'cancelled' // the user stopped it
  | 'internal'; // our own bug

/**
 * The one error of the engine. Its message reads: where it happened, what was expected and what came,
 * and what to do about it.
 */
export class HdmError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, where: string, problem: string, advice = '', cause?: unknown) {
    super(`${where}: ${problem}.${advice ? ` ${advice}.` : ''}`, cause === undefined ? {} : { cause });
    this.name = 'HdmError';
    this.code = code;
  }
}

/** An error of any origin as an HdmError: ours unchanged, a file system's with advice, others as `code`. */
export function toHdmError(error: unknown, where: string, code: ErrorCode = 'internal'): HdmError {
  if (error instanceof HdmError) return error;
  const { message, code: systemCode } = error as { message?: string; code?: string };
  const advice = SYSTEM_ADVICE[systemCode ?? ''];
  if (advice) return new HdmError('disk', where, advice[0], advice[1], error);
  return new HdmError(code, where, message ?? String(error), '', error);
}

const SYSTEM_ADVICE: Record<string, [problem: string, advice: string]> = {
  ENOSPC: ['the disk is full', 'Free some space or choose another folder; nothing half-written was kept'],
  EDQUOT: ['the disk quota is used up', 'Free some space or choose another folder'],
  EROFS: ['the disk is read-only', 'Choose another folder'],
  EACCES: ['no permission', 'Choose a folder or file you may use'],
  EPERM: ['no permission', 'Choose a folder or file you may use'],
  ENOENT: ['no such file or folder', 'Check the path'],
  ENOTDIR: ['a part of the path is a file, not a folder', 'Check the path'],
  EISDIR: ['this is a folder, not a file', 'Name a file'],
  ENAMETOOLONG: ['the name is too long', 'Choose a shorter one'],
  EMFILE: ['too many open files', 'Close other programs and try again'],
};
