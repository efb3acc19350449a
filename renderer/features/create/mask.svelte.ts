/** @file The mask over the starting picture: what of it is painted anew. */
import { Remembered } from '../../remembered.svelte.ts';
import { maskFile, type MaskOperation } from './mask-painting.ts';
import type { Size } from './sizes.ts';

/** Sides of the mask, at most: finer than the latent that it is for. */
const LONGEST_SIDE = 1024;
/** Parts of a hundred of the longer side. */
export const BRUSH = { min: 1, max: 50, initial: 10 } as const;
const BRUSH_STEP = 1.25;

export class Mask {
  #size = $state.raw<Size>({ width: 1, height: 1 });
  #operations = $state.raw<readonly MaskOperation[]>([]);
  #isOpen = $state(false);
  #erases = $state(false);
  readonly #brush = new Remembered<number>(
    'brush',
    BRUSH.initial,
    (kept) => typeof kept === 'number' && kept >= BRUSH.min && kept <= BRUSH.max,
  );

  /** Begins an empty mask for a picture of a size. */
  reset({ width, height }: Size): void {
    const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
    this.#size = {
      width: Math.max(1, Math.round(width * scale)),
      height: Math.max(1, Math.round(height * scale)),
    };
    this.#operations = [];
    this.#isOpen = false;
  }

  get size(): Size {
    return this.#size;
  }

  get operations(): readonly MaskOperation[] {
    return this.#operations;
  }

  get isEmpty(): boolean {
    return this.#operations.length === 0;
  }

  /** It is being painted. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  set isOpen(isOpen: boolean) {
    this.#isOpen = isOpen;
  }

  get erases(): boolean {
    return this.#erases;
  }

  set erases(erases: boolean) {
    this.#erases = erases;
  }

  /** Width of the brush in parts of a hundred of the longer side. */
  get brush(): number {
    return this.#brush.value;
  }

  set brush(width: number) {
    this.#brush.value = Math.round(Math.min(BRUSH.max, Math.max(BRUSH.min, width)));
  }

  /** Width of the brush, pixels of the mask. */
  get brushPixels(): number {
    return Math.max(1, (this.brush / 100) * Math.max(this.#size.width, this.#size.height));
  }

  widen(): void {
    this.brush = Math.max(this.brush + 1, this.brush * BRUSH_STEP);
  }

  narrow(): void {
    this.brush = Math.min(this.brush - 1, this.brush / BRUSH_STEP);
  }

  add(operation: MaskOperation): void {
    this.#operations = [...this.#operations, operation];
  }

  invert(): void {
    this.add({ kind: 'invert' });
  }

  undo(): void {
    this.#operations = this.#operations.slice(0, -1);
  }

  clear(): void {
    this.#operations = [];
  }

  /** PNG; undefined when nothing is to be painted anew. */
  file(): Promise<Blob | undefined> {
    return maskFile(this.#operations, this.#size);
  }
}
