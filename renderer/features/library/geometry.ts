/** @file Where the pictures of a grid lie. Pure. */

export interface Geometry {
  readonly columns: number;
  /** Side of a square cell, pixels. */
  readonly side: number;
  /** Height of a row with the gap below it. */
  readonly rowHeight: number;
}

export const GAP = 8;
export const PADDING = 16;

/** Squares of about `size` pixels that fill the width of a grid between its paddings. */
export function geometryOf(width: number, size: number): Geometry {
  const inner = Math.max(1, width - 2 * PADDING);
  const columns = Math.max(1, Math.round((inner + GAP) / (size + GAP)));
  const side = Math.floor((inner - (columns - 1) * GAP) / columns);
  return { columns, side, rowHeight: side + GAP };
}

export interface Move {
  readonly index: number;
  readonly columns: number;
  readonly total: number;
  /** Rows in view. */
  readonly rows: number;
}

/** Where a key leads from a place in the grid; undefined for a key that leads nowhere. `isFar`: with Ctrl. */
export function placeAfter(
  key: string,
  isFar: boolean,
  { index, columns, total, rows }: Move,
): number | undefined {
  const rowStart = index - (index % columns);
  const places: Record<string, number> = {
    ArrowLeft: index - 1,
    ArrowRight: index + 1,
    ArrowUp: index - columns >= 0 ? index - columns : index,
    ArrowDown: downFrom(index, columns, total),
    PageUp: Math.max(index % columns, index - columns * rows),
    PageDown: Math.min(total - 1, index + columns * rows),
    Home: isFar ? 0 : rowStart,
    End: isFar ? total - 1 : rowStart + columns - 1,
  };
  const place = places[key];
  return place === undefined ? undefined : Math.min(total - 1, Math.max(0, place));
}

/** The row below may be the last and shorter. */
function downFrom(index: number, columns: number, total: number): number {
  const isLastRow = Math.floor(index / columns) === Math.floor((total - 1) / columns);
  return isLastRow ? index : index + columns;
}
