/** @file What SQLite says when it fails, in words and with advice. */
import { HdmError, toHdmError, type ErrorCode } from '../../engine/errors.ts';

const MOVE_AWAY =
  'Close the studio and move this file away to begin with an empty one; pictures and models stay where they are';
const BUSY: Words = ['disk', 'another program holds it', 'Close that program and try again'];
const DAMAGED: Words = ['bad-file', 'it is damaged, or no database of the studio', MOVE_AWAY];

type Words = readonly [code: ErrorCode, problem: string, advice: string];

/** By SQLite's result codes (https://sqlite.org/rescode.html). */
const WORDS: Readonly<Record<number, Words>> = {
  5: BUSY,
  6: BUSY,
  8: ['disk', 'it may not be written', "Allow it in the folder of the studio's data, and try again"],
  10: [
    'disk',
    'the disk could not read or write it',
    'See that the disk is well and has space, and try again',
  ],
  11: DAMAGED,
  13: ['disk', 'the disk is full', 'Free some space and try again; nothing was changed'],
  14: ['disk', 'it cannot be opened', 'See that it is a file which you may read and write'],
  26: DAMAGED,
};

/** An error of SQLite in words, all others as `toHdmError` has them. `path`: the database, where it is known. */
export function toHostError(
  error: unknown,
  where: string,
  code: ErrorCode = 'internal',
  path = "the studio's database",
): HdmError {
  const { errcode } = error as { errcode?: unknown };
  // The lower byte tells the kind, the rest more about it.
  const words = typeof errcode === 'number' ? WORDS[errcode & 0xff] : undefined;
  if (!words) return toHdmError(error, where, code);
  const [known, problem, advice] = words;
  return new HdmError(known, path, problem, advice, error);
}
