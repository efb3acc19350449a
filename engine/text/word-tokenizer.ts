/**
 * @file A tokenizer made from texts: their most frequent words, and single characters for all others. For text
 * encoders that are trained from nothing, whose words are then few and whole. Written as `tokenizer.json` (WordPiece).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HdmError, toHdmError } from '../errors.ts';

const [PADDING, UNKNOWN] = ['[PAD]', '[UNK]'];
/** Before characters that do not begin a word. */
const INSIDE = '##';

/** Writes the tokenizer of at most `size` tokens into a folder. Throws `bad-usage` when not even all characters fit. */
export function writeWordTokenizer(folder: string, texts: Iterable<string>, size: number): void {
  const words = countWords(texts);
  const vocabulary = vocabularyOf(words, size);
  const special = [PADDING, UNKNOWN].map((content, id) => ({
    id,
    content,
    special: true,
    normalized: false,
    single_word: false,
    lstrip: false,
    rstrip: false,
  }));
  const tokenizer = {
    version: '1.0',
    added_tokens: special,
    normalizer: { type: 'BertNormalizer', lowercase: true, strip_accents: false, clean_text: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: null,
    decoder: { type: 'WordPiece', prefix: INSIDE, cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: UNKNOWN,
      continuing_subword_prefix: INSIDE,
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
    },
  };
  const config = { tokenizer_class: 'PreTrainedTokenizer', pad_token: PADDING, unk_token: UNKNOWN };
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
    writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify(config));
  } catch (error) {
    throw toHdmError(error, folder, 'disk');
  }
}

function vocabularyOf(words: ReadonlyMap<string, number>, size: number): string[] {
  const characters = [...new Set([...words.keys()].flatMap((word) => [...word]))].sort();
  const pieces = [PADDING, UNKNOWN, ...characters, ...characters.map((character) => INSIDE + character)];
  if (pieces.length > size) {
    const problem = `the texts have ${characters.length} characters, which need ${pieces.length} tokens of ${size}`;
    throw new HdmError('bad-usage', 'tokenizer', problem, 'Give the text encoder a larger vocab_size');
  }
  const frequent = [...words]
    .filter(([word]) => [...word].length > 1)
    .sort(([a, timesA], [b, timesB]) => timesB - timesA || (a < b ? -1 : 1))
    .map(([word]) => word);
  return [...pieces, ...frequent].slice(0, size);
}

/** Words and punctuation, as the pre-tokenizer splits them. */
function countWords(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    const words = text.toLowerCase().match(/[\p{L}\p{N}\p{M}]+|[^\s\p{L}\p{N}\p{M}]/gu) ?? [];
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}
