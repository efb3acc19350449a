import { describe, expect, it } from 'vitest';
import { fragmentsAt } from '../../renderer/features/create/fragment.ts';

/** The caret stands at the bar. */
function textsAt(marked: string): string[] {
  const caret = marked.indexOf('¦');
  return fragmentsAt(marked.replace('¦', ''), caret).map(({ kind, text }) => `${kind}:${text}`);
}

describe('what can be completed', () => {
  it('is the tag since the last comma, then its last word', () => {
    expect(textsAt('1girl, long ha¦')).toEqual(['tag:long ha', 'tag:ha']);
  });

  it('is the last word alone in a sentence', () => {
    expect(textsAt('a girl with long ha¦')).toEqual(['tag:ha']);
  });

  it('ends at braces, bars and line ends', () => {
    expect(textsAt('{red|blu¦')).toEqual(['tag:blu']);
    expect(textsAt('a cat\nsun¦')).toEqual(['tag:sun']);
  });

  it('is nothing for one letter, within a word, or after a comma', () => {
    expect(textsAt('a¦')).toEqual([]);
    expect(textsAt('lon¦g hair')).toEqual([]);
    expect(textsAt('1girl, ¦')).toEqual([]);
  });

  it('is a wildcard after two underscores', () => {
    expect(textsAt('a __style/li¦')).toEqual(['wildcard:style/li']);
    expect(textsAt('__¦')).toEqual(['wildcard:']);
  });

  it('is no wildcard behind a closed one or a backslash', () => {
    expect(textsAt('__animals__ in a fie¦')).toEqual(['tag:fie']);
    expect(textsAt('a \\__sty¦').some((text) => text.startsWith('wildcard'))).toBe(false);
  });

  it('says where it begins, and whether it is a whole tag', () => {
    expect(fragmentsAt('1girl, long ha', 14)).toMatchObject([
      { start: 7, isWhole: true },
      { start: 12, isWhole: false },
    ]);
  });
});
