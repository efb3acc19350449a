/**
 * @file Large planes in overlapping tiles. Norms and attention see one tile at a time, so tiles differ a little
 * from the whole; they are blended over their overlap, where each one's weight falls to nothing at its edge.
 */

/** Channels of equal size, [channels, height, width]. */
export interface Plane {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly data: Float32Array;
}

/** In latent numbers. */
const OVERLAP = 16;

/** What comes out for a plane: its channels, and its height and width in units of the input's. */
interface Result {
  readonly channels: number;
  readonly scale: number;
  /** Side of the largest square that is computed in one piece, in latent numbers. */
  readonly tile: number;
}

/** `compute` on the whole plane when it is at most one tile large, else on overlapping tiles of it. */
export async function inTiles(
  plane: Plane,
  { channels, scale, tile: side }: Result,
  compute: (tile: Plane) => Promise<Float32Array>,
): Promise<Plane> {
  const unit = Math.max(1, 1 / scale); // input numbers per latent number: 1 for a decoder
  const rows = spans(plane.height / unit, side).map((span) => scaled(span, unit));
  const columns = spans(plane.width / unit, side).map((span) => scaled(span, unit));
  const [height, width] = [plane.height * scale, plane.width * scale];
  if (rows.length === 1 && columns.length === 1) {
    return { channels, height, width, data: await compute(plane) };
  }
  const sum = new Float32Array(channels * height * width);
  const weights = new Float32Array(height * width);
  const tiles = rows.flatMap((row) => columns.map((column) => ({ row, column })));
  const begin = (index: number): Promise<Float32Array> | undefined => {
    const next = tiles[index];
    const result = next && compute(cut(plane, next.row, next.column));
    result?.catch(() => {}); // whoever waits for it will hear
    return result;
  };
  let ahead = begin(0);
  for (const [index, { row, column }] of tiles.entries()) {
    const computed = ahead!;
    ahead = begin(index + 1); // a GPU is given the next tile while it is at this one
    const place = { row: row.start * scale, column: column.start * scale };
    const tile = { channels, height: row.length * scale, width: column.length * scale, data: await computed };
    blend({ channels, height, width, data: sum }, weights, tile, place, OVERLAP * unit * scale);
  }
  const size = height * width;
  for (let index = 0; index < sum.length; index++) sum[index]! /= weights[index % size]!;
  return { channels, height, width, data: sum };
}

interface Span {
  readonly start: number;
  readonly length: number;
}

/** As few pieces of an axis of `length` latent numbers as possible, of one length, overlapping evenly. */
function spans(length: number, largest: number): Span[] {
  if (length <= largest) return [{ start: 0, length }];
  const number = Math.ceil((length - OVERLAP) / (largest - OVERLAP));
  const tile = Math.ceil((length + (number - 1) * OVERLAP) / number);
  const step = (length - tile) / (number - 1);
  return Array.from({ length: number }, (_, index) => ({ start: Math.round(index * step), length: tile }));
}

function scaled({ start, length }: Span, unit: number): Span {
  return { start: start * unit, length: length * unit };
}

function cut({ channels, height, width, data }: Plane, row: Span, column: Span): Plane {
  const piece = new Float32Array(channels * row.length * column.length);
  for (let line = 0; line < channels * row.length; line++) {
    const channel = Math.floor(line / row.length);
    const from = (channel * height + row.start + (line % row.length)) * width + column.start;
    piece.set(data.subarray(from, from + column.length), line * column.length);
  }
  return { channels, height: row.length, width: column.length, data: piece };
}

function blend(
  whole: Plane,
  weights: Float32Array,
  tile: Plane,
  place: { row: number; column: number },
  overlap: number,
): void {
  const down = ramps(tile.height, overlap);
  const across = ramps(tile.width, overlap);
  const [size, tileSize] = [whole.height * whole.width, tile.height * tile.width];
  for (let row = 0; row < tile.height; row++) {
    for (let column = 0; column < tile.width; column++) {
      const weight = down[row]! * across[column]!;
      const index = row * tile.width + column;
      const target = (place.row + row) * whole.width + place.column + column;
      weights[target]! += weight;
      for (let channel = 0; channel < tile.channels; channel++) {
        whole.data[channel * size + target]! += weight * tile.data[channel * tileSize + index]!;
      }
    }
  }
}

/** 1 in the middle, falling towards both ends but never quite to 0. */
function ramps(length: number, overlap: number): Float32Array {
  return Float32Array.from({ length }, (_, i) =>
    Math.min(1, (Math.min(i, length - 1 - i) + 1) / (overlap + 1)),
  );
}
