/** @file The colours of toy scenes, and how far apart two of them look. */

/** 0..255 each. */
export type Rgb = readonly [red: number, green: number, blue: number];

export const COLORS = {
  red: [222, 38, 44],
  orange: [247, 138, 28],
  yellow: [252, 218, 58],
  green: [26, 140, 62],
  cyan: [64, 208, 222],
  blue: [40, 88, 214],
  purple: [152, 52, 176],
  pink: [250, 148, 196],
  brown: [122, 74, 44],
  white: [252, 252, 252],
  black: [22, 22, 26],
  grey: [138, 140, 146],
} as const satisfies Record<string, Rgb>;

export type ColorName = keyof typeof COLORS;
export const COLOR_NAMES = Object.keys(COLORS) as ColorName[];

/** a where amount is 0, b where it is 1. */
export function mix(a: Rgb, b: Rgb, amount: number): Rgb {
  const between = (i: 0 | 1 | 2) => a[i] + (b[i] - a[i]) * amount;
  return [between(0), between(1), between(2)];
}

/**
 * How different two colours look: their distance in Oklab, 0 to 1 (black to white).
 * Ottosson, A perceptual color space for image processing (2020).
 */
export function colorDistance(a: Rgb, b: Rgb): number {
  const [first, second] = [oklab(a), oklab(b)];
  return Math.hypot(...first.map((value, i) => value - second[i]!));
}

/** Lightness 0 (black) to 1 (white). */
export function lightness(color: Rgb): number {
  return oklab(color)[0];
}

/** Lightness 0 to 1, then green to red and blue to yellow around 0. */
export function oklab([red, green, blue]: Rgb): [number, number, number] {
  return linearToOklab(linear(red), linear(green), linear(blue));
}

/** Oklab of sRGB without its curve. */
export function linearToOklab(r: number, g: number, b: number): [number, number, number] {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

/** sRGB without its curve, 0..1. */
export function linear(value: number): number {
  const share = value / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}
