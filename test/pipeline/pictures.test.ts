/**
 * @file Does a picture show what was asked for? Judged by colours and places in the decoded pixels, with the small
 * model in ../shared (its README says what it can draw).
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../engine/checkpoints/checkpoint.ts';
import type { Pixels } from '../../engine/image/pixels.ts';
import { openPipeline, type Pipeline } from '../../engine/pipeline/pipeline.ts';
import { DEFAULTS, type PictureRequest } from '../../engine/pipeline/request.ts';
import { onnxRuntime } from '../../engine/runtime/onnx/runtime.ts';
import { SAMPLERS, type SamplerName } from '../../engine/sampling/samplers.ts';

const MODEL = fileURLToPath(new URL('../../../shared/bootstrap', import.meta.url));
const STEPS = 8;

const COLOURS = {
  red: [222, 42, 42],
  green: [46, 168, 80],
  blue: [42, 92, 220],
  yellow: [252, 220, 50],
  purple: [142, 60, 190],
  white: [246, 248, 246],
} as const;

type Colour = keyof typeof COLOURS;

describe.skipIf(!existsSync(MODEL))('pictures of the bootstrap model (needs ../shared)', () => {
  let pipeline: Pipeline;
  beforeAll(async () => {
    pipeline = await openPipeline(onnxRuntime('cpu'), openCheckpoint(MODEL));
  });
  afterAll(() => pipeline.dispose());

  const draw = async (prompt: string, change: Partial<PictureRequest> = {}): Promise<Pixels> => {
    const request = { ...DEFAULTS, prompt, width: 256, height: 256, steps: STEPS, seed: 11, ...change };
    return (await pipeline.generate(request)).pixels;
  };

  it.each([
    [256, 256],
    [256, 384],
    [384, 256],
  ])('draws colours and places as asked at %i x %i', async (width, height) => {
    const picture = await draw('a red circle in the top left corner on a blue background', { width, height });
    const circle = find(picture, 'red');
    expect(circle.share).toBeGreaterThan(0.01);
    expect(circle.x).toBeLessThan(0.45);
    expect(circle.y).toBeLessThan(0.45);
    expect(find(picture, 'blue').share).toBeGreaterThan(0.5);
  });

  it('draws two things on their sides', async () => {
    const picture = await draw('a red circle to the left of a green square on a white background', {
      steps: 12,
    });
    expect(find(picture, 'red').x).toBeLessThan(find(picture, 'green').x);
    expect(find(picture, 'white').share).toBeGreaterThan(0.4);
  });

  const centred = 'a medium red circle in the center on a blue background';
  let known: Pixels | undefined;
  /** Drawn once, for all that compares with it. */
  const still = async (): Promise<Pixels> => (known ??= await draw(centred));

  it.each([
    ['x shift to the right moves things left', { xShift: 0.4, yShift: 0, zoom: 1 }, -0.2, 0],
    ['x shift to the left moves things right', { xShift: -0.4, yShift: 0, zoom: 1 }, 0.2, 0],
    ['y shift down moves things up', { xShift: 0, yShift: 0.4, zoom: 1 }, 0, -0.2],
  ])('%s, as far as the position map says', async (_name, camera, dx, dy) => {
    const before = find(await still(), 'red');
    const moved = find(await draw(centred, { camera }), 'red');
    expect(moved.x - before.x).toBeCloseTo(dx, 1);
    expect(moved.y - before.y).toBeCloseTo(dy, 1);
  });

  it('zooms in', async () => {
    const far = find(await still(), 'red');
    const near = find(await draw(centred, { camera: { xShift: 0, yShift: 0, zoom: 1.33 } }), 'red');
    expect(Math.sqrt(near.share / far.share)).toBeGreaterThan(1.15);
    expect(Math.sqrt(near.share / far.share)).toBeLessThan(1.55);
  });

  it.each(Object.keys(SAMPLERS) as SamplerName[])('draws with %s', async (sampler) => {
    const picture = await draw('a large yellow star on a purple background', { sampler });
    expect(find(picture, 'yellow').share).toBeGreaterThan(0.03);
    expect(find(picture, 'purple').share).toBeGreaterThan(0.4);
  });

  it('draws with TREAD guidance, a guidance interval and the shifted schedule', async () => {
    const picture = await draw('a large yellow star on a purple background', {
      treadGuidance: 0.5,
      guidanceInterval: [0.1, 1],
      schedule: { name: 'shifted', shift: 1.5 },
    });
    expect(find(picture, 'yellow').share).toBeGreaterThan(0.03);
    expect(find(picture, 'purple').share).toBeGreaterThan(0.4);
  });

  it('makes the same picture from the same seed, another from another', async () => {
    const first = await still();
    expect((await draw(centred)).data).toEqual(first.data);
    expect((await draw(centred, { seed: 12 })).data).not.toEqual(first.data);
  });

  it('keeps the picture it begins with at a small strength and leaves it at a large one', async () => {
    const pixels = await draw('a large red circle on a blue background');
    const change = async (strength: number): Promise<Pixels> =>
      draw('a large green square on a white background', { from: { pixels, strength } });
    expect(find(await change(0.2), 'red').share).toBeGreaterThan(0.05);
    const strong = await change(1);
    expect(find(strong, 'red').share).toBeLessThan(0.01);
    expect(find(strong, 'white').share).toBeGreaterThan(0.3);
  });

  it('paints only inside the mask', async () => {
    const pixels = await still();
    const mask = new Uint8Array(256 * 256).map((_, i) => (i % 256 < 128 ? 255 : 0));
    const painted = await draw('a blue background', { from: { pixels, strength: 1, mask } });
    const right = (picture: Pixels): number[] =>
      [...picture.data].filter((_, i) => Math.floor(i / 3) % 256 >= 128);
    expect(right(painted)).toEqual(right(pixels));
    expect(painted.data).not.toEqual(pixels.data);
  });

  it('shows a preview of the right colours and stops within a step when cancelled', async () => {
    const stop = new AbortController();
    const steps: number[] = [];
    const previews: Pixels[] = [];
    const request = { ...DEFAULTS, prompt: centred, width: 256, height: 256, steps: STEPS, seed: 11 };
    const onProgress = async ({ step, preview }: { step: number; preview: () => Promise<Pixels> }) => {
      steps.push(step);
      if (step < 5) return;
      previews.push(await preview());
      stop.abort();
    };
    await expect(pipeline.generate(request, { onProgress, signal: stop.signal })).rejects.toMatchObject({
      code: 'cancelled',
    });
    expect(steps).toEqual([1, 2, 3, 4, 5]);
    expect(previews[0]).toMatchObject({ width: 32, height: 32 });
    const [red, green, blue] = meanColour(previews[0]!);
    expect(blue).toBeGreaterThan(red! + 30);
    expect(blue).toBeGreaterThan(green! + 30);
  });
});

interface Found {
  /** Part of the picture that has the colour. */
  readonly share: number;
  /** Mean place, 0 to 1 from the left and from the top. */
  readonly x: number;
  readonly y: number;
}

/** Pixels nearer to a colour than to any other of the list, and near enough. */
function find({ width, height, data }: Pixels, colour: Colour): Found {
  let [count, x, y] = [0, 0, 0];
  for (let pixel = 0; pixel < width * height; pixel++) {
    const distances = Object.entries(COLOURS).map(([name, rgb]) => {
      return [name, Math.hypot(...rgb.map((value, c) => value - data[pixel * 3 + c]!))] as const;
    });
    const [nearest, distance] = distances.reduce((a, b) => (b[1] < a[1] ? b : a));
    if (nearest !== colour || distance > 90) continue;
    count++;
    x += (pixel % width) + 0.5;
    y += Math.floor(pixel / width) + 0.5;
  }
  return { share: count / (width * height), x: x / count / width, y: y / count / height };
}

function meanColour({ width, height, data }: Pixels): number[] {
  return [0, 1, 2].map((c) => {
    let sum = 0;
    for (let pixel = 0; pixel < width * height; pixel++) sum += data[pixel * 3 + c]!;
    return sum / (width * height);
  });
}
