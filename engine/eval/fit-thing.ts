/**
 * @file What a part of a picture is: it is compared with drawings of all kinds in all colours that it has. The kind
 * whose drawing leaves the least to explain is what it is.
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
import { lengthOf, type Component } from './components.ts';
import { SHORT_SIDE, type LabPicture } from './lab-picture.ts';
import { distance, leastBy, type Distances } from './surroundings.ts';
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

/** A colour is tried when it is nearest to this share of a thing's pixels; so many at most. */
const COLOR_SHARE = 0.08;
const MOST_COLORS = 4;
/** A difference (Oklab) counts no more than this. */
const CLIP = 0.2;
/** Added to a fit with two colours, which would else be never worse than with one. */
const PATTERN_COST = 0.004;
/** Share of a thing that has its second colour, from which it is dotted, and striped. */
const DOTTED = 0.08;
const STRIPED = 0.36;
const SECONDS: readonly ColorName[] = ['white', 'black', 'grey'];
/** The second colour takes at most so many times the pixels of the first. */
const LARGEST_SECOND = 1.5;
/** Things shorter than this (pixels) have no pattern that could be told. */
const SMALL = ((SIZES.small[1] + SIZES.medium[0]) / 2) * SHORT_SIDE;

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

/** The kind, colour and texture of what a component shows. */
export function fitThing(picture: LabPicture, distances: Distances, component: Component): FoundThing {
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
export function colorsOf(
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
