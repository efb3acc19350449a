/** @file How every kind of thing looks on a small grid, to compare a part of a picture with. */
import { COLORS, oklab, type ColorName } from '../training/data/toy-scenes/colors.ts';
import { KINDS, type Kind } from '../training/data/toy-scenes/scene.ts';
import { partsOf } from '../training/data/toy-scenes/things.ts';

/** Cells of a side of the grid, and what it spans: the longer side of a thing's box is 1. */
export const CELLS = 32;
export const SPAN = 1.12;

/** Oklab and how much of the cell is covered (0..1) for each cell: [CELLS, CELLS, 4]. */
export type Template = Float32Array;

const known = new Map<string, Template>();

/** A thing without pattern. Drawn once, then kept. */
export function template(kind: Kind, texture: 'solid' | 'outlined', color: ColorName): Template {
  const name = `${kind} ${texture} ${color}`;
  const before = known.get(name);
  if (before) return before;
  const drawn = drawTemplate(kind, texture, color);
  known.set(name, drawn);
  return drawn;
}

/** Where the middle of cell `index` is along an axis: 0 is the middle of the thing. */
export function cellPlace(index: number): number {
  return ((index + 0.5) / CELLS - 0.5) * SPAN;
}

function drawTemplate(kind: Kind, texture: 'solid' | 'outlined', color: ColorName): Template {
  const result = new Float32Array(CELLS * CELLS * 4);
  const { width, height } = KINDS[kind];
  const box = { x: 0, y: 0, width, height };
  const parts = partsOf({ kind, texture, color, second: color, size: 'large', ...box });
  for (const { distance, color: own } of parts) {
    const lab = oklab(own);
    for (let cell = 0; cell < CELLS * CELLS; cell++) {
      const far = distance(cellPlace(cell % CELLS), cellPlace(Math.floor(cell / CELLS)));
      const coverage = Math.min(1, Math.max(0, 0.5 - (far * CELLS) / SPAN));
      if (coverage > 0) cover(result, cell * 4, lab, coverage);
    }
  }
  return result;
}

/** Puts a colour on a cell, as much of it as the coverage says. */
function cover(cells: Template, at: number, lab: readonly number[], coverage: number): void {
  const before = cells[at + 3]! * (1 - coverage);
  const after = coverage + before;
  lab.forEach((value, channel) => {
    cells[at + channel] = (value * coverage + cells[at + channel]! * before) / after;
  });
  cells[at + 3] = after;
}

const NAMES = Object.keys(COLORS) as ColorName[];
/** Oklab of every named colour. */
export const LAB_COLORS = Object.fromEntries(
  NAMES.map((name) => [name, Float32Array.from(oklab(COLORS[name]))]),
) as Record<ColorName, Float32Array>;
