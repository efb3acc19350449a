/**
 * @file Whether a model follows the camera: a thing is drawn in the middle, then with the same seed as a camera sees it
 * that has moved. Where the thing should be follows from the position map that the model was given.
 */
import type { Pixels } from '../image/pixels.ts';
import { applyCamera, positionMap, type Camera, type PositionReading } from '../models/positions.ts';
import { Random } from '../training/data/random.ts';
import { COLOR_NAMES, COLORS, colorDistance } from '../training/data/toy-scenes/colors.ts';
import { sceneSentence } from '../training/data/toy-scenes/caption.ts';
import { KINDS, SIZES, type Box, type Kind, type Scene } from '../training/data/toy-scenes/scene.ts';
import { look } from './judge.ts';
import { FIRST_SEED } from './prompts.ts';

export type CameraMove = 'x' | 'y' | 'zoom';

/** What a camera does to pictures, of several sizes in both directions. */
export const CAMERA_MOVES = {
  x: [-0.4, -0.2, 0.2, 0.4].map((xShift) => ({ xShift, yShift: 0, zoom: 1 })),
  y: [-0.4, -0.2, 0.2, 0.4].map((yShift) => ({ xShift: 0, yShift, zoom: 1 })),
  zoom: [0.8, 0.9, 1.15, 1.33].map((zoom) => ({ xShift: 0, yShift: 0, zoom })),
} as const satisfies Record<CameraMove, readonly Camera[]>;

export interface CameraPrompt {
  readonly text: string;
  readonly scene: Scene;
}

/** How a picture changed beside how it should have. */
export interface CameraMeasure {
  /** Pixels that the middle of the thing went along the axis; for zoom, ln of how many times longer it became. */
  readonly predicted: number;
  readonly measured: number;
}

export interface CameraScore {
  /** Pictures in which one thing was seen, before and after. */
  readonly pictures: number;
  /** Those in which it was not. */
  readonly lost: number;
  /** Root mean squares, in the units of `CameraMeasure`. */
  readonly predicted: number;
  readonly measured: number;
  /** What was measured for each unit predicted (least squares): 1 is right, 0 is no movement. */
  readonly ratio: number;
}

/** Colours further apart than this (Oklab) make a thing that is easily seen. */
const CLEAR = 0.3;

/** Prompts for one thing in the middle of a plain square picture, always the same for a seed (0..2^52-1). */
export function cameraPrompts(number: number, seed: number, kinds: readonly Kind[]): CameraPrompt[] {
  return Array.from({ length: number }, (_, i) => {
    const random = new Random(FIRST_SEED + seed, 'scene', i);
    const behind = random.pick(COLOR_NAMES);
    const color = random.pick(
      COLOR_NAMES.filter((name) => colorDistance(COLORS[name], COLORS[behind]) > CLEAR),
    );
    const kind = random.pick(kinds);
    const length = (SIZES.medium[0] + SIZES.medium[1]) / 2;
    const box = { width: KINDS[kind].width * length, height: KINDS[kind].height * length, x: 0.5, y: 0.5 };
    const scene: Scene = {
      ratio: 1,
      background: { kind: 'plain', color: behind },
      objects: [{ kind, color, size: 'medium', texture: 'solid', second: 'white', ...box }],
      isGroup: false,
    };
    return { text: sceneSentence(scene, { size: true, place: true, background: true }, random), scene };
  });
}

/** Compares two pictures of a prompt, before and after a move; undefined where no thing is in one of them. */
export function cameraMeasure(
  { scene }: CameraPrompt,
  before: Pixels,
  after: Pixels,
  move: CameraMove,
  camera: Camera,
  reading: PositionReading,
): CameraMeasure | undefined {
  const [first, second] = [before, after].map((pixels) => largestBox(pixels, scene));
  if (!first || !second) return undefined;
  const expected = seenBy(camera, reading, before, first);
  return { predicted: change(first, expected, move), measured: change(first, second, move) };
}

/** All measures of a move (undefined: the thing was lost) as one score. */
export function cameraScore(measures: readonly (CameraMeasure | undefined)[]): CameraScore {
  const known = measures.filter((measure) => measure !== undefined);
  const sum = (value: (measure: CameraMeasure) => number) =>
    known.reduce((total, measure) => total + value(measure), 0);
  const [squared, pictures] = [sum(({ predicted }) => predicted ** 2), known.length];
  const mean = (total: number) => Math.sqrt(total / Math.max(1, pictures));
  return {
    pictures,
    lost: measures.length - pictures,
    predicted: mean(squared),
    measured: mean(sum(({ measured }) => measured ** 2)),
    ratio: squared === 0 ? 0 : sum(({ predicted, measured }) => predicted * measured) / squared,
  };
}

/** The box (pixels) of the largest thing in a picture. */
function largestBox(pixels: Pixels, { background }: Scene): Box | undefined {
  const [largest] = look(pixels, background).found;
  if (!largest) return undefined;
  const scale = Math.min(pixels.width, pixels.height);
  const { left, top, right, bottom } = largest.box;
  return { left: left * scale, top: top * scale, right: right * scale, bottom: bottom * scale };
}

/**
 * Where a camera shows what is in a box: where the positions that it gives to pixels are those that the pixels of the
 * box have without it.
 */
export function seenBy(
  camera: Camera,
  reading: PositionReading,
  { width, height }: { width: number; height: number },
  { left, top, right, bottom }: Box,
): Box {
  const still = positionMap(reading, height, width);
  const moved = applyCamera(still, camera);
  const columns = (map: Float32Array) => Array.from({ length: width }, (_, x) => map[2 * x + 1]!);
  const rows = (map: Float32Array) => Array.from({ length: height }, (_, y) => map[2 * y * width]!);
  const across = (x: number) => placeOfPosition(columns(moved), positionAt(columns(still), x));
  const down = (y: number) => placeOfPosition(rows(moved), positionAt(rows(still), y));
  return { left: across(left), top: down(top), right: across(right), bottom: down(bottom) };
}

/** The position at a place of an axis, from those of its pixels, whose middles are at halves. */
function positionAt(positions: readonly number[], place: number): number {
  const [first, step] = lineOf(positions);
  return first + (place - 0.5) * step;
}

function placeOfPosition(positions: readonly number[], position: number): number {
  const [first, step] = lineOf(positions);
  return (position - first) / step + 0.5;
}

/** Positions rise evenly along an axis: the first, and from one to the next. */
function lineOf(positions: readonly number[]): [first: number, step: number] {
  const [first, last] = [positions[0]!, positions.at(-1)!];
  return [first, (last - first) / (positions.length - 1)];
}

function change(before: Box, after: Box, move: CameraMove): number {
  switch (move) {
    case 'x':
      return (after.left + after.right - before.left - before.right) / 2;
    case 'y':
      return (after.top + after.bottom - before.top - before.bottom) / 2;
    case 'zoom':
      return Math.log(lengthOf(after) / lengthOf(before));
  }
}

function lengthOf({ left, top, right, bottom }: Box): number {
  return Math.max(right - left, bottom - top);
}
