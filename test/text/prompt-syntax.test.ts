import { describe, expect, it } from 'vitest';
import { HdmError } from '../../engine/errors.ts';
import { expandPrompt, wildcardNames } from '../../engine/text/prompt-syntax.ts';

const SEEDS = Array.from({ length: 300 }, (_, seed) => seed);

type Wildcards = Readonly<Record<string, readonly string[]>>;

function expand(template: string, seed = 0, wildcards: Wildcards = {}): string {
  return expandPrompt(template, { seed, wildcards: (name) => wildcards[name] });
}

/** What comes out over many seeds, and how often. */
function outcomes(template: string, wildcards: Wildcards = {}): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const seed of SEEDS) {
    const text = expand(template, seed, wildcards);
    counts[text] = (counts[text] ?? 0) + 1;
  }
  return counts;
}

function possible(template: string, wildcards: Wildcards = {}): string[] {
  return Object.keys(outcomes(template, wildcards)).sort();
}

function refusal(template: string, wildcards: Wildcards = {}, seed = 0): string {
  try {
    expand(template, seed, wildcards);
  } catch (error) {
    if (error instanceof HdmError && error.code === 'bad-usage') return error.message;
    throw error;
  }
  throw new Error('expected bad-usage, but nothing was thrown');
}

describe('a prompt without choices', () => {
  it.each([
    '',
    ' 1girl,  blue hair,\r\n\tmasterpiece ',
    'saber \\(fate\\), (best quality:1.2), [night], <lora:a:1>, 2::3',
    'a | b, |_|, ||_||, C:\\folder\\__\\_name',
    '_ __ ___ ____ >_< ^__^ snake_case __ a__ __, (__) __/a__ __a//b__ __../a__ __a/../b__',
    'one\\, \\\\ two\\',
    '東京 🎨 half \ud83c, null \0',
  ])('stays as it is: %j', (prompt) => {
    for (const seed of [0, 1, Number.MAX_SAFE_INTEGER]) expect(expand(prompt, seed)).toBe(prompt);
  });
});

describe('a choice', () => {
  it.each<[template: string, results: string[]]>([
    ['a {red|blue} cat', ['a blue cat', 'a red cat']],
    ['{a}', ['a']],
    ['{}', ['']],
    ['x{|, y}', ['x', 'x, y']],
    ['{ a | b }', [' a ', ' b ']],
    ['{a|{b|c{d|}}}', ['a', 'b', 'c', 'cd']],
    ['{a|b}{c|d}', ['ac', 'ad', 'bc', 'bd']],
    ['{(a:1.2)|[b]}', ['(a:1.2)', '[b]']],
    ['{a_b|c__d}', ['a_b', 'c__d']],
  ])('%s becomes one of its options', (template, results) => {
    expect(possible(template)).toEqual(results);
  });

  it('is made anew at every place', () => {
    expect(possible('{a|b}{a|b}')).toEqual(['aa', 'ab', 'ba', 'bb']);
  });

  it('takes every option about equally often', () => {
    for (const count of Object.values(outcomes('{a|b|c}'))) expect(Math.abs(count - 100)).toBeLessThan(30);
  });

  it('takes options as often as their weights say', () => {
    const { a, b, ' c': c } = outcomes('{3::a|b| .5:: c}');
    expect(a! + b! + c!).toBe(SEEDS.length);
    expect(a! / SEEDS.length).toBeCloseTo(3 / 4.5, 1);
    expect(b! / SEEDS.length).toBeCloseTo(1 / 4.5, 1);
    expect(possible('{0::a|b}')).toEqual(['b']);
  });

  it('reads a weight only at the beginning of an option, and only a number', () => {
    expect(possible('{a2::b|x::y|::z|1::2::c}')).toEqual(['2::c', '::z', 'a2::b', 'x::y']);
  });

  it('is the same for the same seed, on every machine', () => {
    const template = '{a|b|c|d|e|f|g|h} {1|2|3|4|5|6|7|8} __x__';
    const results = [0, 1, 2, Number.MAX_SAFE_INTEGER].map((seed) =>
      expand(template, seed, { x: ['k', 'l'] }),
    );
    expect(results).toEqual(['f 1 l', 'b 2 k', 'h 5 l', 'd 1 k']);
  });

  it('is the same when something is added after it', () => {
    for (const seed of SEEDS) expect(expand('{a|b|c} {d|e}', seed)[0]).toBe(expand('{a|b|c}', seed));
  });
});

describe('a wildcard', () => {
  it('becomes one of its lines', () => {
    const wildcards = { colour: ['red', 'blue'], 'people/old hats': ['a fedora'] };
    expect(possible('__colour__ cat', wildcards)).toEqual(['blue cat', 'red cat']);
    expect(possible('__people/old hats__', wildcards)).toEqual(['a fedora']);
    expect(possible('___colour___', wildcards)).toEqual(['_blue_', '_red_']);
  });

  it('may hold choices and wildcards, and stand in a choice', () => {
    const wildcards = { a: ['{x|__b__}', ''], b: ['y', 'z'], 色: ['青'] };
    expect(possible('{__a__|__色__}', wildcards)).toEqual(['', 'x', 'y', 'z', '青']);
  });

  it('is not asked for when its option is not taken', () => {
    expect(possible('{0::__missing__|b}')).toEqual(['b']);
  });
});

describe('a backslash', () => {
  it.each([
    ['\\{a|b\\}', '{a|b}'],
    ['{a\\|b}', 'a|b'],
    ['{\\}}', '}'],
    ['{\\{}', '{'],
    ['\\__a__', '__a__'],
    ['\\__a', '\\__a'],
    ['\\\\{x\\}', '\\{x}'],
    ['{(a\\)}', '(a\\)'],
    ['a \\| b', 'a \\| b'],
  ])('in %s gives %s', (template, text) => {
    expect(expand(template)).toBe(text);
  });
});

describe('a template that cannot be', () => {
  it.each<[template: string, says: RegExp]>([
    ['a {b|c', /^prompt, character 3: this \{ is never closed\. .*\\\{/],
    ['🎨🎨{b|{c}', /^prompt, character 3: this \{ is never closed/],
    ['a} b', /^prompt, character 2: this \} closes nothing\. .*\\\}/],
    ['{a}}', /^prompt, character 4: this \} closes nothing/],
    ['{0::a|0::b}', /^prompt, character 1: every option has the weight 0/],
    ['a __colours__', /^prompt, character 3: there is no wildcard "colours"\. .*\\__colours__/],
    ['__none__', /^prompt, character 1: the wildcard "none" has no lines/],
    ['__broken__', /^wildcard "broken", line "red \{x", character 5: this \{ is never closed/],
    ['__deep__', /^wildcard "deep", line "__lost__", character 1: there is no wildcard "lost"/],
    ['__self__', /contains itself: self → self/],
    ['__a__', /^wildcard "b", line .*: this wildcard contains itself: a → b → a/],
    [`${'{'.repeat(200)}${'}'.repeat(200)}`, /nested more than 100 deep/],
    ['{'.repeat(100_000), /nested more than 100 deep/],
    ['{a|b}'.repeat(10_001), /more than 10000 choices/],
    ['__long__', /more than 100000 characters/],
  ])('is refused (case %$)', (template, says) => {
    const wildcards = {
      none: [],
      broken: ['red {x'],
      deep: ['__lost__'],
      self: ['{__self__}'],
      a: ['__b__'],
      b: ['x __a__'],
      long: ['x'.repeat(100_001)],
    };
    expect(refusal(template, wildcards)).toMatch(says);
  });

  it('is refused when wildcards double each other, before memory is full', () => {
    const doubling = Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [`w${i}`, [`__w${i + 1}____w${i + 1}__`]]),
    );
    expect(refusal('__w0__', { ...doubling, w40: [''] })).toMatch(/more than 1\d+ (choices|characters)/);
  });

  it('is refused when wildcards lead to each other without end', () => {
    const chain = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`w${i}`, [`__w${i + 1}__`]]));
    expect(refusal('__w0__', chain)).toMatch(/nested more than 100 deep/);
  });
});

describe('wildcardNames', () => {
  it('lists each name once, from choices as well, but no protected one', () => {
    const template = '__b__ {x|__a/c__|{__b__}} \\__no__ __b__ snake__case';
    expect(wildcardNames(template)).toEqual(['b', 'a/c']);
    expect(wildcardNames('')).toEqual([]);
  });

  it('says where a brace has no partner', () => {
    expect(() => wildcardNames('a {__b__')).toThrow(/^prompt, character 3: this \{ is never closed/);
  });
});
