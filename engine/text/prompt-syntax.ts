/**
 * @file Choices in prompts. `{a|b}` becomes one of its options, which may be empty, hold choices themselves, and have
 * a weight in front (`{2::a|b}`: a twice as often as b). `__name__` becomes one line of the wildcard of that name
 * (`__folder/name__` for one in a folder), which may hold choices and wildcards, too. A backslash takes the meaning
 * away: `\{`, `\}`, `\|` between braces, `\__name__`. Everything else stays as it is, brackets included.
 */
import { HdmError } from '../errors.ts';
import { uniforms } from '../sampling/noise.ts';

export interface ExpandOptions {
  /** 0 to 2^53 - 1. */
  readonly seed: number;
  /** The lines of a wildcard; undefined when there is none of that name. */
  readonly wildcards: (name: string) => readonly string[] | undefined;
}

/**
 * A prompt with its choices made: the same for the same seed, template and wildcards, on every machine. Throws
 * `bad-usage`, saying where, for a brace without its partner, a wildcard that is unknown, empty or contains itself,
 * and what grows beyond every measure.
 */
export function expandPrompt(template: string, options: ExpandOptions): string {
  return new Expansion(options).expand(template, 'prompt', []);
}

/** The template that expands to exactly this text: for a prompt whose choices are made already. */
export function literalPrompt(text: string): string {
  return text.replace(new RegExp(`[{}]|${WILDCARD.source}`, 'gu'), '\\$&');
}

/** The wildcards that a template names itself, each once. Throws `bad-usage` for a brace without its partner. */
export function wildcardNames(template: string): string[] {
  return [...new Set(namesIn(new Parser(template, 'prompt').parse()))];
}

function namesIn(nodes: readonly Node[]): string[] {
  return nodes.flatMap((node) => {
    if (node.kind === 'choice') return node.options.flatMap((option) => namesIn(option.nodes));
    return node.kind === 'wildcard' ? [node.name] : [];
  });
}

type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'wildcard'; readonly name: string; readonly where: Where }
  | { readonly kind: 'choice'; readonly options: readonly Option[]; readonly where: Where };

/** Says where something stands; only asked when it is wrong, as counting takes time. */
type Where = () => string;

interface Option {
  readonly weight: number;
  readonly nodes: readonly Node[];
}

const MOST_CHOICES = 10_000;
const MOST_CHARACTERS = 100_000;
const DEEPEST = 100;
/** Of the seed's random numbers: the first stream of prompts, far from those of pictures. */
const STREAM = 2 ** 31;

/** One prompt on its way. The k-th choice takes its random number from the k-th stream of prompts. */
class Expansion {
  readonly #options: ExpandOptions;
  #choices = 0;
  /** That came out of wildcards. */
  #characters = 0;

  constructor(options: ExpandOptions) {
    this.#options = options;
  }

  /** `inside`: the wildcards that led here. */
  expand(template: string, name: string, inside: readonly string[]): string {
    return this.#join(new Parser(template, name).parse(), inside);
  }

  #join(nodes: readonly Node[], inside: readonly string[]): string {
    return nodes
      .map((node) => {
        if (node.kind === 'text') return node.text;
        if (node.kind === 'wildcard') return this.#wildcard(node.name, node.where, inside);
        return this.#join(pick(node.options, this.#random(node.where)).nodes, inside);
      })
      .join('');
  }

  #wildcard(name: string, where: Where, inside: readonly string[]): string {
    const path = [...inside, name];
    if (inside.includes(name)) {
      throw refusal(where, `this wildcard contains itself: ${path.join(' → ')}`, 'Change one of their files');
    }
    if (path.length > DEEPEST) throw refusal(where, `wildcards are nested more than ${DEEPEST} deep`);
    const lines = this.#options.wildcards(name);
    if (!lines) {
      const advice = `Add a file of that name to the wildcards, or write \\__${name}__ for these letters`;
      throw refusal(where, `there is no wildcard "${name}"`, advice);
    }
    if (lines.length === 0) throw refusal(where, `the wildcard "${name}" has no lines`, 'Write some into it');
    const line = lines[Math.floor(this.#random(where) * lines.length)]!;
    this.#characters += line.length;
    if (this.#characters > MOST_CHARACTERS) {
      throw refusal(where, `wildcards put more than ${MOST_CHARACTERS} characters into the prompt`);
    }
    return this.expand(line, `wildcard "${name}", line "${shortened(line)}"`, path);
  }

  /** 0 to less than 1. */
  #random(where: Where): number {
    if (this.#choices === MOST_CHOICES)
      throw refusal(where, `more than ${MOST_CHOICES} choices are to be made`);
    return uniforms(this.#options.seed, STREAM + this.#choices++, 1)[0]!;
  }
}

function pick(options: readonly Option[], random: number): Option {
  const possible = options.filter(({ weight }) => weight > 0);
  let rest = random * possible.reduce((sum, { weight }) => sum + weight, 0);
  return possible.find(({ weight }) => (rest -= weight) < 0) ?? possible.at(-1)!;
}

/** Letters and digits at the beginning of each part, so that no name leads out of a folder. */
const WILDCARD = /__([\p{L}\p{N}](?:(?!__)[\p{L}\p{N}\p{M} ._-]|\/(?=[\p{L}\p{N}]))*)__/uy;
const WEIGHT = /\s*(\d{1,9}(?:\.\d{1,9})?|\.\d{1,9})::/y;
const PLAIN = /[^\\{}|_]+/y;

class Parser {
  readonly #text: string;
  readonly #name: string;
  #at = 0;

  constructor(text: string, name: string) {
    this.#text = text;
    this.#name = name;
  }

  parse(): Node[] {
    const nodes = this.#nodes(0);
    if (this.#at === this.#text.length) return nodes;
    throw refusal(this.#here(), 'this } closes nothing', 'Write { before it, or \\} for the sign itself');
  }

  /** Up to the end, or the first | or } of the braces around. */
  #nodes(depth: number): Node[] {
    const nodes: Node[] = [];
    while (this.#at < this.#text.length && !this.#isEnd(depth)) nodes.push(this.#node(depth));
    return nodes;
  }

  #isEnd(depth: number): boolean {
    const sign = this.#text[this.#at];
    return sign === '}' || (sign === '|' && depth > 0);
  }

  #node(depth: number): Node {
    const where = this.#here();
    if (this.#text[this.#at] === '{') return this.#choice(depth + 1, where);
    const name = this.#take(WILDCARD)?.[1];
    if (name !== undefined) return { kind: 'wildcard', name, where };
    return { kind: 'text', text: this.#take(PLAIN)?.[0] ?? this.#escaped(depth) ?? this.#sign() };
  }

  #choice(depth: number, where: Where): Node {
    if (depth > DEEPEST) throw refusal(where, `braces are nested more than ${DEEPEST} deep`);
    const options: Option[] = [];
    do {
      this.#at++; // the { or | before
      const weight = Number(this.#take(WEIGHT)?.[1] ?? 1);
      options.push({ weight, nodes: this.#nodes(depth) });
    } while (this.#text[this.#at] === '|');
    if (this.#text[this.#at] !== '}') {
      throw refusal(where, 'this { is never closed', 'Write } after its options, or \\{ for the sign itself');
    }
    this.#at++;
    if (options.every(({ weight }) => weight === 0)) {
      throw refusal(where, 'every option has the weight 0', 'Give one of them a larger weight');
    }
    return { kind: 'choice', options, where };
  }

  /** What a backslash protects here; undefined when it is just a backslash. */
  #escaped(depth: number): string | undefined {
    if (this.#text[this.#at] !== '\\') return undefined;
    const start = this.#at++;
    const wildcard = this.#take(WILDCARD)?.[0];
    if (wildcard !== undefined) return wildcard;
    const next = this.#text[this.#at];
    if (next === '{' || next === '}' || (next === '|' && depth > 0)) return this.#sign();
    this.#at = start;
    return undefined;
  }

  #sign(): string {
    return this.#text[this.#at++]!;
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (!match) return undefined;
    this.#at = pattern.lastIndex;
    return match;
  }

  #here(): Where {
    const at = this.#at;
    return () => `${this.#name}, character ${[...this.#text.slice(0, at)].length + 1}`;
  }
}

function shortened(line: string): string {
  return line.length <= 40 ? line : `${line.slice(0, 40)}…`;
}

function refusal(where: Where, problem: string, advice = 'Make it simpler'): HdmError {
  return new HdmError('bad-usage', where(), problem, advice);
}
