/**
 * @file The smallest toy world: one large flat shape in the middle of a plain background, told in one short sentence.
 * The tiniest model learns it in a minute, which shows that a training works from end to end.
 */
import { Random } from '../random.ts';
import type { ColorName } from './colors.ts';
import { KINDS, SIZES, type Kind, type Scene } from './scene.ts';

/** No word is for things and backgrounds both, so that a model need not learn first what the order of words means. */
const THING_COLORS = ['white', 'black', 'grey'] as const satisfies readonly ColorName[];
const BACKGROUND_COLORS = [
  'red',
  'orange',
  'yellow',
  'green',
  'cyan',
  'blue',
  'purple',
  'pink',
] as const satisfies readonly ColorName[];
const SIMPLE_KINDS = ['circle', 'square'] as const satisfies readonly Kind[];

/** Scene number `number` (0..2^53-1) of a seed: always the same. */
export function simpleScene(seed: number, number: number): Scene {
  const random = new Random(seed, 'scene', number);
  const color = random.pick(THING_COLORS);
  const behind = random.pick(BACKGROUND_COLORS);
  const kind = random.pick(SIMPLE_KINDS);
  const length = random.between(...SIZES.large);
  const { width, height } = KINDS[kind];
  return {
    ratio: 1,
    background: { kind: 'plain', color: behind },
    objects: [
      {
        kind,
        color,
        size: 'large',
        texture: 'solid',
        second: 'white',
        x: 0.5,
        y: 0.5,
        width: width * length,
        height: height * length,
      },
    ],
    isGroup: false,
  };
}

/** Its one wording in the grammar of captions: "white circle on blue". */
export function simpleCaption({ background, objects: [object] }: Scene): string {
  const behind = background.kind === 'plain' ? background.color : '';
  return `${object!.color} ${object!.kind} on ${behind} |||`;
}
