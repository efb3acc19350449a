/**
 * @file Lists of pictures with captions: JSON Lines or CSV. Names of columns are those of common tools; paths count
 * from the list's folder. A row may have a caption, tags, or both: then they are two wordings.
 */
import { stat } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { HdmError, toHdmError } from '../../errors.ts';
import type { ListedItem } from './dataset.ts';
import { inParallel } from './in-parallel.ts';
import { readText } from './text-file.ts';

export const MANIFEST_ENDINGS: readonly string[] = ['.jsonl', '.csv'];

/** What a text in memory may be. */
const MOST_BYTES = 256 << 20;
/** Missing pictures that a message names. */
const NAMED = 3;

const words = z.union([z.string(), z.array(z.string())]);
const rowSchema = z.object({
  image: z.string().min(1),
  caption: words.optional(),
  tags: words.optional(),
  repeats: z.coerce.number().int().min(1).max(9999).default(1),
});
type Row = z.infer<typeof rowSchema>;

/** What each of our columns is called elsewhere. The first that a row has counts; all others are left alone. */
const COLUMNS = {
  image: ['image', 'file_name', 'filename', 'path', 'file'],
  caption: ['caption', 'text', 'prompt'],
  tags: ['tags', 'tag_string'],
  repeats: ['repeats', 'num_repeats'],
} as const satisfies Record<keyof Row, readonly string[]>;

export function isManifest(path: string): boolean {
  return MANIFEST_ENDINGS.includes(extname(path).toLowerCase());
}

/**
 * The items of a list, in its order.
 * @throws HdmError `disk`; `bad-file` with the line of a row that cannot be, or the names of missing pictures
 */
export async function readManifest(path: string): Promise<ListedItem[]> {
  const text = await readText(path, MOST_BYTES);
  const isCsv = extname(path).toLowerCase() === '.csv';
  const rows = isCsv ? readCsv(path, text) : readJsonLines(path, text);
  if (rows.length === 0) {
    throw new HdmError(
      'bad-file',
      path,
      'expected a row for each picture, found none',
      'Fill the list first',
    );
  }
  const items = rows.map((row) => toItem(row, dirname(path)));
  await requireFiles(path, items);
  return items;
}

function readJsonLines(path: string, text: string): Row[] {
  return text.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return [];
    const where = `${path}, line ${i + 1}`;
    return [toRow(where, parseJson(where, line))];
  });
}

function readCsv(path: string, text: string): Row[] {
  try {
    const records: { record: unknown; info: { lines: number } }[] = parse(text, {
      columns: true,
      skip_empty_lines: true,
      trim: true,
      info: true,
    });
    return records.map(({ record, info }) => toRow(`${path}, line ${info.lines}`, record));
  } catch (error) {
    if (error instanceof HdmError) throw error;
    const advice = 'The first line names the columns; a text with commas stands in double quotes';
    throw new HdmError('bad-file', path, `this is no CSV table: ${sentence(error)}`, advice, error);
  }
}

function parseJson(where: string, line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    const problem = `expected one JSON object, got ${excerpt(line)}`;
    throw new HdmError('bad-file', where, problem, 'Write one object a line, without commas between', error);
  }
}

function toRow(where: string, value: unknown): Row {
  const record = z.record(z.string(), z.unknown()).safeParse(value).data ?? {};
  const known = Object.entries(COLUMNS).flatMap(([ours, names]) => {
    const name = names.find((candidate) => isPresent(record[candidate]));
    return name === undefined ? [] : [[ours, record[name]] as const];
  });
  const { data, error } = rowSchema.safeParse(Object.fromEntries(known));
  if (data) return data;
  const column = String(error.issues[0]?.path[0] ?? 'image') as keyof Row;
  const got = Object.fromEntries(known)[column];
  const problem = `expected ${COLUMNS[column].join(' or ')}, got ${got === undefined ? 'none of them' : excerpt(JSON.stringify(got))}`;
  throw new HdmError(
    'bad-file',
    where,
    problem,
    'A row has "image" and "caption", or "file_name" and "text"',
  );
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

function toItem({ image, caption, tags, repeats }: Row, folder: string): ListedItem {
  const captions = typeof caption === 'string' ? [caption] : (caption ?? []);
  const tagText = typeof tags === 'string' ? tags : (tags ?? []).join(', ');
  const wordings = [...captions, tagText].map((text) => text.trim()).filter((text) => text !== '');
  return {
    name: image,
    picture: { kind: 'file', path: resolve(folder, image) },
    repeats,
    captionFrom: wordings.length > 0 ? 'file' : 'none',
    captions: wordings,
  };
}

async function requireFiles(manifest: string, items: readonly ListedItem[]): Promise<void> {
  const isThere = await inParallel(items.length, async (i) => {
    const { picture } = items[i]!;
    if (picture.kind !== 'file') return true;
    return stat(picture.path).then(
      () => true,
      () => false,
    );
  });
  const missing = items.filter((_, i) => !isThere[i]).map(({ name }) => name);
  if (missing.length === 0) return;
  const more = missing.length > NAMED ? ' and others' : '';
  const problem = `${missing.length} of ${items.length} pictures are not there: ${missing.slice(0, NAMED).join(', ')}${more}`;
  throw new HdmError('bad-file', manifest, problem, 'Paths count from the folder of the list');
}

function excerpt(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function sentence(error: unknown): string {
  return toHdmError(error, '').message.replace(/^: /, '').replace(/\.$/, '');
}
