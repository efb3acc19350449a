import { describe, expect, it } from 'vitest';
import { Columns, MOST_ROWS } from '../../electron/host/training/columns.ts';
import { Pace } from '../../electron/host/training/pace.ts';
import { Gate } from '../../engine/training/run/gate.ts';
import type { StepEvent } from '../../engine/training/run/events.ts';
import { stepOf } from './training-fixture.ts';

function columnsOf(steps: number): Columns {
  const columns = new Columns();
  for (let step = 1; step <= steps; step++) columns.add(stepOf(step, { loss: step % 2 }) as StepEvent);
  return columns;
}

describe('the steps of a run as columns', () => {
  it('are as they were while they are few', () => {
    const { step, loss, imagesPerSecond, waited } = columnsOf(3).rows();
    expect({ step, loss, imagesPerSecond, waited }).toEqual({
      ...{ step: [1, 2, 3], loss: [1, 0, 1], imagesPerSecond: [20, 20, 20], waited: [0.1, 0.1, 0.1] },
    });
  });

  it('are few rows when they are many, quickly, and none of the range is lost', () => {
    const columns = columnsOf(300_000);
    const start = performance.now();
    const { step, loss, low, high } = columns.rows();
    expect(performance.now() - start).toBeLessThan(500);
    expect(step.length).toBeLessThanOrEqual(MOST_ROWS);
    expect(step.at(-1)).toBe(300_000);
    expect(loss[7]).toBeCloseTo(0.5, 1);
    expect([Math.min(...low), Math.max(...high)]).toEqual([0, 1]);
  });

  it('forget what is done again, and have no norm where there was no number', () => {
    const columns = columnsOf(10);
    columns.cut(8);
    columns.add(stepOf(8, { norm: null }) as StepEvent);
    expect(columns.rows(5)).toMatchObject({ step: [6, 7, 8], norm: [1, 1, null] });
  });
});

describe('the pace', () => {
  it('is not guessed from a few steps, and leaves pauses out', () => {
    const pace = new Pace();
    for (let step = 1; step < 5; step++) pace.add(stepOf(step));
    expect(pace.secondsPerStep).toBeUndefined();
    pace.add({ kind: 'phase', phase: 'paused', step: 5, at: 500 });
    for (let step = 6; step < 12; step++) pace.add(stepOf(step, { stepMs: 80 }));
    expect(pace.secondsPerStep).toEqual({ low: 0.08, high: 0.1 });
  });
});

describe('the gate between two steps', () => {
  it('lets pass while it is open, holds while it is closed, and tells which it was', async () => {
    const gate = new Gate();
    await gate.pass();
    const closed = gate.close();
    let isThrough = false;
    const passing = gate.pass().then(() => (isThrough = true));
    expect(await closed).toBe(true);
    expect(isThrough).toBe(false);
    gate.open();
    await passing;
    const again = gate.close();
    gate.open();
    expect(await again).toBe(false);
  });
});
