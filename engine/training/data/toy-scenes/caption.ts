/**
 * @file A scene in words: sentences, and tags in the grammar of captions. All words are in the tables at the top. A
 * sentence is kept whole (`sentence |||`); of tags the number of objects is kept in front, the rest may move.
 */
import { Random } from '../random.ts';
import type { ColorName } from './colors.ts';
import {
  KINDS,
  placeOf,
  type Background,
  type Daytime,
  type Ground,
  type Kind,
  type Place,
  type Relation,
  type Scene,
  type SceneObject,
  type SizeName,
  type Texture,
} from './scene.ts';

/** Words for each thing that can be said; one is picked. Tags take the first. */
type Words<Key extends string> = Readonly<Record<Key, readonly string[]>>;

const COLOR_WORDS: Words<ColorName> = {
  red: ['red'],
  orange: ['orange'],
  yellow: ['yellow'],
  green: ['green'],
  cyan: ['cyan'],
  blue: ['blue'],
  purple: ['purple', 'purple', 'purple', 'violet'],
  pink: ['pink'],
  brown: ['brown'],
  white: ['white'],
  black: ['black'],
  grey: ['grey', 'gray'],
};
const SIZE_WORDS: Words<SizeName> = {
  small: ['small', 'small', 'little', 'tiny'],
  medium: ['medium', 'medium-sized'],
  large: ['large', 'large', 'big', 'huge'],
};
const TEXTURE_WORDS: Words<Exclude<Texture, 'solid'>> = {
  striped: ['striped'],
  dotted: ['dotted', 'dotted', 'spotted'],
  outlined: ['outlined', 'hollow'],
};
/** One and several of each kind. */
const KIND_WORDS: Readonly<Record<Kind, readonly [one: string, several: string]>> = {
  circle: ['circle', 'circles'],
  square: ['square', 'squares'],
  triangle: ['triangle', 'triangles'],
  diamond: ['diamond', 'diamonds'],
  star: ['star', 'stars'],
  heart: ['heart', 'hearts'],
  ring: ['ring', 'rings'],
  cross: ['cross', 'crosses'],
  moon: ['moon', 'moons'],
  sun: ['sun', 'suns'],
  cloud: ['cloud', 'clouds'],
  tree: ['tree', 'trees'],
  house: ['house', 'houses'],
  flower: ['flower', 'flowers'],
  mushroom: ['mushroom', 'mushrooms'],
  car: ['car', 'cars'],
  fish: ['fish', 'fish'],
  boat: ['boat', 'boats'],
};
const PLACE_WORDS: Words<Place> = {
  left: ['on the left', 'on the left side', 'at the left'],
  center: ['in the center', 'in the middle', 'in the centre'],
  right: ['on the right', 'on the right side', 'at the right'],
  top: ['at the top', 'near the top'],
  bottom: ['at the bottom', 'near the bottom'],
  'top left': ['in the top left corner', 'at the top left', 'in the upper left corner'],
  'top right': ['in the top right corner', 'at the top right', 'in the upper right corner'],
  'bottom left': ['in the bottom left corner', 'at the bottom left', 'in the lower left corner'],
  'bottom right': ['in the bottom right corner', 'at the bottom right', 'in the lower right corner'],
};
const RELATION_WORDS: Words<Relation> = {
  'left of': ['to the left of', 'left of'],
  'right of': ['to the right of', 'right of'],
  above: ['above', 'over'],
  below: ['below', 'under'],
  on: ['on', 'on', 'inside'],
};
const NUMBER_WORDS = ['no', 'one', 'two', 'three', 'four', 'five'] as const;
/** Where things are in a landscape, and where they are when all of them are in its sky. */
const GROUND_WORDS: Readonly<
  Record<Ground, { on: readonly string[]; over: readonly string[]; name: string }>
> = {
  grass: {
    on: ['on grass', 'on the grass', 'on a green meadow'],
    over: ['over grass', 'over a green meadow'],
    name: 'grass',
  },
  sea: { on: ['on the sea', 'at sea', 'in the sea'], over: ['over the sea'], name: 'sea' },
  snow: { on: ['in the snow', 'on snow'], over: ['over snow'], name: 'snow' },
  sand: { on: ['on sand', 'on the sand', 'on a beach'], over: ['over sand', 'over a beach'], name: 'sand' },
};
const DAYTIME_WORDS: Words<Daytime> = {
  day: ['by day', 'during the day', 'under a blue sky'],
  sunset: ['at sunset', 'at sunset'],
  night: ['at night', 'by night', 'under a night sky'],
};

/** Sentences for a scene, before its tags. */
const SENTENCES = 3;
/** Shares of sentences that say what can be left out. */
export const SAY = { size: 0.75, place: 0.75, background: 0.92, relation: 0.85 } as const;

/** What a caption says of a scene beside kinds, colours, textures and numbers, which it always says. */
export interface Wording {
  readonly size: boolean;
  readonly place: boolean;
  readonly background: boolean;
  /** How things lie to each other; left open, most sentences say it. */
  readonly relation?: boolean;
}

/** Captions of scene `number` of a seed, in the grammar of captions: three sentences, then tags. */
export function sceneWordings(scene: Scene, seed: number, number: number): string[] {
  const random = new Random(seed, 'wording', number);
  const sentences = Array.from({ length: SENTENCES }, () => {
    const wording = {
      size: random.chance(SAY.size),
      place: random.chance(SAY.place),
      background: random.chance(SAY.background),
    };
    return `${sceneSentence(scene, wording, random)} |||`;
  });
  return [...sentences, sceneTags(scene)];
}

/** A scene as a sentence without a full stop: "a small red circle on the left on a blue background". */
export function sceneSentence(scene: Scene, wording: Wording, random: Random): string {
  const background = wording.background || scene.objects.length === 0 ? backgroundPhrase(scene, random) : '';
  if (scene.objects.length === 0)
    return random.chance(0.5) ? `nothing ${background}` : `empty, ${background}`;
  const things = thingsPhrase(scene, wording, random);
  const isFirst = background !== '' && random.chance(0.15);
  return isFirst ? `${background}, ${things}` : `${things} ${background}`.trim();
}

/** A scene as tags, all of them true: `1 object ||| small red circle, left %% blue background`. */
export function sceneTags(scene: Scene): string {
  const { objects, relation, isGroup } = scene;
  const number = `${objects.length} ${objects.length === 1 ? 'object' : 'objects'}`;
  const names = objects.map((object) => nameTag(object, isGroup));
  const [first, second] = objects;
  const places = objects.map((object) => placeOf(scene, object));
  const groups = names.map((name, i) => {
    const isAlone = objects.length === 1;
    if (isGroup || relation || places[i] === undefined) return name;
    return isAlone ? `${name}, ${places[i]}` : `${name} ${places[i]}`;
  });
  const relationTags = relation && !isGroup ? [`${first!.kind} ${relation} ${second!.kind}`] : [];
  const things = [...(isGroup ? groups.slice(0, 1) : groups), ...relationTags];
  return `${number} ||| ${[...things, backgroundTag(scene.background)].join(' %% ')}`;
}

function nameTag(object: SceneObject, isSeveral: boolean): string {
  const texture = object.texture === 'solid' ? [] : [object.texture];
  return [object.size, ...texture, object.color, KIND_WORDS[object.kind][isSeveral ? 1 : 0]].join(' ');
}

function thingsPhrase(scene: Scene, wording: Wording, random: Random): string {
  const { objects, relation, isGroup } = scene;
  const [first, second] = objects;
  if (isGroup) return `${NUMBER_WORDS[objects.length]} ${nouns(first!, wording, random, 1)}`;
  const names = objects.map((object) => withArticle(nouns(object, wording, random, 0)));
  if (relation && (relation === 'on' || (wording.relation ?? random.chance(SAY.relation)))) {
    return `${names[0]} ${random.pick(RELATION_WORDS[relation])} ${names[1]!}`;
  }
  const places = objects.map((object) => placeOf(scene, object));
  const isTold = wording.place && !(relation && second);
  const told = names.map((name, i) => {
    const place = isTold ? places[i] : undefined;
    return place ? `${name} ${random.pick(PLACE_WORDS[place])}` : name;
  });
  return list(random.shuffled(told));
}

/** "small striped red circle" */
function nouns(object: SceneObject, wording: Wording, random: Random, number: 0 | 1): string {
  const { size, texture, color, kind } = object;
  return [
    ...(wording.size ? [random.pick(SIZE_WORDS[size])] : []),
    ...(texture === 'solid' ? [] : [random.pick(TEXTURE_WORDS[texture])]),
    random.pick(COLOR_WORDS[color]),
    KIND_WORDS[kind][number],
  ].join(' ');
}

function backgroundPhrase({ background, objects }: Scene, random: Random): string {
  if (background.kind === 'landscape') {
    const words = GROUND_WORDS[background.ground];
    const isInSky = objects.every(({ kind }) => KINDS[kind].realm === 'sky');
    const ground = random.pick(isInSky ? words.over : words.on);
    return `${ground} ${random.pick(DAYTIME_WORDS[background.daytime])}`;
  }
  const first = random.pick(COLOR_WORDS[background.color]);
  if (background.kind === 'plain') {
    return `${random.pick(['on', 'on', 'on', 'against', 'in front of', 'with'])} ${withArticle(first)} background`;
  }
  const second = random.pick(COLOR_WORDS[background.second]);
  switch (background.kind) {
    case 'gradient':
      return random.pick([
        `on a background that fades from ${first} to ${second}`,
        `on a gradient from ${first} to ${second}`,
      ]);
    case 'stripes':
      return random.pick([
        `on ${withArticle(first)} and ${second} striped background`,
        `on a background with ${first} and ${second} stripes`,
      ]);
    case 'dots':
      return random.pick([
        `on ${withArticle(first)} background with ${second} dots`,
        `on ${withArticle(first)} background dotted with ${second}`,
      ]);
  }
}

function backgroundTag(background: Background): string {
  switch (background.kind) {
    case 'plain':
      return `${background.color} background`;
    case 'gradient':
      return `${background.color} to ${background.second} gradient background`;
    case 'stripes':
      return `${background.color} and ${background.second} striped background`;
    case 'dots':
      return `${background.color} background with ${background.second} dots`;
    case 'landscape':
      return `${GROUND_WORDS[background.ground].name}, ${background.daytime}`;
  }
}

function withArticle(words: string): string {
  return `${/^[aeiou]/.test(words) ? 'an' : 'a'} ${words}`;
}

/** "a, b and c" */
function list(phrases: readonly string[]): string {
  if (phrases.length < 2) return phrases.join('');
  return `${phrases.slice(0, -1).join(', ')} and ${phrases.at(-1)}`;
}
