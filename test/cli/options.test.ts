import { describe, expect, it } from 'vitest';
import { toAdapters, toInterval, toRatio } from '../../engine/cli/options.ts';

describe('--adapter', () => {
  it.each([
    ['style.safetensors', 'style.safetensors', 1],
    ['style.safetensors:0.5', 'style.safetensors', 0.5],
    ['style.safetensors:-1', 'style.safetensors', -1],
    ['style.safetensors:0', 'style.safetensors', 0],
    ['style:1e-1', 'style', 0.1],
    ['C:\\loras\\style.safetensors', 'C:\\loras\\style.safetensors', 1],
    ['C:\\loras\\style.safetensors:0.5', 'C:\\loras\\style.safetensors', 0.5],
    ['C:/loras/style.safetensors:2', 'C:/loras/style.safetensors', 2],
    ['a:b/style.safetensors', 'a:b/style.safetensors', 1],
  ])('%s names a file and its strength', (text, path, strength) => {
    expect(toAdapters(text)).toEqual([{ path, strength }]);
  });

  it.each(['style.safetensors:', 'style.safetensors:0,5', 'style.safetensors:NaN', 'a.safetensors:Infinity'])(
    '%s is refused, as its strength is no number',
    (text) => {
      expect(() => toAdapters(text)).toThrow('expected a number');
    },
  );

  it('collects one after the other', () => {
    expect(toAdapters('b.safetensors', toAdapters('a.safetensors:2'))).toEqual([
      { path: 'a.safetensors', strength: 2 },
      { path: 'b.safetensors', strength: 1 },
    ]);
  });
});

describe('pairs', () => {
  it('are read from text', () => {
    expect(toRatio('3:2')).toBe(1.5);
    expect(toInterval('0.2:0.9')).toEqual([0.2, 0.9]);
  });

  it.each(['', ':', '3', '3:', '3:2:1', '3::2', 'a:b', '-3:2', 'NaN:1', '1:Infinity'])(
    '%j is no ratio',
    (text) => {
      expect(() => toRatio(text)).toThrow();
    },
  );
});
