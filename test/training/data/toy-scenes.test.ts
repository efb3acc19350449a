/** @file The built-in world: what its captions say must be true of its scenes, and its scenes of its pixels. */
import { describe, expect, it } from 'vitest';
import { wholeView } from '../../../engine/image/pixels.ts';
import { parseCaption, plainCaption } from '../../../engine/training/data/captions.ts';
import { sceneSentence, sceneTags, sceneWordings } from '../../../engine/training/data/toy-scenes/caption.ts';
import {
  COLOR_NAMES,
  COLORS,
  colorDistance,
  type Rgb,
} from '../../../engine/training/data/toy-scenes/colors.ts';
import { drawScene } from '../../../engine/training/data/toy-scenes/draw.ts';
import { areApart, holds, randomScene } from '../../../engine/training/data/toy-scenes/random-scene.ts';
import {
  boxesInPixels,
  boxOf,
  colorsBehind,
  extent,
  KIND_NAMES,
  KINDS,
  placeOf,
  sceneSize,
  SIZES,
  type Kind,
  type Scene,
  type SceneObject,
} from '../../../engine/training/data/toy-scenes/scene.ts';
import { Random } from '../../../engine/training/data/random.ts';

const SEED = 11;
const SCENES = Array.from({ length: 3000 }, (_, i) => randomScene(SEED, i));
const SAY_ALL = { size: true, place: true, background: true };

function whole(scene: Scene, shortSide: number) {
  return wholeView(sceneSize(scene, shortSide));
}

function single(kind: Kind, changed: Partial<SceneObject> = {}, size = 0.5): Scene {
  const { width, height } = KINDS[kind];
  const box = { x: 0.5, y: 0.5, width: width * size, height: height * size };
  const object = {
    kind,
    color: 'red',
    size: 'large',
    texture: 'solid',
    second: 'white',
    ...box,
    ...changed,
  } as const;
  return { ratio: 1, background: { kind: 'plain', color: 'white' }, objects: [object], isGroup: false };
}

function isInside({ ratio }: Scene, object: SceneObject): boolean {
  const { width, height } = extent(ratio);
  const { left, top, right, bottom } = boxOf(object);
  return Math.min(left, top, width - right, height - bottom) > 0.02;
}

function isOfItsSize({ size, width, height }: SceneObject): boolean {
  const [shortest, longest] = SIZES[size];
  const length = Math.max(width, height);
  return length > shortest - 1e-9 && length < longest + 1e-9;
}

function isTrue({ relation, objects: [first, second] }: Scene): boolean {
  return relation === undefined || holds(relation, first!, second!);
}

function showsOnBackground({ relation, objects, background }: Scene): boolean {
  const onBackground = relation === 'on' ? objects.slice(1) : objects;
  return onBackground.every(({ color, kind }) => {
    const behind = colorsBehind(background, KINDS[kind].realm);
    return behind.every((other) => colorDistance(COLORS[color], other) > 0.16);
  });
}

describe('random scenes', () => {
  it('are the same for the same seed and number', () => {
    expect(randomScene(SEED, 17)).toEqual(SCENES[17]);
    expect(randomScene(SEED + 1, 17)).not.toEqual(SCENES[17]);
  });

  it('have every kind, colour, size, texture, background, relation and number of things', () => {
    const objects = SCENES.flatMap((scene) => scene.objects);
    const values = (key: 'kind' | 'color' | 'size' | 'texture') =>
      new Set(objects.map((object) => object[key])).size;
    expect([values('kind'), values('color'), values('size'), values('texture')]).toEqual([
      KIND_NAMES.length,
      12,
      3,
      4,
    ]);
    expect(new Set(SCENES.map(({ background }) => background.kind)).size).toBe(5);
    expect(new Set(SCENES.map(({ relation }) => relation))).toEqual(
      new Set([undefined, 'left of', 'right of', 'above', 'below', 'on']),
    );
    expect(new Set(SCENES.map(({ objects }) => objects.length))).toEqual(new Set([0, 1, 2, 3, 4, 5]));
    expect(new Set(SCENES.map((scene) => scene.objects[0] && placeOf(scene, scene.objects[0]))).size).toBe(
      10,
    );
  });

  it('are of ratios from 9:16 to 16:9', () => {
    const ratios = SCENES.map(({ ratio }) => ratio);
    expect([Math.min(...ratios), Math.max(...ratios)]).toEqual([9 / 16, 16 / 9]);
    expect(sceneSize({ ratio: 16 / 9 }, 288)).toEqual({ width: 512, height: 288 });
    expect(sceneSize({ ratio: 9 / 16 }, 288)).toEqual({ width: 288, height: 512 });
  });

  it('have their things inside, apart, of the size they say and clear of what is behind', () => {
    expect(SCENES.filter((scene) => !scene.objects.every((object) => isInside(scene, object)))).toEqual([]);
    expect(SCENES.filter((scene) => !scene.objects.every(isOfItsSize))).toEqual([]);
    expect(SCENES.filter(({ relation, objects }) => relation !== 'on' && !areApart(objects))).toEqual([]);
    expect(SCENES.filter((scene) => !isTrue(scene))).toEqual([]);
    expect(SCENES.filter((scene) => !showsOnBackground(scene))).toEqual([]);
  });

  it('have no two colours that could be taken for each other', () => {
    const distances = COLOR_NAMES.flatMap((a, i) =>
      COLOR_NAMES.slice(i + 1).map((b) => colorDistance(COLORS[a], COLORS[b])),
    );
    expect(Math.min(...distances)).toBeGreaterThan(0.15);
  });
});

describe('captions', () => {
  it('say every thing of a scene in every wording', () => {
    SCENES.slice(0, 1000).forEach((scene, i) => {
      const wordings = sceneWordings(scene, SEED, i);
      expect(wordings.length).toBe(4);
      for (const text of wordings.map(plainCaption)) {
        for (const { kind, color } of scene.objects) {
          const word = color.replace('grey', 'gr[ea]y').replace('purple', '(purple|violet)');
          expect(text).toMatch(new RegExp(`${word} ${kind}`));
        }
        if (scene.objects.length === 0) expect(text).toMatch(/^(nothing|empty|0 objects)/);
      }
      expect(sceneWordings(scene, SEED, i)).toEqual(wordings);
    });
  });

  it('are sentences that are kept whole, and tags that may move', () => {
    const scene = single('circle', { color: 'orange' });
    const sentence = sceneWordings(scene, SEED, 0)[0]!;
    expect(parseCaption(sentence)).toEqual({ keep: [sentence.replace(' |||', '')], groups: [] });
    expect(sceneTags(scene)).toBe('1 object ||| large orange circle, center %% white background');
    expect(parseCaption(sceneTags(scene)).groups).toEqual([
      ['large orange circle', 'center'],
      ['white background'],
    ]);
  });

  it('put the words in their order', () => {
    const say = (scene: Scene, wording = SAY_ALL) =>
      sceneSentence(scene, wording, new Random(1, 'wording', 3));
    const circle = single('circle');
    expect(say(circle)).toMatch(
      /^a (large|big|huge) red circle in the (center|middle|centre) (on|against|in front of|with) a white background$/,
    );
    expect(say(circle, { size: false, place: false, background: false })).toBe('a red circle');
    expect(say(single('fish', { color: 'orange', texture: 'solid' }), { ...SAY_ALL, size: false })).toMatch(
      /^an orange fish/,
    );
    expect(say(single('heart', { texture: 'striped' }))).toMatch(/^a (large|big|huge) striped red heart/);
    const [star, square] = [
      single('star', { x: 0.2 }, 0.2),
      single('square', { x: 0.7, color: 'blue' }, 0.3),
    ];
    const pair: Scene = { ...circle, objects: [star.objects[0]!, square.objects[0]!], relation: 'on' };
    expect(say(pair, { size: false, place: true, background: true })).toMatch(
      /a red star (on|inside) a blue square/,
    );
    const three: Scene = {
      ...circle,
      isGroup: true,
      objects: [0.2, 0.5, 0.8].map((x) => ({ ...star.objects[0]!, x })),
    };
    expect(say(three, { size: false, place: true, background: false })).toBe('three red stars');
    expect(sceneTags(three)).toBe('3 objects ||| large red stars %% white background');
  });
});

describe('pictures', () => {
  it('are the same in parts as in whole', () => {
    for (const scene of SCENES.slice(0, 40)) {
      const view = whole(scene, 96);
      const [left, top] = [view.width - 64, view.height - 64];
      const [all, part] = [
        drawScene(scene, view),
        drawScene(scene, { ...view, left, top, partWidth: 64, partHeight: 64 }),
      ];
      for (let row = 0; row < 64; row++) {
        const from = ((top + row) * view.width + left) * 3;
        expect(part.data.subarray(row * 192, row * 192 + 192)).toEqual(all.data.subarray(from, from + 192));
      }
    }
  });

  it.each(KIND_NAMES)('show a %s that fills its box and is mostly of its colour', (kind) => {
    const scene = single(kind, { color: 'purple' });
    const { data, width } = drawScene(scene, whole(scene, 256));
    const [box] = boxesInPixels(scene, 256, 256);
    const bounds = { left: Infinity, top: Infinity, right: 0, bottom: 0 };
    let [own, drawn] = [0, 0];
    for (let i = 0; i < data.length / 3; i++) {
      const color = [data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!] as Rgb;
      if (colorDistance(color, COLORS.white) < 0.03) continue;
      drawn++;
      if (colorDistance(color, COLORS.purple) < 0.12) own++;
      const [x, y] = [i % width, Math.floor(i / width)];
      bounds.left = Math.min(bounds.left, x);
      bounds.right = Math.max(bounds.right, x + 1);
      bounds.top = Math.min(bounds.top, y);
      bounds.bottom = Math.max(bounds.bottom, y + 1);
    }
    for (const side of ['left', 'top', 'right', 'bottom'] as const) {
      const slack = kind === 'boat' ? 8 : 5;
      expect(Math.abs(bounds[side] - box![side]), side).toBeLessThan(slack);
    }
    expect(own / drawn).toBeGreaterThan(0.5);
  });

  it('show what is in front in front', () => {
    const circle = single('circle', {}, 0.2).objects[0]!;
    const square = single('square', { color: 'blue' }, 0.5).objects[0]!;
    const scene: Scene = { ...single('circle'), objects: [circle, square], relation: 'on' };
    const { data } = drawScene(scene, whole(scene, 64));
    const at = (x: number, y: number) => [...data.subarray(3 * (y * 64 + x), 3 * (y * 64 + x) + 3)];
    expect([at(32, 32), at(20, 20), at(2, 2)]).toEqual(
      [COLORS.red, COLORS.blue, COLORS.white].map((color) => [...color]),
    );
  });

  it('have smooth edges: the ink of a circle is its area, at every size', () => {
    for (const side of [32, 64, 200]) {
      const scene = single('circle', { color: 'black' });
      const { data } = drawScene(scene, whole(scene, side));
      let ink = 0;
      for (let i = 0; i < data.length; i += 3)
        ink += (COLORS.white[0] - data[i]!) / (COLORS.white[0] - COLORS.black[0]);
      expect(ink / side ** 2 / (Math.PI * 0.25 ** 2)).toBeCloseTo(1, 2);
    }
  });

  it('have textures and outlines', () => {
    const share = (texture: SceneObject['texture']) => {
      const scene = single('square', { texture, second: 'black' });
      const { data } = drawScene(scene, whole(scene, 128));
      let red = 0;
      for (let i = 0; i < data.length; i += 3) if (data[i]! > 200 && data[i + 1]! < 60) red++;
      return red / 128 ** 2 / 0.25;
    };
    // Pixels on an edge are of neither colour.
    expect(share('solid')).toBeGreaterThan(0.95);
    expect(Math.abs(share('striped') - 0.43)).toBeLessThan(0.08);
    expect(Math.abs(share('dotted') - 0.72)).toBeLessThan(0.08);
    expect(Math.abs(share('outlined') - 0.3)).toBeLessThan(0.08);
  });
});
