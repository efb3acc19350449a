/** @file Pictures for the judge: scenes as they are drawn, as a model might draw them, and with a mistake. */
import type { Category, EvaluationPrompt } from '../../engine/eval/prompts.ts';
import { evaluationPrompts } from '../../engine/eval/prompts.ts';
import type { Pixels } from '../../engine/image/pixels.ts';
import { normals } from '../../engine/sampling/noise.ts';
import { Random } from '../../engine/training/data/random.ts';
import { colorDistance, COLOR_NAMES, COLORS } from '../../engine/training/data/toy-scenes/colors.ts';
import { drawScene } from '../../engine/training/data/toy-scenes/draw.ts';
import { areApart, randomScene } from '../../engine/training/data/toy-scenes/random-scene.ts';
import {
  colorsBehind,
  extent,
  KIND_NAMES,
  KINDS,
  placeOf,
  PLACES,
  roomAt,
  roomFor,
  sceneSize,
  SIZES,
  type Background,
  type Scene,
  type SceneObject,
  type SizeName,
} from '../../engine/training/data/toy-scenes/scene.ts';

export function truePicture(scene: Scene, shortSide = 256): Pixels {
  const { width, height } = sceneSize(scene, shortSide);
  return drawScene(scene, { width, height, left: 0, top: 0, partWidth: width, partHeight: height });
}

/** As a small autoencoder leaves it: blurred (1 2 1, twice), a bit off in its colours, with noise of sigma 4. */
export function roughPicture(scene: Scene, seed: number): Pixels {
  const { width, height, data } = truePicture(scene);
  const soft = [3, 3, width * 3, width * 3].reduce<Uint8ClampedArray>(
    blurredAlong,
    Uint8ClampedArray.from(data),
  );
  const tint = normals(seed, 1, 3);
  const start = seed * 977;
  for (let i = 0; i < soft.length; i++) {
    soft[i] = soft[i]! + 4 * NOISE[(start + i) % NOISE.length]! + 3 * tint[i % 3]!;
  }
  return { width, height, data: Uint8Array.from(soft) };
}

const NOISE = normals(1, 0, 2 ** 17 - 1);

function blurredAlong(values: Uint8ClampedArray, step: number): Uint8ClampedArray {
  const result = Uint8ClampedArray.from(values); // rounds
  for (let i = step; i < values.length - step; i++) {
    result[i] = (values[i - step]! + 2 * values[i]! + values[i + step]!) / 4;
  }
  return result;
}

/** Makes one mistake in a scene; undefined where that mistake cannot be made. */
type Mistake = (scene: Scene, random: Random) => Scene | undefined;

export const MISTAKES: Readonly<Record<string, { readonly from: Category; readonly make: Mistake }>> = {
  color: {
    from: 'world',
    make: changed(({ kind, color, second }, { background }, random) => {
      const behind = colorsBehind(background, KINDS[kind].realm);
      const others = COLOR_NAMES.filter(
        (name) =>
          name !== color &&
          name !== second &&
          behind.every((other) => colorDistance(COLORS[name], other) > 0.165),
      );
      return others.length === 0 ? undefined : { color: random.pick(others) };
    }),
  },
  kind: {
    from: 'world',
    make: changed(({ kind, texture, width, height }, _, random) => {
      const isPossible = (name: (typeof KIND_NAMES)[number]) => texture === 'solid' || KINDS[name].isFlat;
      const other = random.pick(KIND_NAMES.filter((name) => name !== kind && isPossible(name)));
      const length = Math.max(width, height);
      return { kind: other, width: length * KINDS[other].width, height: length * KINDS[other].height };
    }),
  },
  size: {
    from: 'one',
    make: changed((object, scene, random) => {
      const size = random.pick((Object.keys(SIZES) as SizeName[]).filter((name) => name !== object.size));
      const length = random.between(SIZES[size][0], SIZES[size][1]);
      const { width, height } = KINDS[object.kind];
      return inside(scene, { ...object, width: width * length, height: height * length });
    }),
  },
  place: {
    from: 'one',
    make: changed((object, scene, random) => {
      const isLandscape = scene.background.kind === 'landscape';
      const places = PLACES.slice(0, isLandscape ? 3 : undefined);
      const { x, y } = roomAt(
        random.pick(places.filter((place) => place !== placeOf(scene, object))),
        roomFor(scene.ratio, object),
      );
      return { x: random.between(...x), ...(!isLandscape && { y: random.between(...y) }) };
    }),
  },
  texture: {
    from: 'world',
    make: changed(({ kind, size, texture, second, color }, { background, relation }, random) => {
      const isPlain = background.kind === 'plain' && relation !== 'on';
      if (!isPlain || !KINDS[kind].isFlat || size === 'small') return undefined;
      const seconds = (['white', 'black', 'grey'] as const).filter((name) =>
        [COLORS[color], COLORS[background.color]].every(
          (other) => colorDistance(COLORS[name], other) > 0.165,
        ),
      );
      const textures = (['solid', 'striped', 'dotted', 'outlined'] as const).filter(
        (name) => name !== texture,
      );
      return { texture: random.pick(textures), second: seconds[0] ?? second };
    }),
  },
  missing: {
    from: 'world',
    make: ({ objects, ...scene }, random) =>
      objects.length === 0
        ? undefined
        : { ...scene, objects: without(objects, random.below(objects.length)) },
  },
  additional: {
    from: 'world',
    make(scene, random) {
      const { background } = scene;
      const behind = colorsBehind(background, 'ground');
      const colors = COLOR_NAMES.filter((name) =>
        behind.every((other) => colorDistance(COLORS[name], other) > 0.165),
      );
      const size = scene.objects[0]?.size ?? 'small';
      const length = SIZES[size][0];
      const box = { width: length, height: length };
      const room = roomFor(scene.ratio, box);
      if (colors.length === 0 || scene.relation === 'on') return undefined;
      for (let i = 0; i < 40; i++) {
        const look = {
          kind: 'circle',
          color: random.pick(colors),
          size,
          texture: 'solid',
          second: 'white',
        } as const;
        const more: SceneObject = {
          ...look,
          ...box,
          x: random.between(...room.x),
          y: random.between(...room.y),
        };
        const objects = [...scene.objects, more];
        if (areApart(objects)) return { ...scene, objects };
      }
      return undefined;
    },
  },
  count: {
    from: 'world',
    make: ({ objects, ...scene }, random) =>
      scene.isGroup ? { ...scene, objects: without(objects, random.below(objects.length)) } : undefined,
  },
  background: {
    from: 'world',
    make(scene, random) {
      for (;;) {
        const { background } = randomScene(99, random.below(1000));
        if (inWords(background) !== inWords(scene.background)) return { ...scene, background };
      }
    },
  },
  relation: {
    from: 'two',
    make({ objects, relation, ratio, ...scene }) {
      const { width, height } = extent(ratio);
      if (relation === undefined) return undefined;
      const isAcross = relation === 'left of' || relation === 'right of';
      const mirrored = objects.map((object) =>
        isAcross ? { ...object, x: width - object.x } : { ...object, y: height - object.y },
      );
      return { ...scene, objects: mirrored, relation, ratio };
    },
  },
};

/** Prompts, each with a scene that differs in one thing from what it says; the first `count` that can be made. */
export function mistaken(name: string, count: number): { prompt: EvaluationPrompt; wrong: Scene }[] {
  const { from, make } = MISTAKES[name]!;
  return evaluationPrompts(from, 30 * count, 3)
    .flatMap((prompt, i) => {
      const wrong = make(prompt.scene, new Random(1, 'scene', i));
      return wrong ? [{ prompt, wrong }] : [];
    })
    .slice(0, count);
}

/** Another first object. */
function changed(
  change: (object: SceneObject, scene: Scene, random: Random) => Partial<SceneObject> | undefined,
): Mistake {
  return (scene, random) => {
    const [first, ...rest] = scene.objects;
    const other = first && change(first, scene, random);
    return other && { ...scene, objects: [{ ...first, ...other }, ...rest] };
  };
}

/** Moved so that it is in the picture. */
function inside({ ratio }: Scene, object: SceneObject): SceneObject {
  const { x, y } = roomFor(ratio, object);
  const within = (value: number, [low, high]: readonly [number, number]) =>
    Math.min(high, Math.max(low, value));
  return { ...object, x: within(object.x, x), y: within(object.y, y) };
}

function without<T>(items: readonly T[], index: number): T[] {
  return items.filter((_, i) => i !== index);
}

function inWords(background: Background): string {
  return JSON.stringify({ ...background, horizon: 0 });
}
