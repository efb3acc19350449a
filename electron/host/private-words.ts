/**
 * @file Keeps what people write in prompts out of texts that leave the computer. Log lines and errors may name
 * pictures, whose file names begin with words of the prompt, or repeat a prompt; so every word that occurs in any
 * prompt here is hidden, unless it is too common to tell anything.
 */
import { homedir, userInfo } from 'node:os';
import type { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';

const HIDDEN = '▒▒▒';
const PAGE = 2_000;
const SHORTEST = 3;

/** Every word in the prompts of a studio. */
export class PrivateWords {
  readonly #words = new Set<string>();
  /** Neighbours in texts of scripts that put no space between words. */
  readonly #pairs = new Set<string>();

  add(text: string): void {
    for (const [word] of text.normalize('NFC').toLowerCase().matchAll(WORD)) {
      if (UNSPACED.test(word)) pairsOf(word).forEach((pair) => this.#pairs.add(pair));
      else if (!isPlain(word)) this.#words.add(word);
    }
  }

  /** The text with every such word hidden, and names of pictures as a whole. */
  hide(text: string): string {
    const readable = decodeEscapes(text).normalize('NFC').replaceAll(PICTURE_NAME, `${HIDDEN}.$1`);
    return readable.replaceAll(WORD, (word) => (this.#has(word.toLowerCase()) ? HIDDEN : word));
  }

  #has(word: string): boolean {
    if (UNSPACED.test(word)) return pairsOf(word).some((pair) => this.#pairs.has(pair));
    return this.#words.has(word);
  }
}

/** Reads the prompts, tags and folders of everything that was drawn, queued or typed here. */
export async function privateWords(database: DatabaseSync): Promise<PrivateWords> {
  const words = new PrivateWords();
  for (const query of QUERIES) {
    for (const row of database.prepare(query).all()) {
      for (const value of Object.values(row)) addValue(words, value);
    }
  }
  const page = database.prepare(PICTURES);
  for (let last = 0; ;) {
    const rows = page.all(last, PAGE);
    for (const { prompt, negative_prompt: negative } of rows)
      words.add(`${String(prompt)} ${String(negative)}`);
    if (rows.length < PAGE) return words;
    last = rows.at(-1)!['number'] as number;
    await setImmediate(); // a large library must not hold up a window
  }
}

/** The text without the name of the person and their folder. */
export function withoutPerson(text: string): string {
  const home = homedir();
  const username = userName();
  const plain = text.replaceAll(home, '~').replaceAll(JSON.stringify(home).slice(1, -1), '~');
  const isTelling = username.length >= SHORTEST && !PLAIN.has(username.toLowerCase());
  return isTelling
    ? plain.replaceAll(new RegExp(`(?<![\\w])${RegExp.escape(username)}(?![\\w])`, 'g'), 'user')
    : plain;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return ''; // a service may run as a user who has no entry in the system's list
  }
}

const WORD = /[\p{L}\p{N}\p{M}]+/gu;
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const PICTURE_NAME = /[^\s"'<>|/\\]{0,255}\.(png|webp|jpe?g)\b/giu;

/** Jobs and grids hold drawings as JSON; what the window keeps for its form is in `workspace`. */
const QUERIES = [
  'SELECT prompt, negative_prompt, drawing FROM jobs',
  'SELECT drawing, x, y FROM grids',
  'SELECT prompt FROM prompts',
  'SELECT DISTINCT folder FROM pictures',
  'SELECT DISTINCT tag FROM picture_tags',
  'SELECT name FROM folders',
  `SELECT value FROM settings WHERE key = 'workspace'`,
];
const PICTURES =
  'SELECT number, prompt, negative_prompt FROM pictures WHERE number > ? ORDER BY number LIMIT ?';

/** Of JSON, the texts that a person may have written: those with a space or of prompts, never the keys. */
function addValue(words: PrivateWords, value: unknown): void {
  if (typeof value !== 'string') return;
  const json = parsed(value);
  if (json === undefined) words.add(value);
  else textsIn(json).forEach((text) => words.add(text));
}

/** Objects and lists alone: a prompt may well be a number. */
function parsed(text: string): object | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as object;
  } catch {
    return undefined; // a prompt that begins with a bracket
  }
}

/** Keys of what a person does not write, but chooses. */
const CHOSEN = ['modelId', 'sampler', 'name', 'setting', 'kind', 'id'];

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => (CHOSEN.includes(key) ? [] : textsIn(inner)));
}

function pairsOf(word: string): string[] {
  const characters = [...word];
  if (characters.length === 1) return [word];
  return characters.slice(1).map((character, index) => `${characters[index]}${character}`);
}

/** `%E7%8B%90` of addresses and `\u72d0` of JSON. */
function decodeEscapes(text: string): string {
  const plain = text.replaceAll(/\\u([\da-f]{4})/gi, (_all, code: string) =>
    String.fromCharCode(parseInt(code, 16)),
  );
  return plain.replaceAll(/(?:%[\da-f]{2})+/gi, (escaped) => {
    try {
      return decodeURIComponent(escaped);
    } catch {
      return escaped; // no text, so no words
    }
  });
}

function isPlain(word: string): boolean {
  return (word.length < SHORTEST && /^[a-z\d]+$/.test(word)) || /^\d{1,4}$/.test(word) || PLAIN.has(word);
}

/** Words that stand in the studio's own messages, and are too common to tell what somebody drew. */
const PLAIN = new Set(
  `about above absent adapter address advice after again against all also and another any are array asked at auto
  background bad because been before begin below beside between both bottom but byte bytes cannot check choose close
  closed code column command connect connection console copy core count cpu cuda damaged data database deleted denied
  device disk does done drive driver each edge empty encoder end ended engine error even every exit expected fail
  failed file files finished first float folder for found free from full function get gives gone gpu graph had half has
  have help high host hdm html http https idle image images import index info input inside install internal into its
  job json kept kill killed large last left less level line list loaded local lock log long lost lost made main make
  many map memory message missing model models module more most must name native network new next nobody node none not
  nothing null number numbers object off old once one only onnx open out over own page part parts path permission
  picture pictures pipe place please port problem process program prompt queue quick range read ready refused release
  removed request restarting result right root row run running runtime same save seconds see send server session set
  settings shape short signal since size slow small space stack start started state step steps still stopped stream
  string studio such system take taken task tell tensor test text than that the their them then there these they thing
  this those thread time times title tokenizer too top total tried try type undefined under unknown until update upload
  usage use used user vae value version very wait want warning was way webgpu weight weights were what when where which
  while who why width window windows with without word work worker write wrong you your zero`.split(/\s+/),
);
