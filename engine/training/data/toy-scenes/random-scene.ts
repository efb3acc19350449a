/**
 * @file Scene number n of a seed. What things there are is drawn first, then places are tried until none touches
 * another and every word that a caption may say is clearly true.
 */
import { Random } from '../random.ts';
import { colorDistance, COLOR_NAMES, COLORS, type Rgb } from './colors.ts';
import {
  boxOf,
  colorsBehind,
  extent,
  KIND_NAMES,
  KINDS,
  MARGIN,
  PLACES,
  roomAt,
  roomFor,
  SIZES,
  type Background,
  type Kind,
  type KindTraits,
  type Place,
  type Relation,
  type Scene,
  type SceneObject,
  type SizeName,
  type Texture,
} from './scene.ts';

/** Shares of pictures. */
const LAYOUTS = { empty: 0.02, one: 0.44, group: 0.12, relation: 0.22, on: 0.05, several: 0.15 } as const;
const BACKGROUNDS = { plain: 0.46, landscape: 0.3, gradient: 0.08, stripes: 0.08, dots: 0.08 } as const;
const TEXTURES = { solid: 0.64, striped: 0.12, dotted: 0.12, outlined: 0.12 } as const;
const SIZE_SHARES = { small: 1, medium: 1, large: 1 } as const;
/** Width over height, with those a camera or a screen has. */
export const RATIOS = [1, 1, 1, 4 / 3, 3 / 4, 3 / 2, 2 / 3, 16 / 9, 9 / 16] as const;
/** Share of ratios in between. */
const FREE_RATIOS = 0.3;
const WIDEST = 16 / 9;

/** Colours nearer than this (Oklab) are not put on each other; large parts in other colours may be a bit nearer. */
const CLEAR = 0.165;
const CLEAR_ACCENT = 0.12;

/** Free space between two things, in short sides. */
const GAP = 0.04;
/** How level two things are that are told as side by side: most of the way between them must go one way. */
const LEVEL = 0.4;
const TRIES = 60;
/** Share of single things that are clearly at one of the places. */
const CLEAR_PLACES = 0.85;
const MOST_SMALL = 5;
const MOST_MEDIUM = 3;
/** What hills take of the sky, in short sides. */
const HILLS = 0.07;
/** Of stripes and dots: the first that shows. */
const SECOND_COLORS = ['white', 'black', 'grey'] as const;

/** What is drawn for a thing before it has a place. */
type Thing = Omit<SceneObject, 'x' | 'y'>;

/** Scene number `number` (0..2^53-1) of a seed: always the same. */
export function randomScene(seed: number, number: number): Scene {
  const random = new Random(seed, 'scene', number);
  const layout = random.pickWeighted(LAYOUTS);
  // Things may not fit into their picture. The row of random numbers goes on, so another try is another scene.
  for (;;) {
    const canvas = { ratio: randomRatio(random), background: randomBackground(random) };
    const scene = BUILDERS[layout](random, canvas);
    if (scene) return scene;
  }
}

type Canvas = Pick<Scene, 'ratio' | 'background'>;
type Builder = (random: Random, canvas: Canvas) => Scene | undefined;

/** What makes each layout; undefined when the things did not fit. */
const BUILDERS: Readonly<Record<keyof typeof LAYOUTS, Builder>> = {
  empty: (_, canvas) => ({ ...canvas, objects: [], isGroup: false }),

  one(random, canvas) {
    const thing = randomThing(random, canvas);
    const place = random.chance(CLEAR_PLACES) ? random.pick(PLACES) : undefined;
    const object = thing && put(random, canvas, thing, place);
    return object && { ...canvas, objects: [object], isGroup: false };
  },

  group(random, canvas) {
    const size = random.pick(['small', 'small', 'medium'] as const);
    const count = 2 + random.below(size === 'small' ? MOST_SMALL - 1 : MOST_MEDIUM - 1);
    const thing = randomThing(random, canvas, size);
    const objects = thing && spread(random, canvas, Array<Thing>(count).fill(thing));
    return objects && { ...canvas, objects, isGroup: true };
  },

  relation(random, canvas) {
    const relation = random.pick(['left of', 'right of', 'above', 'below'] as const);
    const things = differentThings(random, canvas, 2);
    const isClear = ([first, second]: readonly SceneObject[]) => holds(relation, first!, second!);
    const objects = things && spread(random, canvas, things, [], isClear);
    return objects && { ...canvas, objects, relation, isGroup: false };
  },

  on(random, canvas) {
    if (!['plain', 'gradient'].includes(canvas.background.kind)) return undefined;
    const below = randomThing(random, canvas, 'large', ['solid']);
    const room = below && (KINDS[below.kind] as KindTraits).room;
    const base = room && put(random, canvas, below);
    if (!base) return undefined;
    const surface: Background = { kind: 'plain', color: base.color };
    const thing = randomThing(random, { ...canvas, background: surface }, 'small', ['solid']);
    const free = room * Math.max(base.width, base.height) - (thing ? Math.max(thing.width, thing.height) : 0);
    if (!thing || free < 0) return undefined;
    const [x, y] = [base.x, base.y].map((middle) => middle + random.between(-free / 4, free / 4));
    return { ...canvas, objects: [{ ...thing, x: x!, y: y! }, base], relation: 'on', isGroup: false };
  },

  several(random, canvas) {
    const things = differentThings(random, canvas, random.pick([2, 3, 3]));
    const places = random.shuffled(PLACES);
    const objects = things && spread(random, canvas, things, places);
    return objects && { ...canvas, objects, isGroup: false };
  },
};

function randomRatio(random: Random): number {
  if (!random.chance(FREE_RATIOS)) return random.pick(RATIOS);
  return Math.exp(random.between(-Math.log(WIDEST), Math.log(WIDEST)));
}

function randomBackground(random: Random): Background {
  const kind = random.pickWeighted(BACKGROUNDS);
  if (kind === 'landscape') {
    const ground = random.pick(['grass', 'grass', 'sea', 'snow', 'sand'] as const);
    const daytime = random.pick(['day', 'day', 'sunset', 'night', 'night'] as const);
    return { kind, ground, daytime, horizon: random.between(0.5, 0.64) };
  }
  const color = random.pick(COLOR_NAMES);
  if (kind === 'plain') return { kind, color };
  const others = COLOR_NAMES.filter((other) => isClear(COLORS[other], [COLORS[color]]));
  return { kind, color, second: random.pick(others) };
}

/** A thing that shows on the background; undefined where no colour does. */
function randomThing(
  random: Random,
  { background }: Canvas,
  size: SizeName = random.pickWeighted(SIZE_SHARES),
  textures: readonly Texture[] = possibleTextures(background, size),
): Thing | undefined {
  const kind = random.pick(KIND_NAMES.filter((name) => belongs(name, background)));
  const traits: KindTraits = KINDS[kind];
  const behind = colorsBehind(background, traits.realm);
  const colors = COLOR_NAMES.filter((name) => isClear(COLORS[name], behind));
  const accents = traits.accents.map((name) => COLORS[name]);
  if (colors.length === 0 || !accents.every((accent) => isClear(accent, behind, CLEAR_ACCENT)))
    return undefined;
  const color = random.pick(colors);
  const wanted = random.pickWeighted(TEXTURES);
  const texture = traits.isFlat && textures.includes(wanted) ? wanted : 'solid';
  const seconds = SECOND_COLORS.filter((name) => isClear(COLORS[name], [...behind, COLORS[color]]));
  const isPatterned = texture === 'striped' || texture === 'dotted';
  if (isPatterned && seconds.length === 0) return undefined;
  if (size === 'small' && isPattern(background)) return undefined; // lost among stripes and dots
  const [shortest, longest] = SIZES[size];
  const length = random.between(shortest, longest);
  const box = { width: length * traits.width, height: length * traits.height };
  return { kind, color, size, texture, second: seconds[0] ?? 'white', ...box };
}

/** Patterns on patterns, and on few pixels, cannot be told. */
function possibleTextures(background: Background, size: SizeName): readonly Texture[] {
  if (isPattern(background) || size === 'small') return ['solid'];
  return ['solid', 'striped', 'dotted', 'outlined'];
}

function isPattern({ kind }: Background): boolean {
  return kind === 'stripes' || kind === 'dots';
}

/** Things of the water are on water only, those of the ground never; elsewhere than in landscapes is all. */
function belongs(kind: Kind, background: Background): boolean {
  if (background.kind !== 'landscape') return true;
  const { realm } = KINDS[kind];
  return realm === 'sky' || realm === (background.ground === 'sea' ? 'water' : 'ground');
}

/** Things of which no two have kind and colour in common. */
function differentThings(random: Random, canvas: Canvas, count: number): Thing[] | undefined {
  const things = Array.from({ length: count }, () => randomThing(random, canvas));
  const known = things.filter((thing) => thing !== undefined);
  const names = new Set(known.map(({ kind, color }) => `${color} ${kind}`));
  return names.size === count ? known : undefined;
}

/** Puts the things, each at its place if there are places, so that none is near another. */
function spread(
  random: Random,
  canvas: Canvas,
  things: readonly Thing[],
  places: readonly Place[] = [],
  isGood: (objects: readonly SceneObject[]) => boolean = () => true,
): SceneObject[] | undefined {
  for (let i = 0; i < TRIES; i++) {
    const objects = things.map((thing, at) => put(random, canvas, thing, places[at]));
    const known = objects.filter((object) => object !== undefined);
    if (known.length < things.length) return undefined;
    if (areApart(known) && isGood(known)) return known;
  }
  return undefined;
}

/** The thing at a random point of its place, or of all the room it has; undefined where it has none. */
function put(random: Random, canvas: Canvas, thing: Thing, place?: Place): SceneObject | undefined {
  const { ratio, background } = canvas;
  const whole = roomFor(ratio, thing);
  const wanted = place ? roomAt(place, whole) : whole;
  const y = background.kind === 'landscape' ? landscapeRoom(canvas, thing) : wanted.y;
  if (wanted.x[0] > wanted.x[1] || y[0] > y[1]) return undefined;
  return { ...thing, x: random.between(...wanted.x), y: random.between(...y) };
}

/** Where the middle of a thing may be from top to bottom: on the ground, in the sky, on or in the water. */
function landscapeRoom({ ratio, background }: Canvas, thing: Thing): readonly [number, number] {
  const [top, bottom] = roomFor(ratio, thing).y;
  const horizon = background.kind === 'landscape' ? background.horizon * extent(ratio).height : 0;
  const half = thing.height / 2;
  if (KINDS[thing.kind].realm === 'sky') return [top, Math.min(bottom, horizon - HILLS - half)];
  if (thing.kind === 'fish') return [Math.max(top, horizon + MARGIN + half), bottom];
  return [Math.max(top, horizon + MARGIN - half), bottom];
}

/** Whether a relation is clearly true of two objects. */
export function holds(relation: Relation, first: SceneObject, second: SceneObject): boolean {
  const [a, b] = [boxOf(first), boxOf(second)];
  const [across, down] = [Math.abs(second.x - first.x), Math.abs(second.y - first.y)];
  switch (relation) {
    case 'left of':
      return a.right + GAP <= b.left && down <= LEVEL * across;
    case 'right of':
      return holds('left of', second, first);
    case 'above':
      return a.bottom + GAP <= b.top && across <= LEVEL * down;
    case 'below':
      return holds('above', second, first);
    case 'on':
      return a.left >= b.left && a.right <= b.right && a.top >= b.top && a.bottom <= b.bottom;
  }
}

/** Whether no two objects are near each other. */
export function areApart(objects: readonly SceneObject[]): boolean {
  const boxes = objects.map(boxOf);
  return boxes.every((a, i) =>
    boxes.slice(i + 1).every((b) => {
      const isBeside = a.right + GAP <= b.left || b.right + GAP <= a.left;
      return isBeside || a.bottom + GAP <= b.top || b.bottom + GAP <= a.top;
    }),
  );
}

function isClear(color: Rgb, behind: readonly Rgb[], least = CLEAR): boolean {
  return behind.every((other) => colorDistance(color, other) >= least);
}
