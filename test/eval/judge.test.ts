/** @file The judge passes pictures of what was asked for, sharp and rough, and fails those with a single mistake. */
import { describe, expect, it } from 'vitest';
import { judge, type Property, type Verdict } from '../../engine/eval/judge.ts';
import { evaluationPrompts, type EvaluationPrompt } from '../../engine/eval/prompts.ts';
import { KIND_NAMES, type Scene } from '../../engine/training/data/toy-scenes/scene.ts';
import { MISTAKES, mistaken, roughPicture, truePicture } from './made-up.ts';

const SEED = 7;
const SAY_ALL = { size: true, place: true, relation: true };

interface Judged extends EvaluationPrompt {
  readonly verdict: Verdict;
}

function judged(
  prompts: readonly EvaluationPrompt[],
  draw: (scene: Scene, i: number) => ReturnType<typeof truePicture>,
): Judged[] {
  return prompts.map((prompt, i) => ({
    ...prompt,
    verdict: judge(draw(prompt.scene, i), prompt.scene, SAY_ALL),
  }));
}

/** Share of pictures that pass for each name, least first. */
function rates(pictures: readonly Judged[], names: (scene: Scene) => readonly string[]): [string, number][] {
  const all = new Set(pictures.flatMap(({ scene }) => names(scene)));
  return [...all]
    .map((name): [string, number] => {
      const own = pictures.filter(({ scene }) => names(scene).includes(name));
      return [name, own.filter(({ verdict }) => verdict.all).length / own.length];
    })
    .sort(([, a], [, b]) => a - b);
}

function layoutOf({ relation, isGroup, objects }: Scene): string {
  if (relation === 'on') return 'on';
  if (relation) return 'relation';
  if (isGroup) return 'group';
  return ['empty', 'one'][objects.length] ?? 'several';
}

function failures(pictures: readonly Judged[]): string[] {
  return pictures.filter(({ verdict }) => !verdict.all).map(({ text }) => text);
}

describe('true pictures', () => {
  const world = judged(evaluationPrompts('world', 200, SEED), (scene) => truePicture(scene));
  const one = judged(evaluationPrompts('one', 120, SEED), (scene) => truePicture(scene));

  it('pass whatever the layout, the background and the texture', () => {
    const groups = rates(world, (scene) => [
      layoutOf(scene),
      `on ${scene.background.kind}`,
      ...scene.objects.map(({ texture }) => texture),
    ]);
    expect(groups.map(([name]) => name).sort()).toEqual(
      [
        ...['empty', 'group', 'on', 'one', 'relation', 'several'],
        ...['on dots', 'on gradient', 'on landscape', 'on plain', 'on stripes'],
        ...['dotted', 'outlined', 'solid', 'striped'],
      ].sort(),
    );
    expect(groups[0]![1], failures(world).join('\n')).toBeGreaterThanOrEqual(0.97);
  });

  it('pass whatever the kind and the size', () => {
    const kinds = rates(one, ({ objects }) => [objects[0]!.kind]);
    expect(kinds.length).toBe(KIND_NAMES.length);
    expect(kinds[0]![1], failures(one).join('\n')).toBeGreaterThanOrEqual(0.95);
    expect(rates(one, ({ objects }) => [objects[0]!.size])[0]![1]).toBeGreaterThanOrEqual(0.97);
  });

  it('pass when they are as a small autoencoder leaves them', () => {
    const rough = judged(evaluationPrompts('world', 100, SEED + 1), roughPicture);
    expect(rates(rough, () => ['all'])[0]![1], failures(rough).join('\n')).toBeGreaterThanOrEqual(0.97);
  });

  it('pass at the size of the smallest models, and at a large one', () => {
    const prompts = evaluationPrompts('one', 12, SEED);
    for (const side of [128, 512]) {
      const pictures = judged(prompts, (scene) => truePicture(scene, side));
      expect(failures(pictures)).toEqual([]);
    }
  });

  it('pass also where things of two colours touch', () => {
    const [tree, star] = [
      { kind: 'tree', color: 'green', x: 0.4, width: 0.36, height: 0.5, size: 'large' },
      { kind: 'star', color: 'red', x: 0.68, width: 0.32, height: 0.31, size: 'medium' },
    ] as const;
    const rest = { y: 0.5, texture: 'solid', second: 'white' } as const;
    const scene: Scene = {
      ratio: 1,
      background: { kind: 'plain', color: 'yellow' },
      objects: [
        { ...star, ...rest },
        { ...tree, ...rest },
      ],
      relation: 'right of',
      isGroup: false,
    };
    expect(judge(truePicture(scene), scene, SAY_ALL)).toMatchObject({ all: true });
  });

  it('are told property by property, and only where something was said', () => {
    const [{ scene }] = evaluationPrompts('one', 1, SEED) as [EvaluationPrompt];
    const said = Object.keys(judge(truePicture(scene), scene, SAY_ALL).properties);
    expect(said).toEqual(['background', 'count', 'color', 'kind', 'texture', 'size', 'place']);
    const nothing = judge(truePicture(scene), scene, { size: false, place: false, relation: false });
    expect(Object.keys(nothing.properties)).toEqual(said.slice(0, 5));
  });
});

describe('pictures with a mistake fail', () => {
  /** The property that tells a mistake. Dots that nobody asked for may count as things instead. */
  const TOLD_BY: Readonly<Partial<Record<string, Property>>> = {
    color: 'color',
    kind: 'kind',
    size: 'size',
    place: 'place',
    texture: 'texture',
    missing: 'count',
    additional: 'count',
    count: 'count',
    relation: 'relation',
  };

  it.each(Object.keys(MISTAKES))('%s', (name) => {
    const cases = mistaken(name, 12);
    expect(cases.length).toBe(12);
    const verdicts = cases.map(({ prompt, wrong }) => judge(truePicture(wrong), prompt.scene, SAY_ALL));
    const passed = cases.filter((_, i) => verdicts[i]!.all).map(({ prompt }) => prompt.text);
    expect(passed).toEqual([]);
    const teller = TOLD_BY[name];
    if (teller) expect(verdicts.filter(({ properties }) => properties[teller])).toEqual([]);
  });

  it('also when nothing is drawn, or noise', () => {
    const prompts = evaluationPrompts('world', 8, SEED).filter(({ scene }) => scene.objects.length > 0);
    const grey = { width: 256, height: 256, data: new Uint8Array(256 * 256 * 3).fill(128) };
    const noise = { ...grey, data: grey.data.map((_, i) => (i * 7919 * ((i % 251) + 1)) % 256) };
    for (const { scene, said } of prompts) {
      expect(judge(grey, scene, said).all).toBe(false);
      expect(judge(noise, scene, said).all).toBe(false);
    }
  });
});
