import { describe, expect, it } from 'vitest';
import {
  addDims,
  divideDims,
  evaluateDim,
  formatDim,
  multiplyDims,
  namesIn,
  sameDim,
  size,
  subtractDims,
} from '../../engine/graph/dim.ts';

const [h, w, l] = [size('h'), size('w'), size('l')];

describe('sizes', () => {
  it('of plain numbers stay plain numbers', () => {
    expect(addDims(2, 3)).toBe(5);
    expect(subtractDims(2, 3)).toBe(-1);
    expect(multiplyDims(2, 3)).toBe(6);
    expect(divideDims(6, 3)).toBe(2);
  });

  it('become plain numbers again when the names cancel', () => {
    expect(subtractDims(addDims(h, 3), h)).toBe(3);
    expect(subtractDims(h, h)).toBe(0);
    expect(multiplyDims(h, 0)).toBe(0);
  });

  it('are the same however they were made', () => {
    expect(sameDim(multiplyDims(h, w), multiplyDims(w, h))).toBe(true);
    expect(sameDim(addDims(multiplyDims(h, w), l), addDims(l, multiplyDims(w, h)))).toBe(true);
    const product = multiplyDims(addDims(h, 1), subtractDims(h, 1));
    expect(sameDim(product, subtractDims(multiplyDims(h, h), 1))).toBe(true);
  });

  it('differ when a name or a number differs', () => {
    expect(sameDim(h, w)).toBe(false);
    expect(sameDim(h, 1)).toBe(false);
    expect(sameDim(multiplyDims(h, 2), h)).toBe(false);
    expect(sameDim(multiplyDims(h, h), h)).toBe(false);
  });

  it('are read as products, then names, then numbers', () => {
    expect(formatDim(addDims(addDims(l, 7), multiplyDims(w, h)))).toBe('h*w + l + 7');
    expect(formatDim(addDims(multiplyDims(h, 2), -3))).toBe('2*h - 3');
    expect(formatDim(addDims(w, h))).toBe('h + w');
    expect(formatDim(12)).toBe('12');
  });

  it('have a value in each run', () => {
    const dim = addDims(multiplyDims(multiplyDims(h, w), 4), subtractDims(l, 1));
    expect(evaluateDim(dim, { h: 2, w: 3, l: 10 })).toBe(33);
    expect(evaluateDim(5, {})).toBe(5);
  });

  it('without a value in a run are an error that names them', () => {
    expect(() => evaluateDim(addDims(h, l), { h: 1 })).toThrow('size: "l" has no value in this run');
  });

  it('divide only where nothing is left over for any value', () => {
    expect(formatDim(divideDims(addDims(multiplyDims(h, 4), 6), 2))).toBe('2*h + 3');
    expect(() => divideDims(h, 2)).toThrow('size: h is not a multiple of 2. Declare the size as a multiple');
    expect(() => divideDims(7, 2)).toThrow('7 is not a multiple of 2');
  });

  it('tell their names, each once', () => {
    expect(namesIn(addDims(multiplyDims(h, w), addDims(h, 3)))).toEqual(['h', 'w']);
    expect(namesIn(3)).toEqual([]);
  });
});
