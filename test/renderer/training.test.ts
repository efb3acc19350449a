import { describe, expect, it } from 'vitest';
import type { DatasetReport, RunHistory, Score, StepColumns } from '../../electron/contract.ts';
import { electricityOf, secondsOf } from '../../renderer/features/train/costs.ts';
import { extended } from '../../renderer/features/train/extended.ts';
import { strips } from '../../renderer/features/train/film-strip.ts';
import { findingsOf } from '../../renderer/features/train/report-findings.ts';
import { cameraError, propertiesOf, sharesOf } from '../../renderer/features/train/scores.ts';
import { smoothed } from '../../renderer/features/train/smoothing.ts';

describe('smoothing', () => {
  it('leaves a straight line and the mean where they are, and lags behind nothing', () => {
    for (const value of smoothed([3, 3, 3, 3], 5)) expect(value).toBeCloseTo(3, 12);
    const edge = smoothed([...Array<number>(50).fill(0), ...Array<number>(50).fill(1)], 5);
    expect(edge[49]! + edge[50]!).toBeCloseTo(1, 6);
    expect(edge[49]!).toBeLessThan(edge[50]!);
    expect(smoothed([1, 2, 4], 0)).toEqual([1, 2, 4]);
  });

  it('takes noise away', () => {
    const noisy = Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 1 : -1));
    expect(Math.max(...smoothed(noisy, 10).slice(20, 180).map(Math.abs))).toBeLessThan(0.1);
  });
});

function stepsOf(...step: number[]): StepColumns {
  const names = ['loss', 'low', 'high', 'norm', 'learningRate', 'imagesPerSecond', 'memoryBytes', 'waited'];
  return Object.fromEntries([['step', step], ...names.map((name) => [name, step])]) as never;
}

function historyOf(...step: number[]): RunHistory {
  return {
    ...{ runId: 'a', isWhole: false, steps: stepsOf(...step) },
    validations: step.map((at) => ({ step: at, loss: 1, bands: [] })),
    samples: step.map((at) => ({ step: at, prompt: 'p', seed: 0, url: `/${at}` })),
    log: step.map((at) => ({ kind: 'removed', at, step: at, folder: String(at) })),
  };
}

describe('what a run told since', () => {
  it('is added once, whatever of it was known', () => {
    const whole = extended(historyOf(1, 2, 3), historyOf(3, 4));
    expect(whole.steps).toEqual(stepsOf(1, 2, 3, 4));
    for (const list of [whole.validations, whole.samples, whole.log]) {
      expect(list.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    }
  });
});

describe('costs', () => {
  it('are those of every stage, and of the person’s own electricity', () => {
    const stage = { trains: 'denoiser', batch: 1, size: 64, learningRate: 1 } as const;
    const seconds = secondsOf(
      {
        ...{ device: 'cpu', memoryBytes: 1, diskBytes: 1, freeBytes: 1 },
        stages: [
          { low: 1, high: 2 },
          { low: 3, high: 4 },
        ],
      },
      {
        stages: [
          { ...stage, steps: 10 },
          { ...stage, steps: 100 },
        ],
        ...{ prompts: [], sampleEvery: 1, saveEvery: 1, seed: 0 },
      },
    );
    expect(seconds).toEqual({ low: 310, high: 420 });
    const { kwh, money } = electricityOf(7200, { watts: 250, price: 0.3, currency: '€' });
    expect(kwh).toBeCloseTo(0.5);
    expect(money).toBeCloseTo(0.15);
  });
});

describe('the film strip', () => {
  it('has a row for each prompt, by step, and keeps the last of many', () => {
    const samples = Array.from({ length: 200 }, (_, i) => ({
      step: i,
      prompt: i % 2 ? 'b' : 'a',
      seed: 0,
      url: `${i}`,
    }));
    const [a, b] = strips(samples.toReversed());
    expect([a!.prompt, b!.prompt]).toEqual(['b', 'a']);
    expect(a!.frames.length).toBeLessThanOrEqual(48);
    expect(a!.frames.at(-1)!.step).toBe(199);
    expect(a!.frames[0]!.step).toBeLessThan(10);
  });
});

describe('the findings of a report', () => {
  it('are those that there are, the worst first', () => {
    const report = {
      refused: [{ name: 'a', reason: 'a: broken' }],
      enlarged: ['b'],
      duplicates: [['c', 'd']],
      captions: { missing: [], duplicates: [{ name: 'x', count: 2 }] },
      traits: { isAnimated: [] },
    } as unknown as DatasetReport;
    expect(findingsOf(report)).toEqual([
      { name: 'refused', items: ['a: broken'] },
      { name: 'duplicates', items: ['c = d'] },
      { name: 'enlarged', items: ['b'] },
      { name: 'same', items: ['2 × x'] },
    ]);
  });
});

describe('a score', () => {
  const half = { right: 12, of: 24 };
  const category = { all: half, properties: { color: { right: 18, of: 24 } } };
  const score: Score = {
    ...{ step: 10, scoredAt: 0, device: 'cpu' },
    categories: {
      ...{ one: category, small: category, two: { ...category, properties: { relation: half } } },
      world: { all: { right: 0, of: 0 }, properties: {} },
    },
    camera: { x: 0.9, y: 1.3, zoom: null },
  };

  it('is shares of what was asked for', () => {
    expect(sharesOf(score)).toEqual([0.5, 0.5, 0.5, 0]);
  });

  it('names each property once, with nothing where nothing was said of it', () => {
    expect(propertiesOf(score)).toEqual([
      { name: 'color', shares: [0.75, 0.75, undefined, undefined] },
      { name: 'relation', shares: [undefined, undefined, 0.5, undefined] },
    ]);
  });

  it('tells how far the camera is off, too much as well as too little, where that could be seen', () => {
    expect(cameraError(score)).toBeCloseTo(0.2);
    expect(cameraError({ ...score, camera: { x: null, y: null, zoom: null } })).toBeUndefined();
  });
});
