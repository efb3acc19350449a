/** @file The things in a picture: what differs from the background, part by part. */
import { KINDS } from '../training/data/toy-scenes/scene.ts';
import { components, gapBetween, joined, lengthOf, type Component } from './components.ts';
import { colorsOf, fitThing, type FoundThing } from './fit-thing.ts';
import { SHORT_SIDE, type LabPicture } from './lab-picture.ts';
import { DIFFERENT, distance, leastBy, type Distances } from './surroundings.ts';
import { CELLS, LAB_COLORS, SPAN, template } from './templates.ts';

/** Pixels of the smallest part that is looked at: stars and noise are smaller. */
const SPECK = 12;
/** Pixels of the smallest blob that counts as a thing. */
const SMALLEST = 40;
/** Of more parts than these only the largest are looked at: the picture is wrong anyway. */
const MOST_LOOKED_AT = 16;
/** What is so narrow (pixels) is no thing. */
const LINE = 2;
/** How far edges may be blurred, in pixels. */
const BLUR = 2;
/** Parts of one thing may be so far apart (pixels), where what is between them is like the background. */
const FARTHEST_PARTS = 8;
const MOST_PARTS = 5;
/** A thing on a thing: its length in pixels, as a share of the thing below, and of what is not in that one's colour. */
const ON = { shortest: 0.12 * SHORT_SIDE, longest: 0.62, share: 0.7 } as const;

/** All things of a picture, those that lie on others behind these. */
export function findThings(picture: LabPicture, distances: Distances): FoundThing[] {
  const mask = differing(distances);
  const parts = components(mask, picture.width, SPECK)
    .filter(isNoLine)
    .toSorted((a, b) => b.pixels.length - a.pixels.length)
    .slice(0, MOST_LOOKED_AT)
    .map((part) => withSharpEdges(part, distances, picture.width));
  const things = clusters(parts).flatMap((cluster) => explained(picture, distances, cluster));
  return things
    .filter(({ component }) => component.pixels.length >= SMALLEST)
    .flatMap((thing) => withThingOn(picture, thing));
}

/** Edges of patterns that have slipped a bit are lines. */
function isNoLine({ left, top, right, bottom }: Component): boolean {
  return Math.min(right - left, bottom - top) > LINE;
}

/**
 * The component with the box that it would have if it were not blurred: its edge is where the difference is half of
 * what it is a bit further in.
 */
function withSharpEdges(component: Component, distances: Distances, width: number): Component {
  const { pixels, left, top, right, bottom } = component;
  const columns = new Float32Array(right - left);
  const rows = new Float32Array(bottom - top);
  for (const at of pixels) {
    const [column, row] = [(at % width) - left, Math.floor(at / width) - top];
    columns[column] = Math.max(columns[column]!, distances[at]!);
    rows[row] = Math.max(rows[row]!, distances[at]!);
  }
  return {
    pixels,
    left: left + blurred(columns),
    right: right - blurred(columns.toReversed()),
    top: top + blurred(rows),
    bottom: bottom - blurred(rows.toReversed()),
  };
}

/** How many of the first values are less than half of what follows. */
function blurred(values: Float32Array): number {
  const most = Math.max(...values.subarray(0, BLUR + 1));
  return values.findIndex((value) => value >= most / 2);
}

function differing(distances: Distances): Uint8Array {
  const mask = new Uint8Array(distances.length);
  for (let i = 0; i < mask.length; i++) if (distances[i]! > DIFFERENT) mask[i] = 1;
  return mask;
}

/** Parts that may belong together. */
function clusters(parts: readonly Component[]): Component[][] {
  const result: Component[][] = [];
  for (const part of parts) {
    const near = result.filter((cluster) =>
      cluster.some((other) => gapBetween(part, other) <= FARTHEST_PARTS),
    );
    for (const cluster of near) result.splice(result.indexOf(cluster), 1);
    result.push([...near.flat(), part]);
  }
  return result;
}

/** The parts as one thing or as several, whatever leaves less unexplained: parts are joined while that gains. */
function explained(picture: LabPicture, distances: Distances, parts: readonly Component[]): FoundThing[] {
  const alone = parts.map((part) => fitThing(picture, distances, part));
  if (parts.length < 2 || parts.length > MOST_PARTS) return alone;
  const choices = subsets(alone).map((chosen) => {
    const together = fitThing(picture, distances, joined(chosen.map(({ component }) => component)));
    const gain = chosen.reduce((sum, { misfit }) => sum + misfit, 0) - together.misfit;
    return { chosen, together, gain };
  });
  const { chosen, together, gain } = leastBy(choices, ({ gain }) => -gain);
  if (gain <= 0) return alone;
  const rest = alone.filter((thing) => !chosen.includes(thing));
  return [
    together,
    ...explained(
      picture,
      distances,
      rest.map(({ component }) => component),
    ),
  ];
}

/** All choices of two or more. */
function subsets<T>(items: readonly T[]): T[][] {
  const all = items.reduce<T[][]>(
    (before, item) => [...before, ...before.map((set) => [...set, item])],
    [[]],
  );
  return all.filter((set) => set.length > 1);
}

/** Things of two colours that touch each other as two, where that leaves less unexplained; else the one. */
export function takenApart(picture: LabPicture, distances: Distances, thing: FoundThing): FoundThing[] {
  const { width, data } = picture;
  const { pixels } = thing.component;
  const colors = colorsOf(picture, thing.component).map(({ color }) => color);
  const parts = colors.flatMap((color) => {
    const mask = new Uint8Array(distances.length);
    for (const at of pixels) {
      const nearest = leastBy(colors, (other) => distance(data, at * 3, LAB_COLORS[other], 0));
      if (nearest === color) mask[at] = 1;
    }
    return components(mask, width, SMALLEST);
  });
  if (parts.length < 2 || parts.length > MOST_PARTS) return [thing];
  const apart = explained(picture, distances, parts);
  return apart.reduce((sum, { misfit }) => sum + misfit, 0) < thing.misfit ? apart : [thing];
}

/** The thing, and before it the one that lies on it, if one does: a blob in another colour in its middle. */
function withThingOn(picture: LabPicture, thing: FoundThing): FoundThing[] {
  const { component, kind, color, texture } = thing;
  if (!('room' in KINDS[kind]) || texture === 'outlined') return [thing];
  const { width, height, data } = picture;
  const surface = LAB_COLORS[color];
  const inner = insideOf(thing, width);
  const distances = new Float32Array(width * height);
  for (const at of inner) distances[at] = distance(data, at * 3, surface, 0);
  const mask = differing(distances);
  const parts = components(mask, width, 1);
  const largest = parts.toSorted((a, b) => b.pixels.length - a.pixels.length)[0];
  if (!largest) return [thing];
  const all = parts.reduce((sum, { pixels }) => sum + pixels.length, 0);
  const length = lengthOf(largest);
  const isThing =
    length >= ON.shortest &&
    length <= ON.longest * lengthOf(component) &&
    largest.pixels.length >= ON.share * all;
  return isThing
    ? [
        fitThing(picture, distances, withSharpEdges(largest, distances, width)),
        { ...thing, texture: 'solid' },
      ]
    : [thing];
}

/** Pixels well inside of a thing's shape. */
function insideOf({ kind, color, component }: FoundThing, width: number): number[] {
  const shape = template(kind, 'solid', color);
  const { left, top, right, bottom } = component;
  const [x, y, length] = [(left + right) / 2, (top + bottom) / 2, lengthOf(component)];
  const cellOf = (place: number) => Math.floor((place / (length * SPAN) + 0.5) * CELLS);
  const margin = 2;
  const isInside = (column: number, row: number) =>
    [-margin, margin].every((dx) =>
      [-margin, margin].every((dy) => {
        const cell = cellOf(row + 0.5 + dy - y) * CELLS + cellOf(column + 0.5 + dx - x);
        return (shape[cell * 4 + 3] ?? 0) >= 1;
      }),
    );
  const result: number[] = [];
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      if (isInside(column, row)) result.push(row * width + column);
    }
  }
  return result;
}
