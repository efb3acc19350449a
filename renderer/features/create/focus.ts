/** @file The canvas takes the focus when what lay over it goes. */
import { tick } from 'svelte';

/** Of the picture on the canvas. */
export const CANVAS_ID = 'canvas-picture';

/** To be called after the change that lets the picture appear again. */
export async function focusCanvas(): Promise<void> {
  await tick();
  document.getElementById(CANVAS_ID)?.focus();
}
