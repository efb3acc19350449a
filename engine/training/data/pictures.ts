/** @file The pictures of a dataset, whatever they come from: files, or scenes drawn when they are asked for. */
import { HdmError } from '../../errors.ts';
import {
  decodeImage,
  decodeView,
  readPictureInfo,
  wholeView,
  type Pixels,
  type View,
} from '../../image/pixels.ts';
import { drawScene } from './toy-scenes/draw.ts';
import { sceneSize, type Scene } from './toy-scenes/scene.ts';
import { worldOf } from './toy-scenes/world.ts';

/** Where a picture comes from: plain data, so that another thread can read it. */
export type PictureRef =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'toy'; readonly seed: number; readonly number: number; readonly isSimple?: true };

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Short side of a toy scene that is not asked for in a certain size. */
export const TOY_SHORT_SIDE = 1024;

/** Files may be enlarged so much for training; below that there is nothing to learn but blur. */
const LARGEST_ENLARGEMENT = 2;
const SHORTEST_SIDE = 64;

/**
 * Width and height of the whole picture, upright. Of a file only the header is read.
 * @throws HdmError `bad-file` when it is no picture or has 100 million pixels; `disk`
 */
export async function pictureSize(ref: PictureRef): Promise<Size> {
  if (ref.kind === 'toy') return sceneSize(toyScene(ref), TOY_SHORT_SIDE);
  const { width, height } = await readPictureInfo(ref.path);
  return { width, height };
}

/**
 * The picture, or a part of it scaled as a whole: upright, opaque (transparency on white), 8-bit sRGB, the first
 * frame of an animation.
 * @throws HdmError `bad-file` when it is damaged, truncated, empty or no picture; `disk`
 */
export async function readPicture(ref: PictureRef, view?: View): Promise<Pixels> {
  if (ref.kind === 'file') return view ? decodeView(ref.path, view) : decodeImage(ref.path);
  const scene = toyScene(ref);
  return drawScene(scene, view ?? wholeView(sceneSize(scene, TOY_SHORT_SIDE)));
}

function toyScene(ref: PictureRef & { kind: 'toy' }): Scene {
  return worldOf(ref).scene(ref.seed, ref.number);
}

/**
 * Refuses a picture that would have to be enlarged too much for squares of `side`.
 * @throws HdmError `bad-file`
 */
export function requireLargeEnough(name: string, { width, height }: Size, side: number): void {
  const shortest = Math.max(SHORTEST_SIDE, side / LARGEST_ENLARGEMENT);
  if (Math.min(width, height) >= shortest) return;
  const problem = `expected at least ${shortest} pixels on the short side to train at ${side}, got ${width}x${height}`;
  throw new HdmError('bad-file', name, problem, 'Take a larger picture, or remove this one');
}
