/**
 * @file What the numbers of the camera do to the picture, as a hand on it sees it. Pure.
 *
 * The model is told where each pixel lies. With a camera it is told (p + shift) / zoom instead of p, so what belongs
 * to the place s of the scene is drawn where (p + shift) / zoom = s, that is at p = s · zoom - shift:
 * - to move what is seen by d, the shift changes by -d, at any zoom;
 * - to keep what is under the pointer p while zoom becomes zoom', shift' = (p + shift) · zoom' / zoom - p.
 * Places are counted in the picture's own units, which are not those of the screen: see `AXES`.
 */

/** Shifts in position units, zoom > 1 zooms in. */
export interface Camera {
  readonly xShift: number;
  readonly yShift: number;
  readonly zoom: number;
}

/** How a model counts places; both as the engine's position maps. */
export type PositionReading = 'bounding_box' | 'unit_area';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** In parts of the picture's width and height, from its top left corner. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Where the whole of a picture lies in another view's frame: its corner, and its size in parts of the frame's. */
export interface Placement extends Point {
  readonly scale: number;
}

export const STILL: Camera = { xShift: 0, yShift: 0, zoom: 1 };

/** What the engine takes. */
export const CAMERA_LIMITS = { shift: 10, zoom: { min: 0.01, max: 100 } } as const;

/** As far as a hand zooms: models draw little that makes sense beyond. The fields take more. */
const HAND_ZOOM = { min: 0.25, max: 4 } as const;

/** Place of the picture's near edge and length from edge to edge, along an axis of `length` pixels. */
interface Axis {
  readonly start: number;
  readonly span: number;
}

const AXES: Readonly<Record<PositionReading, (length: number, other: number) => Axis>> = {
  /** The longer side from -1 to 1, the shorter in proportion, 0 in the middle. */
  bounding_box: (length, other) => {
    const half = length / Math.max(length, other);
    return { start: -half, span: 2 * half };
  },
  /** From 0 to r, r = sqrt(length / other): 0 lies in the corner, so zooming alone moves the middle. */
  unit_area: (length, other) => ({ start: 0, span: Math.sqrt(length / other) }),
};

/** The camera after the content was moved by `move`, such as x = 0.5: half the picture's width to the right. */
export function panned(
  camera: Camera,
  move: Point,
  size: Size,
  reading: PositionReading = 'bounding_box',
): Camera {
  const { x, y } = axesOf(size, reading);
  return {
    ...camera,
    xShift: kept(camera.xShift - move.x * x.span),
    yShift: kept(camera.yShift - move.y * y.span),
  };
}

/** The camera zoomed by `factor` (> 1: in) with what is at `at` staying there, within what a hand may do. */
export function zoomedAt(
  camera: Camera,
  factor: number,
  at: Point,
  frame: Size & { readonly reading?: PositionReading },
): Camera {
  const { x, y } = axesOf(frame, frame.reading ?? 'bounding_box');
  const zoom = handZoom(camera.zoom, factor);
  const shift = (before: number, axis: Axis, part: number): number => {
    const place = axis.start + part * axis.span;
    return kept(((place + before) * zoom) / camera.zoom - place);
  };
  return { xShift: shift(camera.xShift, x, at.x), yShift: shift(camera.yShift, y, at.y), zoom };
}

/** Where a picture drawn with the camera `from` lies, roughly, in the frame of the camera `to`. */
export function placement(
  from: Camera,
  to: Camera,
  size: Size,
  reading: PositionReading = 'bounding_box',
): Placement {
  const { x, y } = axesOf(size, reading);
  const scale = to.zoom / from.zoom;
  const corner = (axis: Axis, before: number, after: number): number =>
    ((axis.start + before) * scale - after - axis.start) / axis.span;
  return {
    scale,
    x: corner(x, from.xShift, to.xShift),
    y: corner(y, from.yShift, to.yShift),
  };
}

/** As the numbers stand in the form: a thousandth is far less than a pixel. */
export function rounded({ xShift, yShift, zoom }: Camera): Camera {
  const round = (value: number): number => Math.round(value * 1000) / 1000 + 0; // + 0: never -0
  return { xShift: round(xShift), yShift: round(yShift), zoom: round(zoom) };
}

export function isSameCamera(a: Camera, b: Camera): boolean {
  return a.xShift === b.xShift && a.yShift === b.yShift && a.zoom === b.zoom;
}

function axesOf({ width, height }: Size, reading: PositionReading): { x: Axis; y: Axis } {
  const axis = AXES[reading];
  return { x: axis(width, height), y: axis(height, width) };
}

/** A zoom that somebody typed beyond the hand's range stays until the hand moves it back. */
function handZoom(zoom: number, factor: number): number {
  const [min, max] = [Math.min(HAND_ZOOM.min, zoom), Math.max(HAND_ZOOM.max, zoom)];
  return Math.min(max, Math.max(min, zoom * factor));
}

function kept(shift: number): number {
  return Math.min(CAMERA_LIMITS.shift, Math.max(-CAMERA_LIMITS.shift, shift));
}
