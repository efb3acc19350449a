/** @file The built window, which comes with the program. */
import { programFolder } from '../../engine/checkpoints/resources.ts';

export function windowFolder(): string {
  return programFolder('./renderer', '../../out/renderer');
}
