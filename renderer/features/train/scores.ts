/** @file What a score says, as parts of 1. */
import { SCORED, type Score } from '../../../electron/contract.ts';

type Property = keyof Score['categories']['one']['properties'];

export interface PropertyShares {
  readonly name: Property;
  /** By what was asked for, as in `SCORED`; undefined where nothing was said of it. */
  readonly shares: readonly (number | undefined)[];
}

/** Part of the pictures that are right in everything, by what was asked for. */
export function sharesOf({ categories }: Score): number[] {
  return SCORED.map((name) => share(categories[name].all));
}

/** The same, property by property. */
export function propertiesOf({ categories }: Score): PropertyShares[] {
  const names = new Set(SCORED.flatMap((name) => Object.keys(categories[name].properties) as Property[]));
  return [...names].map((name) => ({
    name,
    shares: SCORED.map((category) => {
      const count = categories[category].properties[name];
      return count && share(count);
    }),
  }));
}

/** How far the camera's moves are from right, on average; undefined where none could be measured. */
export function cameraError({ camera }: Score): number | undefined {
  const ratios = Object.values(camera).filter((ratio) => ratio !== null);
  if (ratios.length === 0) return undefined;
  return ratios.reduce((sum, ratio) => sum + Math.abs(1 - ratio), 0) / ratios.length;
}

function share({ right, of }: { readonly right: number; readonly of: number }): number {
  return of === 0 ? 0 : right / of;
}
