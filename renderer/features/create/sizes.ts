/** @file Shapes and sizes of pictures. Pure; the same numbers as the engine's `sizeFor`. */
import type { Choices } from '../../../electron/contract.ts';

export type SideRule = Choices['side'];

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Width to height of the portraits; a landscape is one turned. */
export const PORTRAITS = [
  [1, 1],
  [4, 5],
  [3, 4],
  [2, 3],
  [9, 16],
] as const satisfies readonly (readonly [number, number])[];

export type Portrait = (typeof PORTRAITS)[number];

/** Sides of the square with the same area. */
const USUAL_SIDES = [256, 512, 768, 1024, 1536, 2048];

/** The size on the grid with about the area of `side` squared and the ratio of width to height, within the rule. */
export function sizeFor(side: number, ratio: number, rule: SideRule): Size {
  return {
    width: onGrid(side * Math.sqrt(ratio), rule),
    height: onGrid(side / Math.sqrt(ratio), rule),
  };
}

/** The length on the grid that is nearest and within the rule. */
export function onGrid(length: number, { min, max, step }: SideRule): number {
  return Math.min(max, Math.max(min, Math.round(length / step) * step));
}

/** Sides to offer: the usual ones that the rule takes, and the model's own. */
export function sidesFor(rule: SideRule, usualSide: number | undefined): number[] {
  const sides = new Set([...USUAL_SIDES, ...(usualSide === undefined ? [] : [usualSide])]);
  return [...sides].filter((side) => side >= rule.min && side <= rule.max).sort((a, b) => a - b);
}

/** The preset and side that a size is; either is undefined when it is none of them. */
export function presetOf(
  size: Size,
  sides: readonly number[],
  rule: SideRule,
): { readonly portrait: Portrait | undefined; readonly side: number | undefined } {
  const [short, long] = [Math.min(size.width, size.height), Math.max(size.width, size.height)];
  const candidates = new Set([...sides, onGrid(Math.sqrt(short * long), rule)]);
  for (const side of candidates) {
    const portrait = PORTRAITS.find(([width, height]) => {
      const preset = sizeFor(side, width / height, rule);
      return preset.width === short && preset.height === long;
    });
    if (portrait) return { portrait, side };
  }
  const side = sides.find((each) => Math.abs(Math.sqrt(short * long) - each) < rule.step / 2);
  return { portrait: undefined, side };
}

/** The side of the square with the area of a size, in pixels. */
export function sideOf({ width, height }: Size): number {
  return Math.sqrt(width * height);
}
