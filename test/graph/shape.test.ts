import { describe, expect, it } from 'vitest';
import { formatDim, multiplyDims, size } from '../../engine/graph/dim.ts';
import {
  broadcastShapes,
  count,
  elements,
  evaluateShape,
  formatShape,
  normalizeAxis,
  requireAxes,
  sameShape,
  stretchIndex,
  stridesOf,
  totalOf,
  withAxis,
} from '../../engine/graph/shape.ts';

const [b, h] = [size('b'), size('h')];

describe('shapes', () => {
  it('know their number of elements', () => {
    expect(formatDim(elements([b, 2, multiplyDims(h, 3)]))).toBe('6*b*h');
    expect(elements([])).toBe(1);
    expect(count([2, 0, 3])).toBe(0);
  });

  it('become plain numbers in a run', () => {
    expect(evaluateShape([b, multiplyDims(h, 2), 5], { b: 3, h: 4 })).toEqual([3, 8, 5]);
  });

  it('are the same when each axis is', () => {
    expect(sameShape([b, 2], [size('b'), 2])).toBe(true);
    expect(sameShape([b, 2], [b])).toBe(false);
    expect(sameShape([b, 2], [b, 1])).toBe(false);
  });

  it('are changed and added along an axis', () => {
    expect(formatShape(withAxis([b, 2, 3], 1, h))).toBe('[b, h, 3]');
    expect(formatDim(totalOf([b, h, 2, b]))).toBe('2*b + h + 2');
  });

  it('have row-major strides', () => {
    expect(stridesOf([2, 3, 4])).toEqual([12, 4, 1]);
    expect(stridesOf([])).toEqual([]);
  });
});

describe('broadcastShapes', () => {
  it.each([
    [[2, 3], [3], '[2, 3]'],
    [[1], [2, 1], '[2, 1]'],
    [[2, 1, 3], [4, 1], '[2, 4, 3]'],
    [[], [b], '[b]'],
    [[b, 1], [1, h], '[b, h]'],
    [[0, 1], [3], '[0, 3]'],
  ])('of %j and %j is what both stretch to', (left, right, both) => {
    expect(formatShape(broadcastShapes('add', left, right))).toBe(both);
    expect(formatShape(broadcastShapes('add', right, left))).toBe(both);
  });

  it('refuses axes that differ, with the place and both shapes', () => {
    expect(() => broadcastShapes('add', [2, 3], [2, 4])).toThrow(
      'add: sizes differ at axis 1: [2, 3] and [2, 4]',
    );
    expect(() => broadcastShapes('add', [b], [h])).toThrow('[b] and [h]');
    expect(() => broadcastShapes('add', [b], [2])).toThrow('[b] and [2]');
  });
});

describe('stretchIndex', () => {
  it('finds where each element comes from', () => {
    const place = stretchIndex([2, 1], [3, 2, 2]);
    expect(Array.from({ length: 12 }, (_, index) => place(index))).toEqual([
      0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1,
    ]);
  });

  it('changes nothing between equal shapes', () => {
    const place = stretchIndex([2, 3], [2, 3]);
    expect(Array.from({ length: 6 }, (_, index) => place(index))).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe('axes', () => {
  it('may be counted from the end', () => {
    expect(normalizeAxis('sum', -1, 3)).toBe(2);
    expect(normalizeAxis('sum', 0, 3)).toBe(0);
  });

  it.each([3, -4, 0.5, NaN])('must exist: %d does not', (axis) => {
    expect(() => normalizeAxis('sum', axis, 3)).toThrow(
      `sum: axis ${axis} does not exist in a tensor of 3 axes`,
    );
  });

  it('must be as many as an op asks for', () => {
    expect(() => requireAxes('upsample', [2, 3], ['channels', 'height', 'width'])).toThrow(
      'upsample: expected the axes [channels, height, width], got [2, 3]',
    );
    expect(() => requireAxes('upsample', [2, 3], ['height', 'width'])).not.toThrow();
  });
});
