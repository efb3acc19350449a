/**
 * @file The judge: whether a picture shows what its prompt said, property by property. It looks at pixels alone, and
 * judges only what was said.
 */
import type { Pixels } from '../image/pixels.ts';
import {
  placeOf,
  roomFor,
  SIZES,
  type Background,
  type Box,
  type Place,
  type Relation,
  type Scene,
  type SceneObject,
  type SizeName,
} from '../training/data/toy-scenes/scene.ts';
import { findThings, takenApart } from './find-things.ts';
import type { FoundThing } from './fit-thing.ts';
import { labPicture, type LabPicture } from './lab-picture.ts';
import { surroundings, surroundingsByEdges, type Distances } from './surroundings.ts';

/** What a prompt said of a scene beside its background, kinds, colours, textures and how many things there are. */
export interface Said {
  readonly size: boolean;
  readonly place: boolean;
  readonly relation: boolean;
}

export const PROPERTIES = [
  'background', 'count', 'color', 'kind', 'size', 'place', 'texture', 'relation',
] as const; // prettier-ignore
export type Property = (typeof PROPERTIES)[number];

export interface Verdict {
  /** Whether each property is right, of all things; without those that the prompt did not say. */
  readonly properties: Readonly<Partial<Record<Property, boolean>>>;
  /** Whether all of them are right. */
  readonly all: boolean;
  /** What was seen, from large to small. */
  readonly found: readonly FoundThing[];
}

/** Things longer than this (short sides) are none: that is a background nobody asked for. */
const LONGEST = 0.7;
/** How much further than the places of scenes a thing may be, as a share of the way it can go. */
const PLACE_TOLERANCE = 0.1;
/** Sides of scenes' places: their first fifth is left, their middle is center. */
const SIDE = 0.2 + PLACE_TOLERANCE;
const CENTER = 0.035 + PLACE_TOLERANCE;
/** Things told as side by side may overlap a bit (short sides), and be less level than those of scenes. */
const OVERLAP = 0.05;
const LEVEL = 0.8;
/** More things than these, the largest, are not matched with those that were asked for. */
const MOST_MATCHED = 7;

/** Judges a picture of any size; `scene` is what was asked for. */
export function judge(pixels: Pixels, scene: Scene, said: Said): Verdict {
  const { found, isBackground } = look(pixels, scene.background, scene.objects.length);
  const asked: Asked = {
    scene,
    said,
    places: placesSaid(scene, said),
    isLandscape: scene.background.kind === 'landscape',
    ratio: pixels.width / pixels.height,
  };
  const { objects, relation } = scene;
  const matched = match(asked, found);
  const every = (isRight: (object: SceneObject, thing: FoundThing, index: number) => boolean) =>
    objects.every((object, i) => matched[i] !== undefined && isRight(object, matched[i], i));
  const isRelationSaid = relation !== undefined && (said.relation || relation === 'on');
  const properties: Partial<Record<Property, boolean>> = {
    background: isBackground,
    count: found.length === objects.length,
    ...(objects.length > 0 && {
      color: every(isColored),
      kind: every(({ kind }, thing) => kind === thing.kind),
      texture: every(({ texture }, thing) => texture === thing.texture),
    }),
    ...(objects.length > 0 && said.size && { size: every(({ size }, thing) => size === sizeOf(thing.box)) }),
    ...(asked.places.some((place) => place !== undefined) && {
      place: every((_, { box }, i) => asked.places[i] === undefined || isAt(asked.places[i], box, asked)),
    }),
    ...(isRelationSaid && {
      relation: areRelated(relation, matched[0]?.box, matched[1]?.box),
    }),
  };
  return { properties, all: Object.values(properties).every(Boolean), found };
}

/** What a picture is judged by. */
interface Asked {
  readonly scene: Scene;
  readonly said: Said;
  /** Of each object, where one was said. */
  readonly places: readonly (Place | undefined)[];
  readonly isLandscape: boolean;
  /** Width over height of the picture. */
  readonly ratio: number;
}

/**
 * The things in a picture, from large to small, and whether the background is the one that was asked for. Where there
 * are fewer things than `expected`, those that touch each other are taken apart by their colours.
 */
export function look(
  pixels: Pixels,
  background: Background,
  expected = 1,
): { readonly found: readonly FoundThing[]; readonly isBackground: boolean } {
  const picture = labPicture(pixels);
  const thingsBy = (distances: Distances) => {
    const found = findThings(picture, distances);
    const isEnough = found.length === 0 || found.length >= expected;
    return isEnough ? found : found.flatMap((thing) => takenApart(picture, distances, thing));
  };
  const { distances, isRight } = surroundings(picture, background);
  const found = thingsBy(distances);
  const isThing = new Uint8Array(picture.width * picture.height);
  for (const { component } of found) mark(isThing, picture, component);
  if (found.every(({ box }) => longerSide(box) <= LONGEST) && isRight(isThing)) {
    return { found: largestFirst(found), isBackground: true };
  }
  return { found: largestFirst(thingsBy(surroundingsByEdges(picture))), isBackground: false };
}

function largestFirst(things: readonly FoundThing[]): FoundThing[] {
  return things.toSorted((a, b) => b.component.pixels.length - a.component.pixels.length);
}

function mark(
  isThing: Uint8Array,
  { width, height }: LabPicture,
  { left, top, right, bottom }: FoundThing['component'],
): void {
  const margin = 2;
  for (let row = Math.max(0, top - margin); row < Math.min(height, bottom + margin); row++) {
    isThing.fill(1, row * width + Math.max(0, left - margin), row * width + Math.min(width, right + margin));
  }
}

/** The thing that was found for each object, so that as much as possible is right. */
function match(asked: Asked, found: readonly FoundThing[]): (FoundThing | undefined)[] {
  const { objects } = asked.scene;
  const things = found.slice(0, MOST_MATCHED);
  const worth = objects.map((object, i) =>
    things.map((thing) => likeness(asked, object, asked.places[i], thing)),
  );
  let best = { worth: -1, choice: [] as (number | undefined)[] };
  const choose = (choice: (number | undefined)[], total: number): void => {
    if (choice.length === objects.length) {
      if (total > best.worth) best = { worth: total, choice };
      return;
    }
    worth[choice.length]!.forEach((value, thing) => {
      if (!choice.includes(thing)) choose([...choice, thing], total + value);
    });
    choose([...choice, undefined], total);
  };
  choose([], 0);
  return best.choice.map((thing) => (thing === undefined ? undefined : things[thing]));
}

/** How much of what was asked of an object a thing has: kind and colour count more than where it is. */
function likeness(asked: Asked, object: SceneObject, place: Place | undefined, thing: FoundThing): number {
  const rights: readonly [isRight: boolean, weight: number][] = [
    [object.kind === thing.kind, 4],
    [isColored(object, thing), 4],
    [place !== undefined && isAt(place, thing.box, asked), 3],
    [asked.said.size && object.size === sizeOf(thing.box), 2],
    [object.texture === thing.texture, 1],
  ];
  return rights.reduce((sum, [isRight, weight]) => sum + (isRight ? weight : 0), 1);
}

/** Which colour of two that take turns is the thing's own cannot be seen. */
function isColored({ color }: SceneObject, thing: FoundThing): boolean {
  return thing.color === color || (thing.texture === 'striped' && thing.second === color);
}

/** The place that was said of each object. Of a group and of related things none is. */
function placesSaid(scene: Scene, { place }: Said): (Place | undefined)[] {
  const isTold = place && !scene.isGroup && scene.relation === undefined;
  return scene.objects.map((object) => (isTold ? placeOf(scene, object) : undefined));
}

function longerSide({ left, top, right, bottom }: Box): number {
  return Math.max(right - left, bottom - top);
}

/** The word for a size: the limits are in the middle between those of scenes. */
function sizeOf(box: Box): SizeName {
  const limit = (low: SizeName, high: SizeName) => (SIZES[low][1] + SIZES[high][0]) / 2;
  const length = longerSide(box);
  if (length < limit('small', 'medium')) return 'small';
  return length < limit('medium', 'large') ? 'medium' : 'large';
}

function isAt(place: Place, box: Box, { ratio, isLandscape }: Asked): boolean {
  const size = { width: box.right - box.left, height: box.bottom - box.top };
  const room = roomFor(ratio, size);
  const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
  const isOnWay = (value: number, [low, high]: readonly [number, number], first: string, last: string) => {
    const way = (value - low) / (high - low);
    if (place.includes(first)) return way <= SIDE;
    if (place.includes(last)) return way >= 1 - SIDE;
    return Math.abs(way - 0.5) <= CENTER;
  };
  const isLevel = isLandscape || isOnWay(y, room.y, 'top', 'bottom');
  return isLevel && isOnWay(x, room.x, 'left', 'right');
}

function areRelated(relation: Relation, a?: Box, b?: Box): boolean {
  if (!a || !b) return false;
  const [across, down] = [
    (b.left + b.right - a.left - a.right) / 2,
    (b.top + b.bottom - a.top - a.bottom) / 2,
  ];
  switch (relation) {
    case 'left of':
      return a.right - OVERLAP <= b.left && Math.abs(down) <= LEVEL * across;
    case 'right of':
      return areRelated('left of', b, a);
    case 'above':
      return a.bottom - OVERLAP <= b.top && Math.abs(across) <= LEVEL * down;
    case 'below':
      return areRelated('above', b, a);
    case 'on':
      return (
        a.left >= b.left - OVERLAP &&
        a.right <= b.right + OVERLAP &&
        a.top >= b.top - OVERLAP &&
        a.bottom <= b.bottom + OVERLAP
      );
  }
}
