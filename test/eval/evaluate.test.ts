/** @file An evaluation with a model that draws what it is asked for, and with one that makes mistakes. */
import { describe, expect, it } from 'vitest';
import { cameraPrompts, seenBy } from '../../engine/eval/camera.ts';
import { evaluate, EVALUATION_DEFAULTS, type EvaluationOptions } from '../../engine/eval/evaluate.ts';
import { CATEGORIES, evaluationPrompts, FIRST_SEED } from '../../engine/eval/prompts.ts';
import { rate } from '../../engine/eval/scores.ts';
import type { Pipeline } from '../../engine/pipeline/pipeline.ts';
import type { PictureRequest } from '../../engine/pipeline/request.ts';
import { drawScene } from '../../engine/training/data/toy-scenes/draw.ts';
import { randomScene } from '../../engine/training/data/toy-scenes/random-scene.ts';
import { KIND_NAMES, type Scene } from '../../engine/training/data/toy-scenes/scene.ts';

const OPTIONS: EvaluationOptions = { ...EVALUATION_DEFAULTS, prompts: 12, seed: 5, size: 128 };

/** Stands for a model: draws the scene of a prompt, as a camera sees it if `hasCamera`. */
function painter(change: (scene: Scene, index: number) => Scene, hasCamera = true) {
  const asked = [
    ...CATEGORIES.flatMap((category) => evaluationPrompts(category, OPTIONS.prompts, OPTIONS.seed)),
    ...cameraPrompts(OPTIONS.prompts, OPTIONS.seed, KIND_NAMES),
  ];
  const scenes = new Map(asked.map(({ text, scene }) => [text, scene]));
  const requests: PictureRequest[] = [];
  const pipeline = {
    checkpoint: { transformer: { config: { positions: 'bounding_box' } } },
    async generate(request: PictureRequest) {
      requests.push(request);
      const { width, height, camera } = request;
      const scene = change(scenes.get(request.prompt)!, requests.length - 1);
      const { xShift, yShift, zoom } = hasCamera ? camera : { xShift: 0, yShift: 0, zoom: 1 };
      // A square of positions -1..1 around the middle, seen zoomed and then moved by the shift: half a side is 1.
      const view = {
        width: width * zoom,
        height: height * zoom,
        left: (width * zoom - width) / 2 + (xShift * width) / 2,
        top: (height * zoom - height) / 2 + (yShift * height) / 2,
        partWidth: width,
        partHeight: height,
      };
      return { pixels: drawScene({ ...scene, ratio: width / height }, view) };
    },
  };
  return { pipeline: pipeline as unknown as Pipeline, requests };
}

describe('prompts', () => {
  it('are the same for a seed, and other ones for another', () => {
    expect(evaluationPrompts('world', 9, 1)).toEqual(evaluationPrompts('world', 9, 1));
    expect(evaluationPrompts('world', 9, 1)).not.toEqual(evaluationPrompts('world', 9, 2));
    expect(evaluationPrompts('world', 3, 1)).toEqual(evaluationPrompts('world', 9, 1).slice(0, 3));
  });

  it('are of scenes that seeds of training do not reach', () => {
    expect(FIRST_SEED).toBe(2 ** 52);
    const [first] = evaluationPrompts('world', 1, 0);
    expect(first!.scene).toEqual(randomScene(2 ** 52, 0));
  });

  it('ask for one thing in sentences and in tags, in all words', () => {
    const [one, tags] = [evaluationPrompts('one', 60, 0), evaluationPrompts('tags', 60, 0)];
    expect(one.map(({ scene }) => scene)).toEqual(tags.map(({ scene }) => scene));
    for (const { text } of tags) {
      expect(text).toMatch(/^1 object, (small|medium|large) \w+ \w+, [\w ]+, [\w ,]+$/);
    }
    for (const { text, scene } of one) {
      expect(text).toMatch(/small|little|tiny|medium|large|big|huge/);
      expect(text).toMatch(/left|right|top|bottom|cent|middle/);
      expect(scene.objects.length).toBe(1);
    }
  });

  it('ask for small things, for two, and for all there is', () => {
    expect(evaluationPrompts('small', 40, 0).every(({ scene }) => scene.objects[0]!.size === 'small')).toBe(
      true,
    );
    const two = evaluationPrompts('two', 60, 0);
    expect(two.every(({ scene }) => scene.objects.length === 2 && !scene.isGroup)).toBe(true);
    expect(new Set(two.map(({ scene }) => scene.relation !== undefined)).size).toBe(2);
    const world = evaluationPrompts('world', 200, 0);
    expect(new Set(world.map(({ scene }) => scene.objects.length)).size).toBe(6);
    expect(world.filter(({ text }) => /^\d objects?, /.test(text)).length).toBeGreaterThan(20);
  });

  it('say what they are said to say', () => {
    for (const { text, scene, said } of evaluationPrompts('world', 300, 4)) {
      const sizes = /small|little|tiny|medium|large|big|huge/.test(text);
      if (scene.objects.length > 0) expect(sizes, text).toBe(said.size);
      const isTags = /^\d/.test(text);
      const relations = /(left|right) of|above|over |below|under /;
      const isRelated = scene.relation !== undefined && scene.relation !== 'on' && !isTags;
      if (isRelated && scene.background.kind !== 'landscape')
        expect(relations.test(text), text).toBe(said.relation);
    }
  });

  it('are of scenes of the ratios that were wanted', () => {
    const ratios = (least: number, most: number) =>
      evaluationPrompts('one', 40, 0, KIND_NAMES, [least, most]).map(({ scene }) => scene.ratio);
    expect(new Set(ratios(1, 1))).toEqual(new Set([1]));
    const long = ratios(1.5, 2);
    expect(long.every((ratio) => Math.max(ratio, 1 / ratio) >= 1.5)).toBe(true);
    expect([Math.min(...long) < 1, Math.max(...long) > 1]).toEqual([true, true]);
    expect(() => ratios(1.1, 1.2)).toThrow('no usual picture has a long side of 1.1 to 1.2 short ones');
  });

  it('leave out kinds that were not wanted', () => {
    const prompts = evaluationPrompts('world', 40, 0, ['circle', 'boat']);
    const kinds = new Set(prompts.flatMap(({ scene }) => scene.objects.map(({ kind }) => kind)));
    expect([...kinds].sort()).toEqual(['boat', 'circle']);
    expect(() => evaluationPrompts('one', 1, 0, [])).toThrow('there are no kinds of things');
  });
});

describe('an evaluation', () => {
  it('gives a model that draws everything all points, and tells of each picture', async () => {
    const { pipeline, requests } = painter((scene) => scene);
    const told: string[] = [];
    const { categories, camera } = await evaluate(pipeline, OPTIONS, {
      onProgress: ({ name, done, total }) => void told.push(`${name} ${done}/${total}`),
    });
    for (const category of CATEGORIES) {
      const { all, pictures } = categories[category]!;
      expect(pictures).toBe(12);
      expect(rate(all), category).toBe(1);
    }
    expect(requests.length).toBe(5 * 12 + 4);
    expect(told.length).toBe(requests.length);
    expect(told.slice(-2)).toEqual(['camera 3/4', 'camera 4/4']);
    expect(requests[1]).toMatchObject({ seed: 6, steps: 32, guidanceScale: 3, negativePrompt: '' });
    expect(requests.every(({ width, height }) => width % 16 === 0 && Math.min(width, height) === 128)).toBe(
      true,
    );
    for (const { ratio, lost } of Object.values(camera!)) {
      expect(lost).toBe(0);
      expect(ratio).toBeGreaterThan(0.9);
      expect(ratio).toBeLessThan(1.1);
    }
  });

  it('counts what is wrong with every third picture', async () => {
    const { pipeline } = painter((scene, index) => (index % 3 === 0 ? { ...scene, objects: [] } : scene));
    const { categories } = await evaluate(pipeline, { ...OPTIONS, categories: ['one'] });
    const { all, properties, kinds, sizes } = categories.one!;
    expect(all).toEqual({ right: 8, of: 12 });
    expect(properties).toMatchObject({
      background: { right: 12, of: 12 },
      count: { right: 8, of: 12 },
      color: { right: 8, of: 12 },
      place: { right: 8, of: 12 },
    });
    const total = (counts: object) =>
      (Object.values(counts) as { of: number }[]).reduce((sum, { of }) => sum + of, 0);
    expect([total(kinds), total(sizes)]).toEqual([12, 12]);
  });

  it('sees a model that does not know the camera', async () => {
    const { pipeline } = painter((scene) => scene, false);
    const { camera } = await evaluate(pipeline, { ...OPTIONS, prompts: 48, categories: ['camera'] });
    for (const { ratio, pictures, predicted } of Object.values(camera!)) {
      expect(pictures).toBe(4);
      expect(predicted).toBeGreaterThan(0.1);
      expect(Math.abs(ratio)).toBeLessThan(0.02);
    }
  });

  it('measures what moved too little', async () => {
    const { pipeline } = painter((scene) => scene);
    const half: Pipeline = {
      ...pipeline,
      generate: (request) =>
        pipeline.generate({ ...request, camera: { ...request.camera, xShift: request.camera.xShift / 2 } }),
    };
    const { camera } = await evaluate(half, { ...OPTIONS, prompts: 48, categories: ['camera'] });
    expect(camera!.x.ratio).toBeCloseTo(0.5, 1);
    expect(camera!.y.ratio).toBeCloseTo(1, 1);
  });

  it('guides as it is told to', async () => {
    const { pipeline, requests } = painter((scene) => scene);
    await evaluate(pipeline, { ...OPTIONS, prompts: 1, treadGuidance: 0.5, guidanceScale: 2 });
    expect(requests.every(({ treadGuidance }) => treadGuidance === 0.5)).toBe(true);
    const unguided = { ...OPTIONS, treadGuidance: 0.5, guidanceScale: 1 };
    await expect(evaluate(pipeline, unguided)).rejects.toThrow('does nothing at a guidance scale of 1');
  });

  it('refuses to ask for nothing', async () => {
    const { pipeline } = painter((scene) => scene);
    await expect(evaluate(pipeline, { ...OPTIONS, prompts: 0 })).rejects.toThrow(
      'expected a whole number of prompts',
    );
    await expect(evaluate(pipeline, { ...OPTIONS, categories: [] })).rejects.toThrow('and categories');
  });
});

describe('the camera', () => {
  const box = { left: 100, top: 80, right: 140, bottom: 120 };
  const size = { width: 256, height: 192 };

  it('moves what is seen against itself, in shares of half the longer side', () => {
    const seen = seenBy({ xShift: 0.25, yShift: -0.5, zoom: 1 }, 'bounding_box', size, box);
    expect(seen.left).toBeCloseTo(100 - 32, 3);
    expect(seen.right).toBeCloseTo(140 - 32, 3);
    expect(seen.top).toBeCloseTo(80 + 64, 3);
  });

  it('zooms around the middle', () => {
    const seen = seenBy({ xShift: 0, yShift: 0, zoom: 2 }, 'bounding_box', size, box);
    [seen.left, seen.top, seen.right, seen.bottom].forEach((edge, i) => {
      expect(edge).toBeCloseTo([72, 64, 152, 144][i]!, 3);
    });
  });

  it('follows the reading of positions that a model has', () => {
    const { left } = seenBy({ xShift: 0, yShift: 0, zoom: 2 }, 'unit_area', { width: 256, height: 256 }, box);
    expect(left).toBeCloseTo(199.5, 3); // its positions begin at the first pixel: (100 - 0.5) * 2 + 0.5
  });
});
