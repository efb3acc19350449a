/** @file Lists of tags as CSV, one tag a line: name, category, count, "alias,alias". */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { parse } from 'csv-parse';
import { HdmError, toHdmError } from '../../../engine/errors.ts';

export interface Tag {
  /** As prompts write it. */
  readonly tag: string;
  readonly category: string;
  /** How often it was used, wherever the list comes from. */
  readonly count: number;
  /** Other names as they are in the file, with commas between: a list of 100 000 tags has a million of them. */
  readonly aliases: string;
}

const MAX_FILE_BYTES = 128 << 20;
const MAX_RECORD_LENGTH = 100_000;
const MAX_TAGS = 1_000_000;
const MAX_NAME_LENGTH = 200;

/** Numbers of lists that come from image boards. */
const CATEGORIES: Readonly<Record<string, string>> = {
  '': 'general',
  '0': 'general',
  '1': 'artist',
  '3': 'copyright',
  '4': 'character',
  '5': 'meta',
};

/**
 * Reads a list of tags without holding up anything else. A first line of column names is left out. Throws
 * `bad-file` with the place when it is no such list, and `disk` when it cannot be read.
 */
export async function readTags(path: string): Promise<Tag[]> {
  await checkFile(path);
  const tags: Tag[] = [];
  try {
    const options = { bom: true, relaxColumnCount: true, skipEmptyLines: true, trim: true };
    const parser = parse({ ...options, maxRecordSize: MAX_RECORD_LENGTH });
    const input = createReadStream(path);
    input.once('error', (error) => parser.destroy(error));
    let line = 0;
    for await (const record of input.pipe(parser) as AsyncIterable<string[]>) {
      const tag = toTag(record, ++line, path);
      if (tag) tags.push(tag);
      if (tags.length > MAX_TAGS) throw notTags(path, `expected at most ${MAX_TAGS} tags`);
    }
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    throw code?.startsWith('CSV_') ? notTags(path, message, error) : toHdmError(error, path, 'bad-file');
  }
  if (tags.length === 0) throw notTags(path, 'there are no tags in it');
  return tags;
}

/** Other names of a tag, as they are in its file. */
export function aliasesOf(aliases: string): string[] {
  const names = aliases.split(',').map((alias) => alias.trim());
  return names.filter((alias) => alias !== '' && alias.length <= MAX_NAME_LENGTH);
}

async function checkFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    throw toHdmError(error, path, 'disk');
  });
  if (!found.isFile()) throw notTags(path, 'this is not a file');
  if (found.size > MAX_FILE_BYTES) throw notTags(path, `it has more than ${MAX_FILE_BYTES} bytes`);
}

function toTag(record: readonly string[], line: number, path: string): Tag | undefined {
  const [name = '', category = '', count = '', aliases = ''] = record;
  if (record.some((field) => field.includes('\0'))) throw notTags(path, `entry ${line} is not text`);
  const isHeader = line === 1 && count !== '' && !Number.isFinite(Number(count));
  if (isHeader || name === '' || name.length > MAX_NAME_LENGTH) return undefined;
  return {
    tag: asPromptsWrite(name),
    category: CATEGORIES[category] ?? category,
    count: Math.max(0, Math.trunc(Number(count)) || 0),
    aliases,
  };
}

/** With spaces, and brackets behind a backslash: so were prompts in training. Faces such as `^_^` stay. */
function asPromptsWrite(name: string): string {
  const isFace = !/[\p{L}\p{N}]{2}/u.test(name);
  return (isFace ? name : name.replaceAll('_', ' ')).replace(/(?<!\\)[()]/g, '\\$&');
}

function notTags(path: string, problem: string, cause?: unknown): HdmError {
  const advice = 'Each line must be: tag, category, count, "alias, alias"';
  return new HdmError('bad-file', path, `this is no list of tags: ${problem}`, advice, cause);
}
