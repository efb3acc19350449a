/** @file What a recipe is called: its method in words, the size of its model, the sides of its pictures. */
import type { Recipe } from '../../../electron/contract.ts';
import { t } from '../../messages/messages.svelte.ts';

export function recipeTitle({ id, method, preset, settings }: Recipe): string {
  const sides = [...new Set(settings.stages.map(({ size }) => size))];
  return [t(`train.method.${method}`), preset, `${sides.join(' → ')} px`, id].filter(Boolean).join(' · ');
}
