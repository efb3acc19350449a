/**
 * @file What a toy scene is: plain data, from which its picture, its captions and the truth about it follow.
 *
 * Lengths are in short sides of the picture: a scene of ratio 16:9 is 1.78 wide and 1 high, whatever its size in
 * pixels. x goes right, y goes down, from the top left corner.
 */
import type { ColorName, Rgb } from './colors.ts';
import { COLORS, mix } from './colors.ts';

/** Where a kind of thing is found in a landscape. */
export type Realm = 'ground' | 'sky' | 'water';

export interface KindTraits {
  /** Of the box around it; the longer is 1. */
  readonly width: number;
  readonly height: number;
  readonly realm: Realm;
  /** Flat shapes may be striped, dotted or outlined. */
  readonly isFlat: boolean;
  /** Colours of large parts that do not take the colour of the thing. */
  readonly accents: readonly ColorName[];
  /** Side of the largest square that fits in its middle, if another thing may lie on it. */
  readonly room?: number;
}

export const KINDS = {
  circle: { width: 1, height: 1, realm: 'ground', isFlat: true, accents: [], room: 0.66 },
  square: { width: 1, height: 1, realm: 'ground', isFlat: true, accents: [], room: 0.86 },
  triangle: { width: 1, height: 0.88, realm: 'ground', isFlat: true, accents: [] },
  diamond: { width: 0.74, height: 1, realm: 'ground', isFlat: true, accents: [], room: 0.38 },
  star: { width: 1, height: 0.96, realm: 'sky', isFlat: true, accents: [] },
  heart: { width: 1, height: 0.9, realm: 'ground', isFlat: true, accents: [] },
  ring: { width: 1, height: 1, realm: 'ground', isFlat: false, accents: [] },
  cross: { width: 1, height: 1, realm: 'ground', isFlat: true, accents: [] },
  moon: { width: 0.774, height: 1, realm: 'sky', isFlat: false, accents: [] },
  sun: { width: 1, height: 1, realm: 'sky', isFlat: false, accents: [] },
  cloud: { width: 1, height: 0.6, realm: 'sky', isFlat: true, accents: [] },
  tree: { width: 0.72, height: 1, realm: 'ground', isFlat: false, accents: ['brown'] },
  house: { width: 1, height: 0.94, realm: 'ground', isFlat: false, accents: [] },
  flower: { width: 0.62, height: 1, realm: 'ground', isFlat: false, accents: ['green'] },
  mushroom: { width: 0.96, height: 1, realm: 'ground', isFlat: false, accents: ['white'] },
  car: { width: 1, height: 0.54, realm: 'ground', isFlat: false, accents: ['black'] },
  fish: { width: 1, height: 0.58, realm: 'water', isFlat: false, accents: [] },
  boat: { width: 1, height: 0.94, realm: 'water', isFlat: false, accents: ['white'] },
} as const satisfies Record<string, KindTraits>;

export type Kind = keyof typeof KINDS;
export const KIND_NAMES = Object.keys(KINDS) as Kind[];

/** The longer side of a thing's box, smallest and largest. The gaps between them keep the words apart. */
export const SIZES = { small: [0.17, 0.21], medium: [0.29, 0.35], large: [0.48, 0.56] } as const;
export type SizeName = keyof typeof SIZES;

export type Texture = 'solid' | 'striped' | 'dotted' | 'outlined';

/** Words for where the middle of a thing is. */
export type Place =
  | 'left' | 'center' | 'right' | 'top' | 'bottom'
  | 'top left' | 'top right' | 'bottom left' | 'bottom right'; // prettier-ignore

export type Relation = 'left of' | 'right of' | 'above' | 'below' | 'on';

export type Ground = 'grass' | 'sea' | 'snow' | 'sand';
export type Daytime = 'day' | 'sunset' | 'night';

export type Background =
  | { readonly kind: 'plain'; readonly color: ColorName }
  /** From top to bottom. */
  | { readonly kind: 'gradient'; readonly color: ColorName; readonly second: ColorName }
  | { readonly kind: 'stripes' | 'dots'; readonly color: ColorName; readonly second: ColorName }
  | {
      readonly kind: 'landscape';
      readonly ground: Ground;
      readonly daytime: Daytime;
      /** y where the sky ends, as a share of the height. */
      readonly horizon: number;
    };

export interface SceneObject {
  readonly kind: Kind;
  readonly color: ColorName;
  readonly size: SizeName;
  readonly texture: Texture;
  /** Of stripes and dots. */
  readonly second: ColorName;
  /** Middle of its box. */
  readonly x: number;
  readonly y: number;
  /** Of its box. */
  readonly width: number;
  readonly height: number;
}

export interface Scene {
  /** Width over height. */
  readonly ratio: number;
  readonly background: Background;
  /** From front to back. They do not touch each other, but for the relation `on`. */
  readonly objects: readonly SceneObject[];
  /** How the first object lies to the second. */
  readonly relation?: Relation;
  /** Whether the objects differ in place only, and are told as a number of them. */
  readonly isGroup: boolean;
}

/** In pixels of a picture, or in short sides; right and bottom are outside. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Width and height of a picture of the scene, in whole pixels. */
export function sceneSize(
  { ratio }: Pick<Scene, 'ratio'>,
  shortSide: number,
): { width: number; height: number } {
  const { width, height } = extent(ratio);
  return { width: Math.round(width * shortSide), height: Math.round(height * shortSide) };
}

/** Width and height in short sides. */
export function extent(ratio: number): { width: number; height: number } {
  return { width: Math.max(1, ratio), height: Math.max(1, 1 / ratio) };
}

/** The box of a thing in short sides. */
export function boxOf({ x, y, width, height }: Pick<SceneObject, 'x' | 'y' | 'width' | 'height'>): Box {
  return { left: x - width / 2, top: y - height / 2, right: x + width / 2, bottom: y + height / 2 };
}

/** The box of each object in a picture of width x height pixels, for an evaluator. */
export function boxesInPixels({ ratio, objects }: Scene, width: number, height: number): Box[] {
  const whole = extent(ratio);
  const [scaleX, scaleY] = [width / whole.width, height / whole.height];
  return objects.map((object) => {
    const { left, top, right, bottom } = boxOf(object);
    return { left: left * scaleX, top: top * scaleY, right: right * scaleX, bottom: bottom * scaleY };
  });
}

/** Free border around things. */
export const MARGIN = 0.03;
/** Places are told from the way that a thing can go: the first fifth is left, the middle seventh is center. */
const SIDE_SHARE = 0.2;
const CENTER_SHARE = 0.07;

type Interval = readonly [low: number, high: number];

/** Where the middle of a box of this size may be, so that it is inside. */
export function roomFor(
  ratio: number,
  size: { width: number; height: number },
): { x: Interval; y: Interval } {
  const whole = extent(ratio);
  const along = (length: number, own: number): Interval => [MARGIN + own / 2, length - MARGIN - own / 2];
  return { x: along(whole.width, size.width), y: along(whole.height, size.height) };
}

/** The part of the room that a place means. */
export function roomAt(place: Place, room: { x: Interval; y: Interval }): { x: Interval; y: Interval } {
  return {
    x: part(room.x, place.includes('left'), place.includes('right')),
    y: part(room.y, place.includes('top'), place.includes('bottom')),
  };
}

/**
 * The place that the middle of an object clearly is at; undefined between places. In a landscape how high a thing
 * is follows from what it is, so only left, center and right are told.
 */
export function placeOf(
  { ratio, background }: Omit<Scene, 'objects'>,
  object: SceneObject,
): Place | undefined {
  const room = roomFor(ratio, object);
  const isLandscape = background.kind === 'landscape';
  return PLACES.slice(0, isLandscape ? 3 : undefined).find((place) => {
    const { x, y } = roomAt(place, room);
    return isIn(object.x, x) && (isLandscape || isIn(object.y, y));
  });
}

/** Those that are told in landscapes come first. */
export const PLACES: readonly Place[] = [
  ...(['left', 'center', 'right', 'top', 'bottom'] as const),
  ...(['top left', 'top right', 'bottom left', 'bottom right'] as const),
];

function part([low, high]: Interval, isFirst: boolean, isLast: boolean): Interval {
  const length = high - low;
  if (isFirst) return [low, low + SIDE_SHARE * length];
  if (isLast) return [high - SIDE_SHARE * length, high];
  const middle = (low + high) / 2;
  return [middle - (CENTER_SHARE / 2) * length, middle + (CENTER_SHARE / 2) * length];
}

function isIn(value: number, [low, high]: Interval): boolean {
  return value >= low && value <= high;
}

const GROUND_COLORS: Readonly<Record<Ground, Record<Daytime, Rgb>>> = {
  grass: { day: [150, 206, 104], sunset: [128, 158, 82], night: [34, 58, 48] },
  sea: { day: [58, 128, 196], sunset: [104, 92, 150], night: [20, 42, 84] },
  snow: { day: [238, 243, 249], sunset: [240, 208, 200], night: [150, 162, 192] },
  sand: { day: [238, 216, 162], sunset: [214, 160, 108], night: [104, 94, 84] },
};
/** At the top and at the horizon. */
const SKY_COLORS: Readonly<Record<Daytime, readonly [Rgb, Rgb]>> = {
  day: [
    [132, 198, 250],
    [188, 226, 254],
  ],
  sunset: [
    [252, 150, 100],
    [254, 206, 150],
  ],
  night: [
    [16, 18, 50],
    [34, 38, 84],
  ],
};

/** The colours of a landscape: sky at the top, sky at the horizon, ground. */
export function landscapeColors(ground: Ground, daytime: Daytime): readonly [Rgb, Rgb, Rgb] {
  return [...SKY_COLORS[daytime], GROUND_COLORS[ground][daytime]];
}

/** The colours that may lie behind a thing of this realm. */
export function colorsBehind(background: Background, realm: Realm): readonly Rgb[] {
  if (background.kind === 'landscape') {
    const [top, horizon, ground] = landscapeColors(background.ground, background.daytime);
    return realm === 'sky' ? [top, horizon] : [top, horizon, ground];
  }
  if (background.kind === 'plain') return [COLORS[background.color]];
  const [first, second] = [COLORS[background.color], COLORS[background.second]];
  return background.kind === 'gradient' ? [first, mix(first, second, 0.5), second] : [first, second];
}
