import { describe, expect, it } from 'vitest';
import type { Picture } from '../../electron/contract.ts';
import { geometryOf, placeAfter } from '../../renderer/features/library/geometry.ts';
import { matches } from '../../renderer/features/library/matches.ts';

describe('the squares of the grid', () => {
  it.each([280, 700, 956, 1850, 3400])('fill a width of %i to a few pixels, whatever their size', (width) => {
    for (const size of [96, 176, 352]) {
      const { columns, side } = geometryOf(width, size);
      const left = width - 2 * 16 - columns * side - (columns - 1) * 8;
      expect(left).toBeGreaterThanOrEqual(0);
      expect(left).toBeLessThan(columns);
    }
  });

  it('are there even in a pane without width', () => {
    expect(geometryOf(0, 176).columns).toBe(1);
  });
});

describe('a key in a grid of 5 columns with 13 pictures', () => {
  const from = (index: number) => ({ index, columns: 5, total: 13, rows: 2 });

  it.each([
    ['ArrowRight', 4, 5],
    ['ArrowLeft', 0, 0],
    ['ArrowDown', 2, 7],
    ['ArrowDown', 8, 12],
    ['ArrowDown', 11, 11],
    ['ArrowUp', 7, 2],
    ['ArrowUp', 3, 3],
    ['PageDown', 1, 11],
    ['PageDown', 4, 12],
    ['PageUp', 12, 2],
    ['PageUp', 7, 2],
    ['Home', 8, 5],
    ['End', 6, 9],
    ['End', 11, 12],
  ])('%s leads from %i to %i', (key, index, expected) => {
    expect(placeAfter(key, false, from(index))).toBe(expected);
  });

  it('leads to the very first and last with Ctrl', () => {
    expect(placeAfter('Home', true, from(7))).toBe(0);
    expect(placeAfter('End', true, from(7))).toBe(12);
  });

  it('that is no arrow leads nowhere', () => {
    expect(placeAfter('x', false, from(7))).toBeUndefined();
  });
});

describe('a new picture', () => {
  const picture: Picture = {
    id: 'p1',
    createdAt: 0,
    fileName: 'p1.png',
    width: 256,
    height: 256,
    prompt: 'A red House in the snow',
    negativePrompt: 'blurry',
    seed: 1,
    modelName: 'bootstrap',
    isStarred: false,
    tags: [],
    url: '/files/pictures/p1/p1.png',
    thumbnail: '/files/thumbnails/p1.webp',
  };

  it.each([
    [{}, true],
    [{ search: 'house RED' }, true],
    [{ search: 'blur' }, true],
    [{ search: 'house tree' }, false],
    [{ isStarred: true }, false],
    [{ folder: 'Sea' }, false],
    [{ tag: 'keep' }, false],
    [{ modelName: 'bootstrap' }, true],
    [{ modelName: 'another' }, false],
    [{ isDeleted: true }, false],
  ])('under the filter %j is in the list: %s', (filter, isListed) => {
    expect(matches(filter, picture)).toBe(isListed);
  });
});
