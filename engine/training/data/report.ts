/** @file What is in a dataset, before hours are spent on it: everything that a person would want to know or mend. */
import { dirname } from 'node:path';
import { toHdmError } from '../../errors.ts';
import { readPictureInfo, wholeView, type PictureInfo } from '../../image/pixels.ts';
import { plainCaption, tagsOf } from './captions.ts';
import type { Dataset, DatasetSource } from './dataset.ts';
import { HASH_SIZE, nearDuplicates, pictureHash, type PictureHash } from './duplicates.ts';
import { inParallel, type ParallelOptions } from './in-parallel.ts';
import { requireLargeEnough, type Size } from './pictures.ts';

export interface ReportOptions extends ParallelOptions {
  /** Side of the squares of training: pictures too small for it are refused. */
  readonly size: number;
  /** Counts the tokens of a caption, and how many the model takes. */
  readonly tokens?: { readonly count: (text: string) => number; readonly limit: number };
}

/** What is special about a picture and taken care of. */
const TRAITS = ['isTurned', 'isAnimated', 'isCmyk', 'isGrey', 'hasAlpha', 'isDeep'] as const;
type Trait = (typeof TRAITS)[number];

export interface Counted {
  readonly name: string;
  readonly count: number;
}

/** Plain data, ready for JSON. Lists are sorted, the most important first. */
export interface DatasetReport {
  readonly source: DatasetSource;
  readonly pictures: number;
  /** With repeats, without those that are refused. */
  readonly samplesPerEpoch: number;
  readonly refused: readonly { readonly name: string; readonly reason: string }[];
  readonly sizes: {
    readonly smallest: NamedSize;
    readonly median: number;
    readonly largest: NamedSize;
  } | null;
  /** Usable pictures that have to be enlarged for the size of training. */
  readonly enlarged: readonly string[];
  readonly ratios: readonly Counted[];
  readonly traits: Readonly<Record<Trait, readonly string[]>>;
  readonly folders: readonly { readonly name: string; readonly pictures: number; readonly repeats: number }[];
  readonly captions: {
    readonly missing: readonly string[];
    readonly fromFolderName: number;
    /** The same caption for several pictures. */
    readonly duplicates: readonly Counted[];
    readonly tags: readonly Counted[];
    readonly tokens: TokenStatistics | null;
  };
  /** Pictures that look the same. Toy scenes are not compared. */
  readonly duplicates: readonly (readonly string[])[];
}

interface NamedSize extends Size {
  readonly name: string;
}

interface TokenStatistics {
  readonly limit: number;
  readonly median: number;
  readonly largest: number;
  /** Whose end the model will not see. */
  readonly cut: readonly string[];
}

/** Bins of the histogram of ratios; a picture counts where its ratio is nearest. */
const RATIOS: Readonly<Record<string, number>> = {
  '9:21': 9 / 21, '9:16': 9 / 16, '2:3': 2 / 3, '3:4': 3 / 4, '1:1': 1,
  '4:3': 4 / 3, '3:2': 3 / 2, '16:9': 16 / 9, '21:9': 21 / 9,
}; // prettier-ignore
/** Of lists that could be as long as the dataset and are of no use beyond. */
const MOST_TAGS = 100;
const MOST_CAPTIONS = 100;

interface Looked {
  readonly size?: Size;
  readonly info?: PictureInfo;
  readonly hash?: PictureHash;
  readonly reason?: string;
}

/**
 * Looks at every picture and caption. Bad pictures are a part of the result, not an error.
 * @throws HdmError `cancelled`
 */
export async function datasetReport(dataset: Dataset, options: ReportOptions): Promise<DatasetReport> {
  const looked = await inParallel(dataset.length, (i) => look(dataset, i, options.size), options);
  const indices = [...looked.keys()];
  const nameOf = (i: number) => dataset.item(i).name;
  const usable = indices.filter((i) => looked[i]!.reason === undefined);
  const sizes = usable.map((i) => ({ name: nameOf(i), ...looked[i]!.size! }));
  const having = (trait: Trait) => indices.filter((i) => looked[i]!.info?.[trait]).map(nameOf);
  return {
    source: dataset.source,
    pictures: dataset.length,
    samplesPerEpoch: usable.reduce((sum, i) => sum + dataset.item(i).repeats, 0),
    refused: indices.flatMap((i) => {
      const { reason } = looked[i]!;
      return reason === undefined ? [] : [{ name: nameOf(i), reason }];
    }),
    sizes: describeSizes(sizes),
    enlarged: sizes.filter((size) => shortSide(size) < options.size).map(({ name }) => name),
    ratios: countRatios(sizes),
    traits: Object.fromEntries(TRAITS.map((trait) => [trait, having(trait)])) as Record<Trait, string[]>,
    folders: describeFolders(dataset),
    captions: describeCaptions(dataset, options),
    duplicates: nearDuplicates(looked.map(({ hash }) => hash)).map((group) => group.map(nameOf)),
  };
}

async function look(dataset: Dataset, index: number, side: number): Promise<Looked> {
  const { name, picture } = dataset.item(index);
  if (picture.kind === 'toy') return { size: await dataset.size(index) };
  let info: PictureInfo | undefined;
  try {
    info = await readPictureInfo(picture.path);
    requireLargeEnough(name, info, side);
    const hash = pictureHash(await dataset.picture(index, wholeView(HASH_SIZE))); // reads the file to its end
    return { size: { width: info.width, height: info.height }, info, hash };
  } catch (error) {
    const { code, message } = toHdmError(error, name);
    if (code !== 'bad-file' && code !== 'disk') throw error;
    return { reason: message, ...(info && { info }) };
  }
}

function describeSizes(sizes: readonly NamedSize[]): DatasetReport['sizes'] {
  const sorted = sizes.toSorted((a, b) => shortSide(a) - shortSide(b));
  if (sorted.length === 0) return null;
  const median = shortSide(sorted[Math.floor(sorted.length / 2)]!);
  return { smallest: sorted[0]!, median, largest: sorted.at(-1)! };
}

function shortSide({ width, height }: Size): number {
  return Math.min(width, height);
}

function countRatios(sizes: readonly Size[]): Counted[] {
  const counts = Object.fromEntries(Object.keys(RATIOS).map((name) => [name, 0]));
  for (const { width, height } of sizes) {
    const distance = (name: string) => Math.abs(Math.log(width / height / RATIOS[name]!));
    const nearest = Object.keys(RATIOS).reduce((best, name) =>
      distance(name) < distance(best) ? name : best,
    );
    counts[nearest]!++;
  }
  return Object.entries(counts).map(([name, count]) => ({ name, count }));
}

function describeFolders(dataset: Dataset): DatasetReport['folders'] {
  if (dataset.source.kind === 'toy') return [];
  const items = Array.from({ length: dataset.length }, (_, i) => dataset.item(i));
  const groups = Map.groupBy(items, ({ name, repeats }) => JSON.stringify([dirname(name), repeats]));
  return [...groups].map(([key, members]) => {
    const [name, repeats] = JSON.parse(key) as [string, number];
    return { name, pictures: members.length, repeats };
  });
}

function describeCaptions(dataset: Dataset, { tokens }: ReportOptions): DatasetReport['captions'] {
  const captions = Array.from({ length: dataset.length }, (_, i) => dataset.captions(i));
  const nameOf = (i: number) => dataset.item(i).name;
  const indices = [...captions.keys()];
  const texts = captions.map((wordings) => wordings.map(plainCaption));
  const duplicates = countEach(texts.flatMap((wordings) => [...new Set(wordings)])).filter(
    ({ count }) => count > 1,
  );
  return {
    missing: indices.filter((i) => captions[i]!.length === 0).map(nameOf),
    fromFolderName: indices.filter((i) => dataset.item(i).captionFrom === 'folder-name').length,
    duplicates: duplicates.slice(0, MOST_CAPTIONS),
    tags: countEach(captions.flat().flatMap(tagsOf)).slice(0, MOST_TAGS),
    tokens: tokens ? describeTokens(texts, nameOf, tokens) : null,
  };
}

function describeTokens(
  texts: readonly (readonly string[])[],
  nameOf: (index: number) => string,
  { count, limit }: NonNullable<ReportOptions['tokens']>,
): TokenStatistics {
  const lengths = texts.map((wordings) => Math.max(0, ...wordings.map(count)));
  const sorted = lengths.toSorted((a, b) => a - b);
  return {
    limit,
    median: sorted[Math.floor(sorted.length / 2)]!,
    largest: sorted.at(-1)!,
    cut: [...lengths.keys()].filter((i) => lengths[i]! > limit).map(nameOf),
  };
}

/** How often each name comes, the most frequent first, then by name. */
function countEach(names: readonly string[]): Counted[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  const counted = [...counts].map(([name, count]) => ({ name, count }));
  return counted.sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
}
