/**
 * @file The things in a picture: what differs from the background, part by part, each compared with all kinds in all
 * colours that it has. The kind whose drawing leaves the least to explain is what it is.
 */
import { COLOR_NAMES, type ColorName } from '../training/data/toy-scenes/colors.ts';
import {
  KIND_NAMES,
  KINDS,
  SIZES,
  type Box,
  type Kind,
  type KindTraits,
  type Texture,
} from '../training/data/toy-scenes/scene.ts';
import { components, gapBetween, joined, lengthOf, type Component } from './components.ts';
import { SHORT_SIDE, type LabPicture } from './lab-picture.ts';
import { DIFFERENT, distance, leastBy, type Distances } from './surroundings.ts';
import { CELLS, cellPlace, LAB_COLORS, SPAN, template, type Template } from './templates.ts';

export interface FoundThing {
  readonly kind: Kind;
  readonly color: ColorName;
  readonly texture: Texture;
  /** Of stripes and dots. */
  readonly second?: ColorName;
  /** In short sides. */
  readonly box: Box;
  /** Its pixels. */
  readonly component: Component;
  /** What its drawing leaves unexplained: the sum of Oklab distances (each clipped) over pixels. */
  readonly misfit: number;
}

/** Pixels of the smallest part that is looked at: stars and noise are smaller. */
const SPECK = 12;
/** Pixels of the smallest blob that counts as a thing. */
const SMALLEST = 40;
/** What is so narrow (pixels) is no thing. */
const LINE = 2;
/** How far edges may be blurred, in pixels. */
const BLUR = 2;
/** Parts of one thing may be so far apart (pixels), where what is between them is like the background. */
const FARTHEST_PARTS = 8;
const MOST_PARTS = 5;
/** A colour is tried when it is nearest to this share of a thing's pixels; so many at most. */
const COLOR_SHARE = 0.08;
const MOST_COLORS = 4;
/** A difference (Oklab) counts no more than this. */
const CLIP = 0.2;
/** Added to a fit with two colours, which would else be never worse than with one. */
const PATTERN_COST = 0.004;
/** Share of a thing that has its second colour, from which it is dotted, and striped. */
const DOTTED = 0.08;
const STRIPED = 0.38;
const SECONDS: readonly ColorName[] = ['white', 'black', 'grey'];
/** The second colour takes at most so many times the pixels of the first. */
const LARGEST_SECOND = 1.5;
/** Things shorter than this (pixels) have no pattern that could be told. */
const SMALL = ((SIZES.small[1] + SIZES.medium[0]) / 2) * SHORT_SIDE;
/** A thing on a thing: its length in pixels, as a share of the thing below, and of what is not in that one's colour. */
const ON = { shortest: 0.12 * SHORT_SIDE, longest: 0.62, share: 0.7 } as const;

/** All things of a picture, those that lie on others behind these. */
export function findThings(picture: LabPicture, distances: Distances): FoundThing[] {
  const mask = differing(distances);
  const parts = components(mask, picture.width, SPECK)
    .filter(isNoLine)
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

/** A part of a picture on the grid of templates. */
interface Patch {
  /** Oklab of each cell. */
  readonly colors: Float32Array;
  /** How far each cell is from the background; 0 where another thing is. */
  readonly distances: Float32Array;
  /** Pixels of a cell. */
  readonly area: number;
}

function patchOf(picture: LabPicture, distances: Distances, component: Component): Patch {
  const { width, height, data } = picture;
  const isOwn = new Set(component.pixels);
  const [x, y] = [(component.left + component.right) / 2, (component.top + component.bottom) / 2];
  const length = lengthOf(component);
  const colors = new Float32Array(CELLS * CELLS * 3);
  const far = new Float32Array(CELLS * CELLS);
  for (let cell = 0; cell < CELLS * CELLS; cell++) {
    const column = Math.floor(x + cellPlace(cell % CELLS) * length);
    const row = Math.floor(y + cellPlace(Math.floor(cell / CELLS)) * length);
    const isInside = column >= 0 && column < width && row >= 0 && row < height;
    const at = isInside ? row * width + column : -1;
    if (isInside) colors.set(data.subarray(at * 3, at * 3 + 3), cell * 3);
    else colors.fill(NaN, cell * 3, cell * 3 + 3);
    far[cell] = isOwn.has(at) ? Math.min(CLIP, distances[at]!) : 0;
  }
  return { colors, distances: far, area: ((length * SPAN) / CELLS) ** 2 };
}

interface Fit {
  readonly kind: Kind;
  readonly color: ColorName;
  readonly isOutlined: boolean;
  readonly second?: ColorName;
  readonly misfit: number;
}

function fitThing(picture: LabPicture, distances: Distances, component: Component): FoundThing {
  const patch = patchOf(picture, distances, component);
  const colors = colorsOf(picture, component);
  const far = new Map(colors.map(({ color }) => [color, distancesFrom(patch, color)]));
  const isSmall = lengthOf(component) < SMALL;
  const fits = colors.flatMap(({ color, pixels }) => {
    const seconds = colors.filter((other) => {
      const isSecond = other.color !== color && SECONDS.includes(other.color);
      return isSecond && !isSmall && other.pixels <= LARGEST_SECOND * pixels;
    });
    const patterns = seconds.map(({ color: second }) => {
      return { second, far: patternDistances(patch, far.get(color)!, far.get(second)!) };
    });
    return KIND_NAMES.flatMap((kind): Fit[] => {
      const shape = template(kind, 'solid', color);
      const base = { kind, color, isOutlined: false };
      const traits: KindTraits = KINDS[kind];
      if (!traits.isFlat) return [{ ...base, misfit: misfitOf(patch, shape) }];
      const outline = template(kind, 'outlined', color);
      return [
        { ...base, misfit: flatMisfit(patch, shape, far.get(color)!) },
        { ...base, isOutlined: true, misfit: flatMisfit(patch, outline, far.get(color)!) },
        ...patterns.map(({ second, far }) => ({
          ...base,
          second,
          misfit: flatMisfit(patch, shape, far) + PATTERN_COST,
        })),
      ];
    });
  });
  const best = leastBy(fits, ({ misfit }) => misfit);
  const texture = textureOf(best, patch);
  const { left, top, right, bottom } = component;
  return {
    kind: best.kind,
    color: best.color,
    texture,
    ...(best.second && { second: best.second }),
    box: {
      left: left / SHORT_SIDE,
      top: top / SHORT_SIDE,
      right: right / SHORT_SIDE,
      bottom: bottom / SHORT_SIDE,
    },
    component,
    misfit: best.misfit * CELLS * CELLS * patch.area,
  };
}

/** The named colours that a good part of the pixels are nearest to, most frequent first. */
function colorsOf(
  { data }: LabPicture,
  { pixels }: Component,
): { readonly color: ColorName; readonly pixels: number }[] {
  const votes = new Map<ColorName, number>();
  for (const at of pixels) {
    const color = leastBy(COLOR_NAMES, (name) => distance(data, at * 3, LAB_COLORS[name], 0));
    votes.set(color, (votes.get(color) ?? 0) + 1);
  }
  const ranked = [...votes].sort(([, a], [, b]) => b - a);
  const frequent = ranked.filter(([, votes], i) => i === 0 || votes >= COLOR_SHARE * pixels.length);
  return frequent.slice(0, MOST_COLORS).map(([color, votes]) => ({ color, pixels: votes }));
}

/** How far each cell is from a colour, clipped. */
function distancesFrom({ colors }: Patch, color: ColorName): Float32Array {
  return Float32Array.from({ length: CELLS * CELLS }, (_, cell) =>
    clipped(distance(colors, cell * 3, LAB_COLORS[color], 0)),
  );
}

/** How far each cell is from the nearer of two colours; no cell of a pattern is like the background. */
function patternDistances({ distances }: Patch, first: Float32Array, second: Float32Array): Float32Array {
  return first.map((far, cell) => (distances[cell] === 0 ? CLIP : Math.min(far, second[cell]!)));
}

/** The mean over cells: what is covered is compared with the template, the rest must be background. */
function misfitOf(patch: Patch, shape: Template): number {
  let sum = 0;
  for (let cell = 0; cell < CELLS * CELLS; cell++) {
    const coverage = shape[cell * 4 + 3]!;
    const far = coverage > 0 ? clipped(distance(patch.colors, cell * 3, shape, cell * 4)) : 0;
    sum += coverage * far + (1 - coverage) * patch.distances[cell]!;
  }
  return sum / (CELLS * CELLS);
}

/** As `misfitOf`, for things of one colour or of a pattern: how far cells are from it is known. */
function flatMisfit(patch: Patch, shape: Template, far: Float32Array): number {
  let sum = 0;
  for (let cell = 0; cell < CELLS * CELLS; cell++) {
    const coverage = shape[cell * 4 + 3]!;
    sum += coverage * far[cell]! + (1 - coverage) * patch.distances[cell]!;
  }
  return sum / (CELLS * CELLS);
}

/** Outside of the picture nothing fits. */
function clipped(far: number): number {
  return far < CLIP ? far : CLIP;
}

function textureOf({ kind, color, isOutlined, second }: Fit, patch: Patch): Texture {
  if (isOutlined) return 'outlined';
  if (second === undefined) return 'solid';
  const shape = template(kind, 'solid', color);
  const [first, other] = [distancesFrom(patch, color), distancesFrom(patch, second)];
  let [inside, seconds] = [0, 0];
  for (let cell = 0; cell < CELLS * CELLS; cell++) {
    if (shape[cell * 4 + 3]! < 1) continue;
    inside++;
    if (other[cell]! < first[cell]!) seconds++;
  }
  const share = seconds / inside;
  return share < DOTTED ? 'solid' : share < STRIPED ? 'dotted' : 'striped';
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
