/** @file The toy worlds: which scene has a number, how it is told, and the words that people use for them. */
import { sceneWordings } from './caption.ts';
import { randomScene } from './random-scene.ts';
import type { Scene } from './scene.ts';
import { simpleCaption, simpleScene } from './simple-scene.ts';

export interface ToyWorld {
  /** Always the same for a seed and a number. */
  readonly scene: (seed: number, number: number) => Scene;
  /** Wordings of that scene, in the grammar of captions. */
  readonly captions: (scene: Scene, seed: number, number: number) => string[];
}

const WHOLE: ToyWorld = { scene: randomScene, captions: sceneWordings };
const SIMPLE: ToyWorld = { scene: simpleScene, captions: (scene) => [simpleCaption(scene)] };

/** The world of a source or picture: the one with everything unless it says otherwise. */
export function worldOf({ isSimple }: { readonly isSimple?: true | undefined }): ToyWorld {
  return isSimple ? SIMPLE : WHOLE;
}

const USUAL = { kind: 'toy', seed: 0, count: 100_000 } as const;

/** Datasets by the words that mean them: on the command line, in recipes. */
export const TOY_SOURCES = { toy: USUAL, 'toy-simple': { ...USUAL, isSimple: true } } as const;
export type ToyWord = keyof typeof TOY_SOURCES;
export const TOY_WORDS = Object.keys(TOY_SOURCES) as [ToyWord, ...ToyWord[]];
