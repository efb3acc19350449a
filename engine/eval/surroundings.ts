/**
 * @file What is behind the things of a picture. The prompt tells it, so a picture of it is drawn and compared: a pixel
 * that is like nothing near its place in that drawing belongs to a thing.
 */
import { wholeView } from '../image/pixels.ts';
import { median } from '../median.ts';
import { oklab } from '../training/data/toy-scenes/colors.ts';
import { drawScene } from '../training/data/toy-scenes/draw.ts';
import { colorsBehind, type Background } from '../training/data/toy-scenes/scene.ts';
import { labPicture, SHORT_SIDE, type LabPicture } from './lab-picture.ts';

/** Oklab: further from what is behind than this is a thing. Things keep twice as far from their background. */
export const DIFFERENT = 0.08;

/** Where a horizon is looked for, as shares of the height; scenes have it at 0.5 to 0.64. */
const HORIZONS = { first: 0.44, last: 0.7, step: 0.01, fine: 0.0025 } as const;
/** How far a pattern may have slipped, in pixels. */
const SLIPS = [0, -1, 1, -2, 2, -4, 4] as const;
/** Short side of the drawings among which the best is chosen, a part of `SHORT_SIDE`. */
const COARSE_SIDE = 32;
/** A large difference counts no more than this when drawings are compared, as it may be a thing. */
const CLIP = 0.15;
/** Pixels around a place that its drawing may be taken from; hills are drawn higher or lower than ours. */
const REACH = 1;
const HILL_REACH = 3;
/** From the middle of such an edge to what is no edge, in pixels. */
const BRIDGE = 3;
/** How much of each colour of a background must be there, outside of things. */
const LEAST_SHARE = 0.85;
/**
 * How much (Oklab) each of its colours may be off in the mean. The two backgrounds that are most alike, grass and sea
 * at night, are 0.097 apart.
 */
const MOST_OFF = 0.07;
/** Colours of which fewer pixels (of all) are seen are not judged. */
const FEWEST = 0.01;

/** For each pixel how far (Oklab) it is from what is behind. */
export type Distances = Float32Array;

export interface Surroundings {
  readonly distances: Distances;
  /** Whether the background is there where no thing is; `isThing` marks the pixels of things. */
  readonly isRight: (isThing: Uint8Array) => boolean;
}

/** Compares a picture with the background that was asked for. */
export function surroundings(picture: LabPicture, background: Background): Surroundings {
  const drawing = labPicture(draw(bestVariant(picture, background), picture.width, picture.height));
  const distances = distancesTo(picture, drawing, background.kind === 'landscape' ? HILL_REACH : REACH);
  return { distances, isRight: (isThing) => isRight(picture, drawing, background, distances, isThing) };
}

/** Compares a picture with what its left and right edges show: for pictures on another background than asked for. */
export function surroundingsByEdges(picture: LabPicture): Distances {
  const { width, height, data } = picture;
  const edge = 2;
  const expected = new Float32Array(data.length);
  for (let row = 0; row < height; row++) {
    for (let channel = 0; channel < 3; channel++) {
      const columns = [...Array(edge).keys()].flatMap((i) => [i, width - 1 - i]);
      const middle = median(columns.map((column) => data[(row * width + column) * 3 + channel]!));
      for (let column = 0; column < width; column++) expected[(row * width + column) * 3 + channel] = middle;
    }
  }
  return distancesTo(picture, { width, height, data: expected }, REACH);
}

interface Variant {
  readonly background: Background;
  /** In pixels of `SHORT_SIDE`. */
  readonly slip: readonly [x: number, y: number];
}

/** What the words leave open is found by trying: the horizon, and how a pattern has slipped. */
function bestVariant(picture: LabPicture, background: Background): Variant {
  const still = { background, slip: [0, 0] } as const;
  if (background.kind === 'plain' || background.kind === 'gradient') return still;
  const coarse = coarsened(picture);
  const best = (variants: readonly Variant[]) => leastBy(variants, (variant) => misfit(coarse, variant));
  switch (background.kind) {
    case 'stripes':
      return best(SLIPS.map((x) => ({ background, slip: [x, 0] })));
    case 'dots':
      return best(SLIPS.flatMap((y) => SLIPS.map((x) => ({ background, slip: [x, y] as const }))));
    case 'landscape': {
      const { first, last, step, fine } = HORIZONS;
      const at = (horizon: number): Variant => ({ ...still, background: { ...background, horizon } });
      const rough = best(range(first, last, step).map(at)).background as typeof background;
      return best(range(rough.horizon - step, rough.horizon + step, fine).map(at));
    }
  }
}

function misfit(coarse: LabPicture, variant: Variant): number {
  const drawing = labPicture(draw(variant, coarse.width, coarse.height), COARSE_SIDE);
  let sum = 0;
  for (let i = 0; i < coarse.data.length; i += 3) {
    sum += Math.min(CLIP, distance(coarse.data, i, drawing.data, i));
  }
  return sum;
}

function draw({ background, slip }: Variant, width: number, height: number) {
  const scene = { ratio: width / height, background, objects: [], isGroup: false };
  const scale = Math.min(width, height) / SHORT_SIDE;
  const [left, top] = [slip[0] * scale, slip[1] * scale];
  return drawScene(scene, { ...wholeView({ width, height }), left, top });
}

/**
 * How far each pixel is from the colours that the drawing has around it, and from the mixtures on the edges between
 * them. A picture that is a bit off in its colour as a whole is compared as if it were not.
 */
function distancesTo(picture: LabPicture, drawing: LabPicture, reach: number): Distances {
  const { width, height, data } = picture;
  const offset = commonOffset(data, drawing.data);
  const shifted = drawing.data.map((value, i) => value + offset[i % 3]!);
  const distances = new Float32Array(width * height);
  const isUnsure = new Uint8Array(width * height);
  for (let at = 0; at < distances.length; at++) {
    const [row, column] = [Math.floor(at / width), at % width];
    let nearest = distance(data, at * 3, shifted, at * 3);
    const [top, bottom] = [Math.max(0, row - reach), Math.min(height - 1, row + reach)];
    for (let y = top; nearest > DIFFERENT && y <= bottom; y++) {
      for (let x = Math.max(0, column - REACH); x <= Math.min(width - 1, column + REACH); x++) {
        nearest = Math.min(nearest, distanceToMixture(data, at * 3, shifted, at * 3, (y * width + x) * 3));
      }
    }
    distances[at] = nearest;
    isUnsure[at] = Number(nearest <= DIFFERENT && distance(data, at * 3, shifted, at * 3) > DIFFERENT);
  }
  return bridged(distances, isUnsure, width);
}

/** On the edges of a pattern a thing may look like a mixture: a pixel there is as those on both sides of it are. */
function bridged(distances: Distances, isUnsure: Uint8Array, width: number): Distances {
  return distances.map((own, at) => {
    if (!isUnsure[at]) return own;
    const between = [BRIDGE, BRIDGE * width].map((step) =>
      Math.min(distances[at - step] ?? 0, distances[at + step] ?? 0),
    );
    return Math.max(own, ...between);
  });
}

/** How far (Oklab) a colour is from the mixtures of two others. */
function distanceToMixture(
  data: Float32Array,
  at: number,
  colors: Float32Array,
  first: number,
  second: number,
): number {
  let [along, squared] = [0, 0];
  for (let channel = 0; channel < 3; channel++) {
    const way = colors[second + channel]! - colors[first + channel]!;
    along += way * (data[at + channel]! - colors[first + channel]!);
    squared += way * way;
  }
  const share = squared === 0 ? 0 : Math.min(1, Math.max(0, along / squared));
  let rest = 0;
  for (let channel = 0; channel < 3; channel++) {
    const from = colors[first + channel]!;
    rest += (data[at + channel]! - from - share * (colors[second + channel]! - from)) ** 2;
  }
  return Math.sqrt(rest);
}

/** By how much pixels that are nearly right are off in the mean; 0 for a picture of something else. */
function commonOffset(data: Float32Array, expected: Float32Array): number[] {
  const sum = [0, 0, 0];
  let near = 0;
  for (let i = 0; i < data.length; i += 3) {
    if (distance(data, i, expected, i) > DIFFERENT) continue;
    near++;
    for (let channel = 0; channel < 3; channel++)
      sum[channel]! += data[i + channel]! - expected[i + channel]!;
  }
  return sum.map((total) => total / Math.max(1, near));
}

/** Each colour of the background must show where the drawing has it, and be that colour rather than another. */
function isRight(
  picture: LabPicture,
  drawing: LabPicture,
  background: Background,
  distances: Distances,
  isThing: Uint8Array,
): boolean {
  const colors = colorsBehind(background, 'ground').map((color) => Float32Array.from(oklab(color)));
  const seen = colors.map(() => ({ all: 0, right: 0, off: [0, 0, 0] }));
  distances.forEach((far, i) => {
    if (isThing[i]) return;
    const counted = leastBy(seen, (_, color) => distance(drawing.data, i * 3, colors[color]!, 0));
    counted.all++;
    if (far > DIFFERENT) return;
    counted.right++;
    counted.off.forEach((before, channel) => {
      const at = i * 3 + channel;
      counted.off[channel] = before + picture.data[at]! - drawing.data[at]!;
    });
  });
  const judged = seen.filter(({ all }) => all >= FEWEST * distances.length);
  return (
    judged.length > 0 &&
    judged.every(
      ({ all, right, off }) => right >= LEAST_SHARE * all && Math.hypot(...off) <= MOST_OFF * right,
    )
  );
}

/** Oklab distance of the colours at two places. */
export function distance(a: ArrayLike<number>, at: number, b: ArrayLike<number>, other: number): number {
  const [l, g, y] = [a[at]! - b[other]!, a[at + 1]! - b[other + 1]!, a[at + 2]! - b[other + 2]!];
  return Math.sqrt(l * l + g * g + y * y);
}

/** The first for which the value is least; of one or more. */
export function leastBy<T>(items: readonly T[], value: (item: T, index: number) => number): T {
  let [best, least] = [0, Infinity];
  items.forEach((item, index) => {
    const own = value(item, index);
    if (own < least) [best, least] = [index, own];
  });
  return items[best]!;
}

/** The picture at `COARSE_SIDE`, every pixel the mean of a block. */
function coarsened({ width, height, data }: LabPicture): LabPicture {
  const block = SHORT_SIDE / COARSE_SIDE;
  const [columns, rows] = [Math.floor(width / block), Math.floor(height / block)];
  const coarse = new Float32Array(columns * rows * 3);
  for (let row = 0; row < rows * block; row++) {
    for (let column = 0; column < columns * block; column++) {
      const to = (Math.floor(row / block) * columns + Math.floor(column / block)) * 3;
      const from = (row * width + column) * 3;
      for (let channel = 0; channel < 3; channel++)
        coarse[to + channel]! += data[from + channel]! / block ** 2;
    }
  }
  return { width: columns, height: rows, data: coarse };
}

function range(first: number, last: number, step: number): number[] {
  return Array.from({ length: Math.round((last - first) / step) + 1 }, (_, i) => first + i * step);
}
