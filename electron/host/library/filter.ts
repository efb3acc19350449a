/** @file What a person asks of the library, as SQL: only values that are bound, never text in the statement. */
import { HdmError } from '../../../engine/errors.ts';
import type { PictureFilter } from '../../contract.ts';

/** A part of a WHERE clause with what stands for its question marks. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

/** SQLite's index of words holds three characters at a time; it cannot find less. */
const INDEXED_LENGTH = 3;
const MAX_WORDS = 50;
const MAX_SEARCH_LENGTH = 2_000;

/** The pictures that a filter lets through. Throws `bad-usage` for a search that is too long. */
export function filterCondition(filter: PictureFilter): Condition {
  const { isDeleted = false, isStarred, folder, modelName, tag, search = '' } = filter;
  const conditions: Condition[] = [
    { sql: isDeleted ? 'deleted_at IS NOT NULL' : 'deleted_at IS NULL', values: [] },
    ...(isStarred === undefined ? [] : [{ sql: 'is_starred = ?', values: [Number(isStarred)] }]),
    ...(folder === undefined ? [] : [{ sql: 'folder = ?', values: [folder] }]),
    ...(modelName === undefined ? [] : [{ sql: 'model_name = ?', values: [modelName] }]),
    ...(tag === undefined
      ? []
      : [{ sql: 'number IN (SELECT picture FROM picture_tags WHERE tag = ?)', values: [tag] }]),
    ...searchConditions(searchWords(search)),
  ];
  return {
    sql: conditions.map(({ sql }) => sql).join(' AND '),
    values: conditions.flatMap(({ values }) => values),
  };
}

/** The different words of a search. Throws `bad-usage` when there are too many. */
export function searchWords(search: string): string[] {
  // SQLite ends a text at a zero character.
  const words = [...new Set(search.split(/[\s\0]+/).filter(Boolean))];
  if (words.length <= MAX_WORDS && search.length <= MAX_SEARCH_LENGTH) return words;
  const problem = `expected at most ${MAX_WORDS} words and ${MAX_SEARCH_LENGTH} characters`;
  throw new HdmError('bad-usage', 'search', problem, 'Search for fewer words');
}

/** A text for LIKE that finds `word` anywhere, whatever characters it has; goes with `ESCAPE '\'`. */
export function anywhere(word: string): string {
  return `%${word.replace(/[\\%_]/g, '\\$&')}%`;
}

function searchConditions(words: readonly string[]): Condition[] {
  const isIndexed = (word: string): boolean => [...word].length >= INDEXED_LENGTH;
  const indexed = words.filter(isIndexed);
  return [
    ...(indexed.length === 0 ? [] : [indexedCondition(indexed)]),
    ...words.filter((word) => !isIndexed(word)).map(shortCondition),
  ];
}

function indexedCondition(words: readonly string[]): Condition {
  const query = words.map((word) => `"${word.replaceAll('"', '""')}"`).join(' AND ');
  const sql = 'number IN (SELECT rowid FROM picture_words WHERE picture_words MATCH ?)';
  return { sql, values: [query] };
}

function shortCondition(word: string): Condition {
  const pattern = anywhere(word);
  const sql = `(prompt LIKE ? ESCAPE '\\' OR negative_prompt LIKE ? ESCAPE '\\')`;
  return { sql, values: [pattern, pattern] };
}
