import { describe, expect, it } from 'vitest';
import {
  evaluations,
  SAMPLERS,
  type Denoiser,
  type SamplerName,
  type StepProgress,
} from '../../engine/sampling/samplers.ts';
import { sampleTimes } from '../../engine/sampling/schedules.ts';

const NAMES = Object.keys(SAMPLERS) as SamplerName[];
const START = Float32Array.of(-2, -1, 0.3, 1.5, 2.5);

/** Clean data of one pixel: normal with this mean and standard deviation. */
const MEAN = 0.7;
const DEVIATION = 0.5;

describe.each(NAMES)('%s', (name) => {
  const sample = SAMPLERS[name];

  it('takes one step from noise straight to the estimate x - v', async () => {
    const denoise: Denoiser = async (x) => x.map((value) => 2 * value + 1);
    const result = await sample(denoise, START, Float64Array.of(1, 0));
    expect(result).toEqual(START.map((value) => value - Math.fround(2 * value + 1)));
  });

  it.each([1, 2, 3, 10, 50])('follows a constant velocity exactly in %d steps', async (steps) => {
    const denoise: Denoiser = async () => Float32Array.of(1, -2, 0.5, 0, 3);
    for (const schedule of ['uniform', 'shifted']) {
      const result = await sample(denoise, START, sampleTimes(schedule, steps, { tokens: 4096 }));
      expectClose(result, Float32Array.of(-3, 1, -0.2, 1.5, -0.5), 2e-6);
    }
  });

  it('nears the exact image of a normal distribution', async () => {
    const result = await sample(normalVelocity, START, sampleTimes('uniform', 64));
    expectClose(result, exactFlow(START, 1, 0), name === 'euler' ? 3e-2 : 3e-3);
  });

  it('can begin and end between noise and image', async () => {
    const result = await sample(
      normalVelocity,
      START,
      Float64Array.from({ length: 41 }, (_, i) => 0.8 - i / 100),
    );
    expectClose(result, exactFlow(START, 0.8, 0.4), name === 'euler' ? 1e-2 : 2e-4);
  });

  it('gives finite numbers from infinite to infinite signal-to-noise', async () => {
    for (const times of [
      [1, 0],
      [1, 0.5, 0],
      [1, 0.999, 0.001, 0],
      [1, 0.5],
      [0.5, 0],
    ]) {
      const result = await sample(normalVelocity, START, Float64Array.from(times));
      // START lies within 2.7 of the mean and the flow draws inwards: a larger number is an overshoot.
      expect(
        result.every((value) => Math.abs(value - MEAN) < 3),
        `times ${times.join()}`,
      ).toBe(true);
    }
  });

  it('tells of every step once, in order', async () => {
    const told: StepProgress[] = [];
    const times = sampleTimes('uniform', 4);
    const result = await sample(normalVelocity, START, times, (progress) => void told.push(progress));
    expect(told.map(({ step, steps, t }) => [step, steps, t])).toEqual([
      [1, 4, 0.75],
      [2, 4, 0.5],
      [3, 4, 0.25],
      [4, 4, 0],
    ]);
    expect(told[3]!.x).toEqual(result);
    expectClose(told[3]!.clean, result, 1e-6);
  });

  it('gives the estimate x - t v of the first step as clean', async () => {
    const told: StepProgress[] = [];
    const denoise: Denoiser = async (x) => x.map((value) => value - 0.25);
    await sample(denoise, START, Float64Array.of(0.5, 0), (progress) => void told.push(progress));
    expectClose(
      told[0]!.clean,
      START.map((value) => value - 0.5 * (value - 0.25)),
      1e-7,
    );
  });

  it('goes on from the x that the callback returns', async () => {
    const times = sampleTimes('uniform', 6);
    const seen = new Map<number, Float32Array>();
    const denoise: Denoiser = async (x, t, step) => {
      if (!seen.has(step)) seen.set(step, x);
      return normalVelocity(x, t);
    };
    const replaced = START.map((value) => value / 2);
    await sample(denoise, START, times, async ({ step }) => (step === 3 ? replaced : undefined));
    expect(seen.get(4)).toEqual(replaced);
  });

  it('lets the callback hold a known part in place to the end', async () => {
    const known = 0.25;
    const noise = START[0]!;
    const result = await sample(normalVelocity, START, sampleTimes('uniform', 40), ({ x, t }) => {
      const held = x.slice();
      held[0] = t * noise + (1 - t) * known;
      return held;
    });
    expect(result[0]).toBe(known);
    expectClose(result.slice(1), exactFlow(START, 1, 0).slice(1), name === 'euler' ? 6e-2 : 1e-2);
  });

  it('stops at once with what the callback throws', async () => {
    let calls = 0;
    const denoise: Denoiser = async (x, t) => (calls++, normalVelocity(x, t));
    const cancelled = new Error('enough');
    const sampling = sample(denoise, START, sampleTimes('uniform', 10), ({ step }) => {
      if (step === 2) throw cancelled;
    });
    await expect(sampling).rejects.toBe(cancelled);
    expect(calls).toBe(name === 'heun' ? 4 : 2);
  });

  it.each([1, 2, 9])('calls the model as often as promised in %d steps', async (steps) => {
    const asked: number[] = [];
    const denoise: Denoiser = async (x, t, step) => {
      asked.push(step);
      expect(t).toBeGreaterThan(0);
      return normalVelocity(x, t);
    };
    await sample(denoise, START, sampleTimes('uniform', steps));
    expect(asked.length).toBe(evaluations(name, steps));
    expect([...new Set(asked)]).toEqual(Array.from({ length: steps }, (_, i) => i + 1));
  });

  it('leaves the x it was given alone', async () => {
    const x = START.slice();
    await sample(normalVelocity, x, sampleTimes('uniform', 5));
    expect(x).toEqual(START);
  });

  it.each([[[1]], [[0.5, 0.5, 0]], [[0, 1]], [[1.5, 0]], [[1, -0.1]], [[NaN, 0]]])(
    'refuses the times %j',
    async (times) => {
      const sampling = sample(normalVelocity, START, Float64Array.from(times));
      await expect(sampling).rejects.toMatchObject({ code: 'bad-usage' });
    },
  );

  it('refuses a velocity or a replacement of another length', async () => {
    const times = Float64Array.of(1, 0);
    const short = new Float32Array(2);
    const wrong = { code: 'bad-shape' };
    await expect(sample(async () => short, START, times)).rejects.toMatchObject(wrong);
    await expect(sample(normalVelocity, START, times, () => short)).rejects.toMatchObject(wrong);
  });
});

describe('unipc', () => {
  it('does not correct an x that the callback replaced: its steps are then those of dpmpp-2m', async () => {
    const times = sampleTimes('uniform', 7);
    const result = await SAMPLERS.unipc(normalVelocity, START, times, ({ x }) => x.slice());
    expect(result).toEqual(await SAMPLERS['dpmpp-2m'](normalVelocity, START, times));
    expect(result).not.toEqual(await SAMPLERS.unipc(normalVelocity, START, times));
  });
});

describe('the order of convergence', () => {
  // Two halvings of the step; the error must fall by 2^order each time, bar what higher orders add.
  it.each([
    ['euler', 0.95, 1.05],
    ['heun', 1.95, 2.1],
    ['dpmpp-2m', 1.65, 2.1],
    ['unipc', 1.95, 2.2],
  ] as const)('of %s from noise to image is within %d..%d', async (name, least, most) => {
    const error = async (steps: number) => {
      const result = await SAMPLERS[name](normalVelocity, START, sampleTimes('uniform', steps));
      return largestDifference(result, exactFlow(START, 1, 0));
    };
    await expectOrder(error, 64, least, most);
  });

  // Away from both ends, evenly in lambda, the multistep methods show their full order: UniPC's corrector adds one.
  it.each([
    ['euler', 0.9, 1.1],
    ['heun', 1.9, 2.1],
    ['dpmpp-2m', 1.9, 2.1],
    ['unipc', 2.7, 3.3],
  ] as const)('of %s between the ends is within %d..%d', async (name, least, most) => {
    const error = async (steps: number) => {
      const times = evenInLambda(0.9, 0.1, steps);
      const result = await SAMPLERS[name](normalVelocity, START, times);
      return largestDifference(result, exactFlow(START, times[0]!, times[steps]!));
    };
    await expectOrder(error, 32, least, most);
  });
});

describe('the multistep formulas', () => {
  const times = [0.9, 0.75, 0.6, 0.3];

  it('of dpmpp-2m are those of the paper', async () => {
    const result = await SAMPLERS['dpmpp-2m'](normalVelocity, START, Float64Array.from(times));
    expectClose(result, await publishedUnipc(times, false), 1e-6);
  });

  it('of unipc are those of the paper', async () => {
    const result = await SAMPLERS.unipc(normalVelocity, START, Float64Array.from(times));
    expectClose(result, await publishedUnipc(times, true), 1e-6);
  });
});

/**
 * E[noise - clean | x_t = x] where clean ~ N(MEAN, DEVIATION^2): x_t is normal with mean (1 - t) MEAN and variance
 * V = t^2 + (1 - t)^2 DEVIATION^2, and the covariance of noise - clean with x_t is t - (1 - t) DEVIATION^2 = V' / 2.
 */
async function normalVelocity(x: Float32Array, t: number): Promise<Float32Array> {
  const slope = (t - (1 - t) * DEVIATION ** 2) / varianceAt(t);
  return x.map((value) => slope * (value - (1 - t) * MEAN) - MEAN);
}

/** The velocity above keeps (x - mean) / sqrt(V) constant: d(x - mean)/dt = (x - mean) V' / (2 V). */
function exactFlow(x: Float32Array, from: number, to: number): Float32Array {
  const scale = Math.sqrt(varianceAt(to) / varianceAt(from));
  return x.map((value) => (1 - to) * MEAN + scale * (value - (1 - from) * MEAN));
}

function varianceAt(t: number): number {
  return t ** 2 + ((1 - t) * DEVIATION) ** 2;
}

/**
 * UniPC of order 2 as printed: alpha = 1 - t, sigma = t, exponentials of h, B2(h) = e^h - 1 with h negated for data
 * prediction, the corrector's weights from its 2 x 2 system. Without correction it is DPM-Solver++(2M).
 */
async function publishedUnipc(times: readonly number[], corrected: boolean): Promise<Float32Array> {
  const lambdas = times.map((t) => Math.log(1 - t) - Math.log(t));
  const estimates: Float32Array[] = [];
  let origin: Float32Array = START;
  let x: Float32Array = START;
  for (let i = 0; i < times.length; i++) {
    const velocity = await normalVelocity(x, times[i]!);
    estimates.push(x.map((value, j) => value - times[i]! * velocity[j]!));
    const arrived = i > 0 && i < times.length - 1;
    if (corrected && arrived) x = step(i, [...correctorWeights(i)]);
    if (i === times.length - 1) return x;
    origin = x;
    x = step(i + 1, i === 0 ? [] : [0.5]);
  }
  return x;

  /** From time `to - 1`: weights on (past estimate - current) / r and, if given, on (estimate at `to` - current). */
  function step(to: number, [past = 0, future = 0]: number[]): Float32Array {
    const [m0, before, reached] = [estimates[to - 1]!, estimates[to - 2], estimates[to]];
    const h = lambdas[to]! - lambdas[to - 1]!;
    const alpha = 1 - times[to]!;
    return origin.map((value, j) => {
      const r = before ? (lambdas[to - 2]! - lambdas[to - 1]!) / h : 1;
      const differences =
        past * (((before ?? m0)[j]! - m0[j]!) / r) + future * ((reached ?? m0)[j]! - m0[j]!);
      return (times[to]! / times[to - 1]!) * value - alpha * Math.expm1(-h) * (m0[j]! + differences);
    });
  }

  function correctorWeights(i: number): [past: number, future: number] {
    if (i === 1) return [0, 0.5];
    const h = -(lambdas[i]! - lambdas[i - 1]!);
    const r = (lambdas[i - 2]! - lambdas[i - 1]!) / (lambdas[i]! - lambdas[i - 1]!);
    const b = Math.expm1(h);
    const phi2 = b / h - 1;
    const phi3 = phi2 / h - 1 / 2;
    // [1 1; r 1] [past future] = [phi2 / b, 2 phi3 / b], by Cramer's rule.
    const determinant = 1 - r;
    return [(phi2 - 2 * phi3) / b / determinant, (2 * phi3 - r * phi2) / b / determinant];
  }
}

function evenInLambda(from: number, to: number, steps: number): Float64Array {
  const lambda = (t: number) => Math.log((1 - t) / t);
  return Float64Array.from({ length: steps + 1 }, (_, i) => {
    return 1 / (1 + Math.exp(lambda(from) + (i / steps) * (lambda(to) - lambda(from))));
  });
}

async function expectOrder(
  error: (steps: number) => Promise<number>,
  steps: number,
  least: number,
  most: number,
) {
  const errors = await Promise.all([error(steps), error(steps * 2), error(steps * 4)]);
  for (const i of [0, 1]) {
    const order = Math.log2(errors[i]! / errors[i + 1]!);
    expect(order).toBeGreaterThan(least);
    expect(order).toBeLessThan(most);
  }
}

function expectClose(result: Float32Array, expected: Float32Array, tolerance: number): void {
  expect(largestDifference(result, expected)).toBeLessThan(tolerance);
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}
