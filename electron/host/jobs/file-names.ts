/** @file What a picture's file is called: readable, safe on every system, and nobody else's. */
import { existsSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

export interface PictureName {
  readonly prompt: string;
  readonly seed: number;
  /** Milliseconds since 1970; the name has its date in the system's time zone. */
  readonly createdAt: number;
  /** Letters or digits that no other picture has. */
  readonly id: string;
  /** Ending without the dot. */
  readonly format: string;
}

const MOST_WORDS_LENGTH = 40;
const ID_LENGTH = 6;
/** Letters of every language; not those that nobody sees. */
const WORDS = /[[\p{L}\p{N}\p{M}]--\p{Default_Ignorable_Code_Point}]+/gv;

/**
 * `2026-01/2026-01-31-words-of-the-prompt-42-0a1b2c.png`. It begins with the date: never hidden, never a name
 * that Windows keeps for itself.
 */
export function pictureName({ prompt, seed, createdAt, id, format }: PictureName): string {
  const date = localDate(createdAt);
  const parts = [date, shortWords(prompt), seed, id.slice(0, ID_LENGTH)];
  return join(date.slice(0, 7), `${parts.join('-')}.${format}`);
}

/** A name in `folder` under which nothing lies yet; `id` is used when it leads to one, else others. */
export function freePictureFile(folder: string, name: PictureName): string {
  const file = join(folder, pictureName(name));
  return existsSync(file) ? freePictureFile(folder, { ...name, id: crypto.randomUUID() }) : file;
}

/** Whether `file` lies in `folder` or below. */
export function isInside(folder: string, file: string): boolean {
  const path = relative(folder, file);
  return path !== '..' && !path.startsWith(`..${sep}`) && path !== file;
}

function localDate(moment: number): string {
  const date = new Date(moment);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** Whole words as long as they fit; of a first one that is too long, its beginning. */
function shortWords(prompt: string): string {
  const words = prompt.normalize('NFC').match(WORDS) ?? [];
  let text = '';
  for (const word of words) {
    const longer = text === '' ? word : `${text}-${word}`;
    if ([...longer].length > MOST_WORDS_LENGTH) break;
    text = longer;
  }
  return text || [...(words[0] ?? 'picture')].slice(0, MOST_WORDS_LENGTH).join('');
}
