/** @file How each kind of thing looks: parts around the point 0, 0, the longer side of their box being 1. */
import { COLORS, lightness, mix, type Rgb } from './colors.ts';
import type { Kind, SceneObject } from './scene.ts';
import {
  bands,
  circle,
  curve,
  dots,
  ellipse,
  outline,
  polygon,
  rectangle,
  star,
  traced,
  union,
  within,
  without,
  type Part,
  type Point,
  type Shape,
} from './shapes.ts';

const STRIPE = 0.085;
const DOT_SPACING = 0.26;
const DOT_RADIUS = 0.07;
const OUTLINE = 0.085;
const DIAGONAL: Point = [Math.SQRT1_2, Math.SQRT1_2];

const WINDOW: Rgb = [255, 236, 160];
const DARK: Rgb = [34, 36, 46];
const CREAM: Rgb = [250, 238, 214];
const TRUNK: Rgb = [112, 70, 42];
const LEAF: Rgb = [44, 128, 60];

/** The parts of a thing, back to front. */
export function partsOf({ kind, color, texture, second }: SceneObject): readonly Part[] {
  const own: Rgb = COLORS[color];
  const flat = FLAT[kind as keyof typeof FLAT] as Shape | undefined;
  if (!flat) return COMPOSED[kind as keyof typeof COMPOSED](own);
  switch (texture) {
    case 'solid':
      return [part(flat, own)];
    case 'outlined':
      return [part(outline(flat, OUTLINE), own)];
    case 'striped':
      return [part(flat, own), part(within(flat, bands(STRIPE, DIAGONAL)), COLORS[second])];
    case 'dotted':
      return [part(flat, own), part(within(flat, dots(DOT_SPACING, DOT_RADIUS)), COLORS[second])];
  }
}

function part(shape: Shape, color: Rgb): Part {
  return { ...shape, color };
}

/** Those that are one shape. */
const FLAT = {
  circle: circle(0, 0, 0.5),
  square: rectangle(-0.5, -0.5, 0.5, 0.5, 0.02),
  triangle: polygon([
    [0, -0.44],
    [0.5, 0.44],
    [-0.5, 0.44],
  ]),
  diamond: polygon([
    [0, -0.5],
    [0.37, 0],
    [0, 0.5],
    [-0.37, 0],
  ]),
  star: star(0, 0.045, 5, 0.525, 0.23),
  heart: curve((t) => {
    const angle = 2 * Math.PI * t;
    const x = 16 * Math.sin(angle) ** 3;
    const y = 13 * Math.cos(angle) - 5 * Math.cos(2 * angle) - 2 * Math.cos(3 * angle) - Math.cos(4 * angle);
    return [x / 32, -(y + 2.5) / 32];
  }, 60),
  cross: union(rectangle(-0.5, -0.17, 0.5, 0.17, 0.02), rectangle(-0.17, -0.5, 0.17, 0.5, 0.02)),
  cloud: traced(
    union(
      rectangle(-0.5, -0.02, 0.5, 0.3, 0.16),
      circle(-0.2, -0.02, 0.2),
      circle(0.1, -0.07, 0.23),
      circle(0.3, 0.05, 0.16),
    ),
    [0, 0.1],
  ),
  ring: without(circle(0, 0, 0.5), circle(0, 0, 0.29)),
  moon: without(circle(0.113, 0, 0.5), circle(0.353, 0, 0.42)),
} satisfies Partial<Record<Kind, Shape>>;

/** Those that have parts in several colours. */
const COMPOSED: Readonly<Record<Exclude<Kind, keyof typeof FLAT>, (color: Rgb) => Part[]>> = {
  sun: (color) => [
    part(star(0, 0, 8, 0.5, 0.27), color),
    part(circle(0, 0, 0.27), shade(color)),
    part(circle(0, 0, 0.24), color),
  ],
  tree: (color) => [
    part(rectangle(-0.075, 0.1, 0.075, 0.5, 0.02), TRUNK),
    part(
      union(
        circle(0, -0.27, 0.23),
        circle(-0.18, -0.03, 0.18),
        circle(0.18, -0.03, 0.18),
        circle(0, 0, 0.17),
      ),
      color,
    ),
  ],
  house: (color) => [
    part(rectangle(0.2, -0.42, 0.32, -0.1), shade(color)),
    part(rectangle(-0.4, -0.1, 0.4, 0.47), color),
    part(
      polygon([
        [0, -0.47],
        [0.5, -0.06],
        [-0.5, -0.06],
      ]),
      shade(color),
    ),
    part(rectangle(-0.09, 0.17, 0.09, 0.47), opening(color)),
    part(rectangle(-0.31, 0.05, -0.16, 0.21), opening(color)),
    part(rectangle(0.16, 0.05, 0.31, 0.21), opening(color)),
  ],
  flower: (color) => [
    part(rectangle(-0.025, -0.1, 0.025, 0.5), LEAF),
    part(ellipse(0.12, 0.3, 0.12, 0.05), LEAF),
    part(ellipse(-0.12, 0.38, 0.12, 0.05), LEAF),
    part(union(...ring(6, 0.185, ([x, y]) => circle(x, y - 0.2, 0.12))), color),
    part(circle(0, -0.2, 0.1), lightness(color) > 0.85 ? COLORS.orange : COLORS.yellow),
  ],
  mushroom: (color) => [
    part(rectangle(-0.14, -0.05, 0.14, 0.5, 0.06), CREAM),
    part(without(ellipse(0, 0.06, 0.48, 0.56), rectangle(-0.6, 0.06, 0.6, 1)), color),
    part(circle(-0.24, -0.1, 0.08), spot(color)),
    part(circle(0.03, -0.28, 0.09), spot(color)),
    part(circle(0.26, -0.08, 0.07), spot(color)),
  ],
  car: (color) => [
    part(
      polygon(
        [
          [-0.24, -0.22],
          [0.14, -0.22],
          [0.27, 0],
          [-0.36, 0],
        ],
        0.05,
      ),
      color,
    ),
    part(rectangle(-0.5, -0.06, 0.5, 0.17, 0.07), color),
    part(polygon([[-0.21, -0.19], [-0.05, -0.19], [-0.05, -0.04], [-0.28, -0.04]]), opening(color)), // prettier-ignore
    part(polygon([[0, -0.19], [0.12, -0.19], [0.21, -0.04], [0, -0.04]]), opening(color)), // prettier-ignore
    ...[-0.27, 0.27].flatMap((x) => [
      part(circle(x, 0.14, 0.13), DARK),
      part(circle(x, 0.14, 0.055), COLORS.grey),
    ]),
  ],
  fish: (color) => [
    part(
      polygon([[0.18, 0], [0.48, -0.24], [0.42, 0], [0.48, 0.24]], 0.02), // prettier-ignore
      color,
    ),
    part(polygon([[-0.18, -0.14], [0.02, -0.27], [0.1, -0.14]], 0.02), shade(color)), // prettier-ignore
    part(ellipse(-0.12, 0, 0.38, 0.22), color),
    part(circle(-0.3, -0.05, 0.06), COLORS.white),
    part(circle(-0.31, -0.05, 0.03), DARK),
  ],
  boat: (color) => [
    part(rectangle(-0.03, -0.47, 0.02, 0.14), TRUNK),
    part(polygon([[-0.06, -0.44], [-0.06, 0.06], [-0.36, 0.06]]), COLORS.white), // prettier-ignore
    part(polygon([[0.05, -0.36], [0.05, 0.06], [0.3, 0.06]]), COLORS.white), // prettier-ignore
    part(polygon([[-0.48, 0.13], [0.48, 0.13], [0.32, 0.45], [-0.32, 0.45]], 0.02), color), // prettier-ignore
  ],
};

/** A shape at each of `count` points around 0, 0. */
function ring(count: number, radius: number, shape: (point: Point) => Shape): Shape[] {
  return Array.from({ length: count }, (_, i) => {
    const angle = (2 * Math.PI * i) / count;
    return shape([radius * Math.sin(angle), -radius * Math.cos(angle)]);
  });
}

/** The same colour in the shade; black in the light. */
function shade(color: Rgb): Rgb {
  return lightness(color) < 0.3 ? mix(color, COLORS.white, 0.25) : mix(color, COLORS.black, 0.32);
}

/** A window or door that shows on a wall of this colour. */
function opening(color: Rgb): Rgb {
  return lightness(color) > 0.8 ? [86, 96, 120] : WINDOW;
}

function spot(color: Rgb): Rgb {
  return lightness(color) > 0.9 ? COLORS.grey : COLORS.white;
}
