/**
 * @file A toy scene as pixels: the background row by row, then the parts of each thing, back to front. Parts are
 * signed distance functions, so edges are smooth at every size: a pixel takes as much of a part's colour as the edge
 * leaves of it.
 */
import type { Pixels, View } from '../../../image/pixels.ts';
import { backgroundPaint, backgroundParts, type Paint } from './backgrounds.ts';
import type { Rgb } from './colors.ts';
import { extent, type Scene, type SceneObject } from './scene.ts';
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

function fill(
  { pixels: { width, height, data }, scaleX, scaleY, originX, originY }: Canvas,
  paint: Paint,
): void {
  for (let row = 0, at = 0; row < height; row++) {
    const y = originY + (row + 0.5) / scaleY;
    for (let column = 0; column < width; column++, at += 3) {
      const color = paint(originX + (column + 0.5) / scaleX, y);
      data[at] = color[0] + 0.5;
      data[at + 1] = color[1] + 0.5;
      data[at + 2] = color[2] + 0.5;
    }
  }
}

/** A part in coordinates of a thing: its middle is at (x, y) of the scene, its size is the unit. */
function drawPart(canvas: Canvas, { box, distance, color }: Part, x: number, y: number, size: number): void {
  const { pixels, scaleX, scaleY, originX, originY } = canvas;
  const toColumn = (place: number) => (x + place * size - originX) * scaleX;
  const toRow = (place: number) => (y + place * size - originY) * scaleY;
  const firstColumn = Math.max(0, Math.floor(toColumn(box.left)) - 1);
  const firstRow = Math.max(0, Math.floor(toRow(box.top)) - 1);
  const endColumn = Math.min(pixels.width, Math.ceil(toColumn(box.right)) + 1);
  const endRow = Math.min(pixels.height, Math.ceil(toRow(box.bottom)) + 1);
  const pixelsPerUnit = size * Math.min(scaleX, scaleY);
  for (let row = firstRow; row < endRow; row++) {
    const partY = (originY + (row + 0.5) / scaleY - y) / size;
    for (let column = firstColumn; column < endColumn; column++) {
      const partX = (originX + (column + 0.5) / scaleX - x) / size;
      const coverage = 0.5 - distance(partX, partY) * pixelsPerUnit;
      if (coverage > 0) blend(pixels.data, (row * pixels.width + column) * 3, color, Math.min(1, coverage));
    }
  }
}

function blend(data: Uint8Array, at: number, color: Rgb, coverage: number): void {
  for (let i = 0; i < 3; i++) {
    const below = data[at + i]!;
    data[at + i] = below + (color[i]! - below) * coverage + 0.5;
  }
}
