/**
 * @file Prompts of an evaluation: toy scenes that no training sees, in the words that captions use, and what these
 * words say. Only that can be judged.
 */
import { HdmError } from '../errors.ts';
import { plainCaption } from '../training/data/captions.ts';
import { Random } from '../training/data/random.ts';
import { SAY, sceneSentence, sceneTags } from '../training/data/toy-scenes/caption.ts';
import { randomScene, RATIOS } from '../training/data/toy-scenes/random-scene.ts';
import { extent, KIND_NAMES, placeOf, type Kind, type Scene } from '../training/data/toy-scenes/scene.ts';
import type { Said } from './judge.ts';

export interface EvaluationPrompt {
  readonly text: string;
  readonly scene: Scene;
  readonly said: Said;
}

/**
 * Scenes of an evaluation are those of the seeds from here on. Those of training have seeds that people choose (0 if
 * nobody does), so the two have nothing in common.
 */
export const FIRST_SEED = 2 ** 52;

/** A question to the model. `one` and `tags` ask for the same scenes, in sentences and in tags. */
interface Asking {
  readonly isAsked: (scene: Scene) => boolean;
  /** Whether the prompt is in tags. */
  readonly isTags?: boolean;
  /** Whether prompts leave out what captions leave out; else they say everything. */
  readonly isVaried?: boolean;
}

const ASKING = {
  /** One thing, in a sentence. */
  one: { isAsked: (scene) => isClear(scene) && scene.objects.length === 1 },
  /** One thing, in tags. */
  tags: { isAsked: (scene) => isClear(scene) && scene.objects.length === 1, isTags: true },
  /** One small thing, in a sentence. */
  small: {
    isAsked: (scene) => isClear(scene) && scene.objects.length === 1 && scene.objects[0]!.size === 'small',
  },
  /** Two things at their places, or one beside the other. */
  two: {
    isAsked: (scene) =>
      isClear(scene) && scene.objects.length === 2 && !scene.isGroup && scene.relation !== 'on',
  },
  /** Everything, as training has it. */
  world: { isAsked: () => true, isVaried: true },
} as const satisfies Record<string, Asking>;

export type Category = keyof typeof ASKING;
export const CATEGORIES = Object.keys(ASKING) as Category[];

/** Long side over short side, from the least to the most. */
export type RatioRange = readonly [least: number, most: number];
export const ANY_RATIO: RatioRange = [1, 2];

/** Share of tags among varied prompts: captions of a scene are three sentences, and tags. */
const TAGS = 0.25;
const SAY_ALL: Said = { size: true, place: true, relation: true };

/**
 * The first `number` prompts of a category, always the same for a seed (0..2^52-1); those without other kinds of things
 * than `kinds`, of scenes whose ratio is in `ratios`.
 * @throws HdmError `bad-usage` as `checkScenes`
 */
export function evaluationPrompts(
  category: Category,
  number: number,
  seed: number,
  kinds: readonly Kind[] = KIND_NAMES,
  ratios = ANY_RATIO,
): EvaluationPrompt[] {
  checkScenes(kinds, ratios);
  const asking: Asking = ASKING[category];
  const prompts: EvaluationPrompt[] = [];
  for (let i = 0; prompts.length < number; i++) {
    const scene = randomScene(FIRST_SEED + seed, i);
    const isKnown = scene.objects.every(({ kind }) => kinds.includes(kind));
    if (isKnown && isWithin(scene.ratio, ratios) && asking.isAsked(scene))
      prompts.push(inWords(scene, asking, seed, i));
  }
  return prompts;
}

/** Throws `bad-usage` for kinds and ratios that no scene has. */
export function checkScenes(kinds: readonly Kind[], ratios: RatioRange): void {
  if (kinds.length === 0) {
    throw new HdmError('bad-usage', 'evaluation', 'there are no kinds of things to ask for', 'Name some');
  }
  if (RATIOS.some((ratio) => isWithin(ratio, ratios))) return;
  const problem = `no usual picture has a long side of ${ratios.join(' to ')} short ones`;
  throw new HdmError('bad-usage', 'evaluation', problem, 'Usual are 1, 1.33, 1.5 and 1.78');
}

function isWithin(ratio: number, [least, most]: RatioRange): boolean {
  const { width, height } = extent(ratio); // the shorter of the two is 1
  return width * height >= least && width * height <= most;
}

function inWords(scene: Scene, asking: Asking, seed: number, number: number): EvaluationPrompt {
  const random = new Random(FIRST_SEED + seed, 'wording', number);
  const isTags = asking.isTags ?? (asking.isVaried === true && random.chance(TAGS));
  if (isTags) return { text: plainCaption(sceneTags(scene)), scene, said: SAY_ALL };
  const said = asking.isVaried
    ? {
        size: random.chance(SAY.size),
        place: random.chance(SAY.place),
        relation: random.chance(SAY.relation),
      }
    : SAY_ALL;
  // The background is always said: what belongs to it could not be told from things else.
  return { text: sceneSentence(scene, { ...said, background: true }, random), scene, said };
}

/** Whether all can be said of the scene: things in one colour at clear places, on a background in few words. */
function isClear(scene: Scene): boolean {
  const { background, objects, relation } = scene;
  const isSimple = background.kind === 'plain' || background.kind === 'landscape';
  const isPlaced = relation !== undefined || objects.every((object) => placeOf(scene, object) !== undefined);
  return isSimple && isPlaced && objects.every(({ texture }) => texture === 'solid');
}
