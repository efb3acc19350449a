import { describe, expect, it } from 'vitest';
import { SCHEDULES, sampleTimes, shiftFor } from '../../engine/sampling/schedules.ts';

const OPTIONS = { tokens: 4096 };

describe.each(Object.keys(SCHEDULES))('the %s schedule', (name) => {
  it.each([1, 2, 7, 32, 1000])('falls from 1 to 0 in %d steps', (steps) => {
    const times = sampleTimes(name, steps, OPTIONS);
    expect(times.length).toBe(steps + 1);
    expect(times[0]).toBe(1);
    expect(times[steps]).toBe(0);
    expect(times.every((t, i) => i === 0 || t < times[i - 1]!)).toBe(true);
  });

  it.each([0.05, 0.3, 1 / 3, 0.7])('begins exactly at start = %d', (start) => {
    const times = sampleTimes(name, 5, { ...OPTIONS, start });
    expect(times[0]).toBe(start);
    expect(times[5]).toBe(0);
  });

  it('with a start is the end of the full schedule', () => {
    const full = sampleTimes(name, 12, OPTIONS);
    const part = sampleTimes(name, 9, { ...OPTIONS, start: full[3]! });
    part.forEach((t, i) => expect(t).toBeCloseTo(full[i + 3]!, 14));
  });

  it.each([0, -1, 1001, 2.5, NaN, Infinity])('refuses %d steps', (steps) => {
    expect(() => sampleTimes(name, steps, OPTIONS)).toThrow(/steps must be a whole number from 1 to 1000/);
  });

  it.each([{ start: 0 }, { start: 1.5 }, { start: NaN }, { shift: 0 }, { shift: Infinity }, { tokens: -4 }])(
    'refuses %j',
    (bad) => {
      const wrong: unknown = expect.objectContaining({ code: 'bad-usage' });
      expect(() => sampleTimes(name, 4, { ...OPTIONS, ...bad })).toThrow(wrong);
    },
  );
});

describe('sampleTimes', () => {
  it('spaces uniform times evenly', () => {
    expect([...sampleTimes('uniform', 4)]).toEqual([1, 0.75, 0.5, 0.25, 0]);
    expect([...sampleTimes('uniform', 4, { start: 0.5 })]).toEqual([0.5, 0.375, 0.25, 0.125, 0]);
  });

  it('shifts times by s t / (1 + (s - 1) t)', () => {
    const expected = [1, 9 / 10, 3 / 4, 1 / 2, 0];
    sampleTimes('shifted', 4, { shift: 3 }).forEach((t, i) => expect(t).toBeCloseTo(expected[i]!, 15));
  });

  it('takes the shift from the token count when it is not given', () => {
    const times = sampleTimes('shifted', 10, { tokens: 4096 });
    expect(times).toEqual(sampleTimes('shifted', 10, { shift: 4 }));
    expect(times).toEqual(sampleTimes('shifted', 10, { shift: 4, tokens: 99 }));
  });

  it('names the schedules there are when asked for another', () => {
    expect(() => sampleTimes('karras', 10)).toThrow(/no schedule "karras".*uniform, shifted/);
    expect(() => sampleTimes('toString', 10)).toThrow(/no schedule/);
  });

  it('asks for a shift or a token count', () => {
    expect(() => sampleTimes('shifted', 10)).toThrow(/neither a shift nor a token count/);
  });
});

describe('shiftFor', () => {
  it('is the square root of tokens over 256 and never below 1', () => {
    expect([64, 256, 1024, 2304, 4096].map(shiftFor)).toEqual([1, 1, 2, 3, 4]);
  });
});
