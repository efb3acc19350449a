/**
 * @file The grammar of captions: `keep ||| group %% group`. Tags are separated by `$$`, or by commas in a caption
 * that has no `$$`. What is kept stays in front and in order; groups and the tags in them may change places and
 * be left out. A caption without `|||` is one group (or several, with `%%`).
 */
import { HdmError } from '../../errors.ts';
import { Random } from './random.ts';

export interface CaptionOptions {
  readonly shuffleGroups: boolean;
  readonly shuffleTags: boolean;
  /** Share of groups left out, 0..1. */
  readonly dropGroups: number;
  /** Share of tags left out, 0..1. */
  readonly dropTags: number;
  /** Share of samples whose caption is empty, so that the model learns to draw without one, 0..1. */
  readonly dropCaption: number;
}

/** The caption as it is written, without the signs of the grammar. */
export const CAPTION_AS_WRITTEN: CaptionOptions = {
  shuffleGroups: false,
  shuffleTags: false,
  dropGroups: 0,
  dropTags: 0,
  dropCaption: 0,
};

const KEEP_END = '|||';
const GROUP_END = '%%';
const TAG_END = '$$';
/** How tags are separated in captions without `$$`, and in every caption that comes out. */
const COMMA = ',';

export interface ParsedCaption {
  readonly keep: readonly string[];
  readonly groups: readonly (readonly string[])[];
}

/** The parts of a caption. Empty tags and groups are no parts. */
export function parseCaption(text: string): ParsedCaption {
  const separator = text.includes(TAG_END) ? TAG_END : COMMA;
  const tagsOf = (part: string) =>
    part
      .split(separator)
      .map((tag) => tag.trim())
      .filter((tag) => tag !== '');
  const end = text.lastIndexOf(KEEP_END);
  const keep = end < 0 ? [] : text.slice(0, end).split(KEEP_END).flatMap(tagsOf);
  const rest = end < 0 ? text : text.slice(end + KEEP_END.length);
  const groups = rest.split(GROUP_END).map(tagsOf);
  return { keep, groups: groups.filter((tags) => tags.length > 0) };
}

/** Every tag of a caption, in order. */
export function tagsOf(text: string): string[] {
  const { keep, groups } = parseCaption(text);
  return [...keep, ...groups.flat()];
}

/**
 * The text of sample number `sample`: one of the wordings, its parts shuffled and left out as the options say. The
 * same for the same seed and number. Without wordings it is empty.
 * @throws HdmError `bad-usage` when a rate is not in 0..1
 */
export function sampleCaption(
  wordings: readonly string[],
  options: CaptionOptions,
  seed: number,
  sample: number,
): string {
  checkRates(options);
  const random = new Random(seed, 'caption', sample);
  const isDropped = random.chance(options.dropCaption);
  if (isDropped || wordings.length === 0) return '';
  const { keep, groups } = parseCaption(random.pick(wordings));
  const ordered = options.shuffleGroups ? random.shuffled(groups) : groups;
  const kept = ordered.filter(() => !random.chance(options.dropGroups));
  const tags = kept.flatMap((group) => {
    const order = options.shuffleTags ? random.shuffled(group) : group;
    return order.filter(() => !random.chance(options.dropTags));
  });
  return [...keep, ...tags].join(`${COMMA} `);
}

/** A caption as a person reads it: in order, with commas. */
export function plainCaption(text: string): string {
  return tagsOf(text).join(`${COMMA} `);
}

function checkRates({ dropGroups, dropTags, dropCaption }: CaptionOptions): void {
  const rates = { dropGroups, dropTags, dropCaption };
  for (const [name, rate] of Object.entries(rates)) {
    if (rate >= 0 && rate <= 1) continue;
    throw new HdmError('bad-usage', 'captions', `${name} must be from 0 to 1, got ${rate}`);
  }
}
