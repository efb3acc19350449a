import { describe, expect, it } from 'vitest';
import {
  CAPTION_AS_WRITTEN,
  parseCaption,
  plainCaption,
  sampleCaption,
  type CaptionOptions,
} from '../../../engine/training/data/captions.ts';

const SEED = 7;

describe('parseCaption', () => {
  it.each<[text: string, keep: string[], groups: string[][]]>([
    [
      '1girl, red hair ||| smile, hat %% outdoors, sky',
      ['1girl', 'red hair'],
      [
        ['smile', 'hat'],
        ['outdoors', 'sky'],
      ],
    ],
    ['a cat, asleep', [], [['a cat', 'asleep']]],
    ['a %% b', [], [['a'], ['b']]],
    ['A cat, asleep on a sofa.$$photo ||| x$$y', ['A cat, asleep on a sofa.', 'photo'], [['x', 'y']]],
    ['kept whole |||', ['kept whole'], []],
    ['a ||| b ||| c', ['a', 'b'], [['c']]],
    [' , ,, %% %% ||| ', ['%% %%'], []],
    ['', [], []],
  ])('reads %j', (text, keep, groups) => {
    expect(parseCaption(text)).toEqual({ keep, groups });
  });
});

describe('sampleCaption', () => {
  const caption = 'keep, these ||| a, b, c %% d, e %% f';
  const options = (changed: Partial<CaptionOptions>) => ({ ...CAPTION_AS_WRITTEN, ...changed });
  const many = (changed: Partial<CaptionOptions>, wordings: string[] = [caption]) =>
    Array.from({ length: 400 }, (_, n) => sampleCaption(wordings, options(changed), SEED, n));

  it('writes what is written when nothing may change', () => {
    expect(new Set(many({}))).toEqual(new Set(['keep, these, a, b, c, d, e, f']));
    expect(plainCaption(caption)).toBe('keep, these, a, b, c, d, e, f');
    expect(plainCaption('a$$b ||| c$$d')).toBe('a, b, c, d');
  });

  it('is the same for the same seed and sample, and another for others', () => {
    const changed = { shuffleGroups: true, shuffleTags: true, dropTags: 0.3 };
    expect(many(changed)).toEqual(many(changed));
    expect(new Set(many(changed)).size).toBeGreaterThan(50);
    expect(sampleCaption([caption], options(changed), SEED + 1, 0)).not.toBe(many(changed)[0]);
  });

  it('keeps the front and the tags of a group together when groups move', () => {
    const orders = new Set(many({ shuffleGroups: true }).map((text) => text.replace('keep, these, ', '')));
    const parts = ['a, b, c', 'd, e', 'f'];
    const all = parts.flatMap((x) => parts.flatMap((y) => parts.map((z) => [x, y, z])));
    const permutations = all.filter((order) => new Set(order).size === 3).map((order) => order.join(', '));
    expect([...orders].sort()).toEqual(permutations.sort());
  });

  it('moves tags inside their groups only', () => {
    for (const text of many({ shuffleTags: true })) {
      expect(text).toMatch(/^keep, these, ([abc], ){3}([de], ){2}f$/);
    }
  });

  it('leaves out tags, groups and captions at about their rates', () => {
    const share = (texts: string[], tag: string) =>
      texts.filter((text) => text.split(', ').includes(tag)).length / 400;
    expect(share(many({ dropTags: 0.25 }), 'a')).toBeCloseTo(0.75, 1);
    const grouped = many({ dropGroups: 0.25 });
    expect(share(grouped, 'd')).toBeCloseTo(0.75, 1);
    expect(share(grouped, 'd')).toBe(share(grouped, 'e'));
    expect(share(many({ dropTags: 1, dropGroups: 1 }), 'keep')).toBe(1);
    expect(many({ dropCaption: 0.1 }).filter((text) => text === '').length / 400).toBeCloseTo(0.1, 1);
    expect(many({ dropCaption: 1 }).join('')).toBe('');
  });

  it('takes every wording', () => {
    expect(new Set(many({}, ['one', 'two', 'three']))).toEqual(new Set(['one', 'two', 'three']));
    expect(sampleCaption([], CAPTION_AS_WRITTEN, SEED, 0)).toBe('');
  });

  it.each([-0.1, 1.1, NaN])('refuses a rate of %d', (dropTags) => {
    expect(() => sampleCaption(['a'], options({ dropTags }), SEED, 0)).toThrow(
      /captions: dropTags must be from 0 to 1/,
    );
  });
});
