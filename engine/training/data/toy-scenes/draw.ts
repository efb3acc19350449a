/**
 * @file A toy scene as pixels: the background row by row, then the parts of each thing, back to front. Parts are
 * signed distance functions, so edges are smooth at every size: a pixel takes as much of a part's colour as the edge
 * leaves of it.
 */
import type { Pixels, View } from '../../../image/pixels.ts';
import { backgroundPaint, backgroundParts, type Paint } from './backgrounds.ts';
import type { Rgb } from './colors.ts';
import { extent, type Box, type Scene, type SceneObject } from './scene.ts';
import type { Part } from './shapes.ts';
import { partsOf } from './things.ts';

/** A picture being drawn: pixel (column, row) shows the place (originX + (column + 1/2) / scaleX, …) of the scene. */
interface Canvas {
  readonly pixels: Pixels;
  readonly scaleX: number;
  readonly scaleY: number;
  readonly originX: number;
  readonly originY: number;
}

/** Pixels of a block's side, and how far its corners are from its middle, with half a pixel of edge. */
const BLOCK = 8;
const FAR_FROM_EDGE = (BLOCK / 2) * Math.SQRT2 + 0.5;

/** The scene, or a part of it, as 8-bit sRGB. A view of another ratio than the scene's is stretched. */
export function drawScene(scene: Scene, view: View): Pixels {
  const { partWidth, partHeight } = view;
  const whole = extent(scene.ratio);
  const [scaleX, scaleY] = [view.width / whole.width, view.height / whole.height];
  const data = new Uint8Array(partWidth * partHeight * 3);
  const canvas: Canvas = {
    pixels: { width: partWidth, height: partHeight, data },
    scaleX,
    scaleY,
    originX: view.left / scaleX,
    originY: view.top / scaleY,
  };
  fill(canvas, backgroundPaint(scene.background, whole));
  for (const part of backgroundParts(scene.background, whole)) drawPart(canvas, part, 0, 0, 1);
  for (const object of scene.objects.toReversed()) drawObject(canvas, object);
  return canvas.pixels;
}

function drawObject(canvas: Canvas, object: SceneObject): void {
  const size = Math.max(object.width, object.height);
  for (const part of partsOf(object)) drawPart(canvas, part, object.x, object.y, size);
}

function fill({ pixels: { width, height, data }, scaleY, originY }: Canvas, paint: Paint): void {
  for (let row = 0; row < height; row++) {
    const color = paint(originY + (row + 0.5) / scaleY).map(Math.round);
    const start = row * width * 3;
    data.set(color, start);
    for (let filled = 3; filled < width * 3; filled *= 2) {
      const end = start + Math.min(filled, width * 3 - filled); // the row so far, once more
      data.copyWithin(start + filled, start, end);
    }
  }
}

/** A part in coordinates of a thing: its middle is at (x, y) of the scene, its size is the unit. */
function drawPart(canvas: Canvas, part: Part, x: number, y: number, size: number): void {
  const { pixels, scaleX, scaleY, originX, originY } = canvas;
  const { left, top, right, bottom } = part.box;
  const toColumn = (place: number) => (x + place * size - originX) * scaleX;
  const toRow = (place: number) => (y + place * size - originY) * scaleY;
  const first = {
    column: Math.max(0, Math.floor(toColumn(left)) - 1),
    row: Math.max(0, Math.floor(toRow(top)) - 1),
  };
  const endColumn = Math.min(pixels.width, Math.ceil(toColumn(right)) + 1);
  const endRow = Math.min(pixels.height, Math.ceil(toRow(bottom)) + 1);
  const pixelsPerUnit = size * Math.min(scaleX, scaleY);
  /** Distance in pixels of a point given in pixels. */
  const distance = (column: number, row: number) =>
    pixelsPerUnit *
    part.distance((originX + column / scaleX - x) / size, (originY + row / scaleY - y) / size);
  for (let row = first.row; row < endRow; row += BLOCK) {
    for (let column = first.column; column < endColumn; column += BLOCK) {
      const block = {
        left: column,
        top: row,
        right: Math.min(column + BLOCK, endColumn),
        bottom: Math.min(row + BLOCK, endRow),
      };
      drawBlock(pixels, block, distance, part.color);
    }
  }
}

/**
 * The pixels of a block. A distance changes by at most one from a pixel to the next, so the middle of a block that
 * is far from every edge tells for all of it.
 */
function drawBlock(pixels: Pixels, block: Box, distance: Part['distance'], color: Rgb): void {
  const middle = distance(block.left + BLOCK / 2, block.top + BLOCK / 2);
  if (middle > FAR_FROM_EDGE) return;
  const isInside = middle < -FAR_FROM_EDGE;
  for (let row = block.top; row < block.bottom; row++) {
    for (let column = block.left; column < block.right; column++) {
      const coverage = isInside ? 1 : 0.5 - distance(column + 0.5, row + 0.5);
      if (coverage > 0) blend(pixels.data, (row * pixels.width + column) * 3, color, Math.min(1, coverage));
    }
  }
}

function blend(data: Uint8Array, at: number, color: Rgb, coverage: number): void {
  const rest = 1 - coverage;
  data[at] = color[0] * coverage + data[at]! * rest + 0.5;
  data[at + 1] = color[1] * coverage + data[at + 1]! * rest + 0.5;
  data[at + 2] = color[2] * coverage + data[at + 2]! * rest + 0.5;
}
