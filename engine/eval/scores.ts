/** @file Verdicts counted: what part of the pictures of a category is right, property by property. */
import type { Kind, Scene, SizeName } from '../training/data/toy-scenes/scene.ts';
import { PROPERTIES, type Property, type Verdict } from './judge.ts';

export interface Judged {
  readonly scene: Scene;
  readonly verdict: Verdict;
}

/** Pictures that are right, of those that were judged. */
export interface Count {
  readonly right: number;
  readonly of: number;
}

export interface CategoryScore {
  readonly pictures: number;
  /** Pictures right in everything that was asked. */
  readonly all: Count;
  /** Of the pictures whose prompts said something of it. */
  readonly properties: Readonly<Partial<Record<Property, Count>>>;
  /** Pictures right in everything, by a kind or size of thing that was asked for. */
  readonly kinds: Readonly<Partial<Record<Kind, Count>>>;
  readonly sizes: Readonly<Partial<Record<SizeName, Count>>>;
}

export function categoryScore(judged: readonly Judged[]): CategoryScore {
  const properties = judged.flatMap(({ verdict }) =>
    PROPERTIES.flatMap((property): [Property, boolean][] => {
      const isRight = verdict.properties[property];
      return isRight === undefined ? [] : [[property, isRight]];
    }),
  );
  return {
    pictures: judged.length,
    all: count(judged.map(({ verdict }) => verdict.all)),
    properties: countBy(properties),
    kinds: countBy(askedFor(judged, 'kind')),
    sizes: countBy(askedFor(judged, 'size')),
  };
}

/** Share of 1; 0 of none. */
export function rate({ right, of }: Count): number {
  return of === 0 ? 0 : right / of;
}

function askedFor<Key extends 'kind' | 'size'>(
  judged: readonly Judged[],
  key: Key,
): [Scene['objects'][number][Key], boolean][] {
  return judged.flatMap(({ scene, verdict }) => {
    const names = new Set(scene.objects.map((object) => object[key]));
    return [...names].map((name): [typeof name, boolean] => [name, verdict.all]);
  });
}

function countBy<Name extends string>(rights: readonly [Name, boolean][]): Partial<Record<Name, Count>> {
  const names = [...new Set(rights.map(([name]) => name))];
  const counts = names.map((name) => {
    return [name, count(rights.flatMap(([other, isRight]) => (other === name ? [isRight] : [])))] as const;
  });
  return Object.fromEntries(counts) as Partial<Record<Name, Count>>;
}

function count(rights: readonly boolean[]): Count {
  return { right: rights.filter(Boolean).length, of: rights.length };
}
