/**
 * @file A dataset: a list of pictures with their captions, whatever they come from. Opening one reads names and
 * captions, not pictures.
 */
import { statSync } from 'node:fs';
import { extname } from 'node:path';
import { HdmError, toHdmError } from '../../errors.ts';
import type { Pixels, View } from '../../image/pixels.ts';
import { readFolder } from './folder.ts';
import { isManifest, MANIFEST_ENDINGS, readManifest } from './manifest.ts';
import { pictureSize, readPicture, type PictureRef, type Size } from './pictures.ts';
import { TOY_SOURCES, TOY_WORDS, worldOf } from './toy-scenes/world.ts';

/** Where a dataset comes from: plain data that a recipe can hold. */
export type DatasetSource =
  /** Pictures with `.txt` files beside them, in subfolders too; a subfolder `5_name` counts five times. */
  | { readonly kind: 'folder'; readonly path: string }
  /** A `.jsonl` or `.csv` file that names pictures and captions. */
  | { readonly kind: 'manifest'; readonly path: string }
  /** Scenes drawn by ourselves: number 0 to count - 1 of this seed; of the simple ones, or of all there are. */
  | {
      readonly kind: 'toy';
      readonly seed: number;
      readonly count: number;
      readonly isSimple?: true | undefined;
    };

export interface DatasetItem {
  /** For people: the path as it was found, or the number of a scene. */
  readonly name: string;
  readonly picture: PictureRef;
  /** How often it comes in an epoch, 1 or more. */
  readonly repeats: number;
  /** Where the caption is from; `none` when there is none. */
  readonly captionFrom: 'file' | 'folder-name' | 'none';
}

export interface Dataset {
  readonly source: DatasetSource;
  readonly length: number;
  /** Whether any item comes more than once in an epoch. */
  readonly isRepeating: boolean;
  item(index: number): DatasetItem;
  /** Wordings in the grammar of captions.ts, of which each sample takes one. Empty without a caption. */
  captions(index: number): readonly string[];
  /** Of the whole picture, upright. Errors as `pictureSize`. */
  size(index: number): Promise<Size>;
  /** The whole picture, or a part of it scaled. Errors as `readPicture`. */
  picture(index: number, view?: View): Promise<Pixels>;
}

/** An item of a list with its captions, as folders and manifests are read. */
export interface ListedItem extends DatasetItem {
  readonly captions: readonly string[];
}

/**
 * The source that a word of the user means: `toy`, `toy-simple`, a folder, or a manifest.
 * @throws HdmError `disk` when there is nothing of that name, `bad-usage` when it is another kind of file
 */
export function datasetSource(word: string): DatasetSource {
  const toy = TOY_WORDS.find((each) => each === word);
  if (toy) return TOY_SOURCES[toy];
  try {
    if (statSync(word).isDirectory()) return { kind: 'folder', path: word };
  } catch (error) {
    throw toHdmError(error, word, 'disk');
  }
  if (isManifest(word)) return { kind: 'manifest', path: word };
  const advice = `Name a folder, a list that ends in ${MANIFEST_ENDINGS.join(' or ')}, or one of the words ${TOY_WORDS.join(', ')}`;
  const problem = `expected a folder or a list of pictures, got a file that ends in "${extname(word)}"`;
  throw new HdmError('bad-usage', word, problem, advice);
}

/**
 * Opens a dataset: lists its pictures and reads their captions.
 * @throws HdmError `disk` and `bad-file` for folders, captions and lists that cannot be read, or without pictures;
 * `bad-usage` for numbers that cannot be
 */
export async function openDataset(source: DatasetSource): Promise<Dataset> {
  switch (source.kind) {
    case 'folder':
      return listDataset(source, await readFolder(source.path));
    case 'manifest':
      return listDataset(source, await readManifest(source.path));
    case 'toy':
      return toyDataset(source);
  }
}

function listDataset(source: DatasetSource, items: readonly ListedItem[]): Dataset {
  return {
    source,
    length: items.length,
    isRepeating: items.some(({ repeats }) => repeats > 1),
    item: (index) => items[index]!,
    captions: (index) => items[index]!.captions,
    size: (index) => pictureSize(items[index]!.picture),
    picture: (index, view) => readPicture(items[index]!.picture, view),
  };
}

/** Nothing is kept in memory, so that there can be any number of scenes. */
function toyDataset(source: DatasetSource & { kind: 'toy' }): Dataset {
  const { seed, count, isSimple } = source;
  const world = worldOf(source);
  if (![seed, count].every((value) => Number.isSafeInteger(value) && value >= 0) || count === 0) {
    const problem = `seed and count must be whole numbers, the count at least 1, got ${seed} and ${count}`;
    throw new HdmError('bad-usage', 'toy scenes', problem, 'Choose other numbers');
  }
  const picture = (number: number): PictureRef => ({
    kind: 'toy',
    seed,
    number,
    ...(isSimple && { isSimple }),
  });
  return {
    source,
    length: count,
    isRepeating: false,
    item: (index) => ({
      name: `toy scene ${index}`,
      picture: picture(index),
      repeats: 1,
      captionFrom: 'file',
    }),
    captions: (index) => world.captions(world.scene(seed, index), seed, index),
    size: (index) => pictureSize(picture(index)),
    picture: (index, view) => readPicture(picture(index), view),
  };
}
