/** @file The part of a prompt that is being typed: what can be completed at the caret. Pure. */

/** Text from `start` to the caret. */
export interface Fragment {
  readonly kind: 'tag' | 'wildcard';
  readonly start: number;
  readonly text: string;
  /** Everything since the last comma, so a comma may follow; not a word within a sentence. */
  readonly isWhole: boolean;
}

/** Shorter ones fit too many tags. */
const SHORTEST = 2;
/** A tag of more words is rare; a sentence of more is usual. */
const MOST_WORDS = 3;
const SEPARATORS = /[,\n{}|]/g;

/** What may be completed before the caret, the better guess first: a tag of some words, then its last word. */
export function fragmentsAt(text: string, caret: number): Fragment[] {
  const before = text.slice(0, caret);
  if (/[\p{L}\p{N}_]/u.test(text[caret] ?? '')) return []; // in the middle of a word
  const wildcard = openWildcard(before);
  if (wildcard) return [wildcard];
  const from = afterLastSeparator(before);
  const segment = before.slice(from);
  const start = from + segment.length - segment.trimStart().length;
  const words = before.slice(start);
  if (words.trim().length < SHORTEST) return [];
  const last = /[^\s(]+$/.exec(words)?.[0] ?? '';
  const whole: Fragment = { kind: 'tag', start, text: words, isWhole: true };
  const word: Fragment = { kind: 'tag', start: caret - last.length, text: last, isWhole: false };
  const isTagLong = words.split(/\s+/).length <= MOST_WORDS;
  return [...(isTagLong ? [whole] : []), ...(last.length >= SHORTEST && last !== words ? [word] : [])];
}

/** Two underscores without their partner, and what follows them. */
function openWildcard(before: string): Fragment | undefined {
  const line = before.slice(before.lastIndexOf('\n') + 1);
  const marks = [...line.matchAll(/(?<!\\)__/g)];
  if (marks.length % 2 === 0) return undefined;
  const typed = line.slice(marks.at(-1)!.index + 2);
  if (!/^[\p{L}\p{N}\p{M} ._/-]*$/u.test(typed)) return undefined;
  return { kind: 'wildcard', start: before.length - typed.length - 2, text: typed, isWhole: false };
}

function afterLastSeparator(before: string): number {
  return ([...before.matchAll(SEPARATORS)].at(-1)?.index ?? -1) + 1;
}
