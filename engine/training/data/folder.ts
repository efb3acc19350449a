/**
 * @file Folders in the style of kohya's trainers: pictures with a text file of the same name beside each, in
 * subfolders, too. A subfolder called `5_name` counts five times; its pictures without a text file are captioned
 * `name`.
 */
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, extname, join, relative } from 'node:path';
import { HdmError, toHdmError } from '../../errors.ts';
import type { ListedItem } from './dataset.ts';
import { inParallel } from './in-parallel.ts';
import { readText } from './text-file.ts';

/** Endings of files that are meant as pictures. Some cannot be read; reading says so, by name. */
const PICTURE_ENDINGS = [
  ...['.png', '.jpg', '.jpeg', '.webp', '.gif', '.tif', '.tiff', '.avif'],
  ...['.bmp', '.heic', '.jxl', '.jfif'],
];

const CAPTION_ENDINGS = ['.txt', '.caption'];
/** A caption is a few hundred bytes. */
const MOST_CAPTION_BYTES = 64 << 10;
/** Deeper than anybody sorts pictures. */
const DEEPEST = 16;
const REPEATS = /^(\d{1,4})_(.*)$/;

interface FoundPicture {
  readonly path: string;
  readonly captionPath: string | undefined;
  readonly repeats: number;
  /** The name behind the repeats. */
  readonly className: string | undefined;
}

/** Of the nearest folder above that says so. */
type Inherited = Pick<FoundPicture, 'repeats' | 'className'>;

/**
 * The pictures of a folder and all below it, sorted by path, with their captions.
 * @throws HdmError `disk` and `bad-file`: no pictures, folders nested without end, captions that are no text
 */
export async function readFolder(root: string): Promise<ListedItem[]> {
  const found = await search(root, { repeats: 1, className: undefined }, 0, new Set());
  if (found.length === 0) throw noPictures(root);
  found.sort((a, b) => (a.path < b.path ? -1 : 1));
  return inParallel(found.length, async (index) => {
    const { path, captionPath, repeats, className } = found[index]!;
    const text = captionPath ? await readCaption(captionPath) : '';
    const caption = text || (captionPath ? '' : (className ?? ''));
    return {
      name: relative(root, path),
      picture: { kind: 'file', path },
      repeats,
      captionFrom: text ? 'file' : caption ? 'folder-name' : 'none',
      captions: caption ? [caption] : [],
    } satisfies ListedItem;
  });
}

/** Several lines are one caption. */
async function readCaption(path: string): Promise<string> {
  const text = await readText(path, MOST_CAPTION_BYTES);
  return text.replace(/\s*[\r\n]+\s*/g, ' ').trim();
}

async function search(
  folder: string,
  inherited: Inherited,
  depth: number,
  seen: Set<string>,
): Promise<FoundPicture[]> {
  if (depth > DEEPEST) {
    const problem = `folders are nested more than ${DEEPEST} deep`;
    throw new HdmError('bad-file', folder, problem, 'Choose a folder nearer to the pictures');
  }
  const real = await realpath(folder).catch(() => folder);
  if (seen.has(real)) return []; // a link that leads back
  seen.add(real);
  const { files, folders } = await list(folder);
  const captions = new Map(
    CAPTION_ENDINGS.toReversed().flatMap((ending) =>
      files.filter((file) => endsIn(file, [ending])).map((file) => [stem(file), file] as const),
    ),
  );
  const pictures = files.filter((file) => endsIn(file, PICTURE_ENDINGS));
  const found = pictures.map((file) => {
    const caption = captions.get(stem(file));
    const captionPath = caption === undefined ? undefined : join(folder, caption);
    return { path: join(folder, file), captionPath, ...inherited };
  });
  for (const name of folders) {
    found.push(...(await search(join(folder, name), repeatsOf(name) ?? inherited, depth + 1, seen)));
  }
  return found;
}

/** What is hidden (`.git`, `._picture.jpg` of a Mac) is not meant. Links are followed. */
async function list(folder: string): Promise<{ files: string[]; folders: string[] }> {
  try {
    const names = (await readdir(folder)).filter((name) => !name.startsWith('.'));
    const isFolder = await inParallel(names.length, (i) => leadsToFolder(join(folder, names[i]!)));
    return {
      files: names.filter((_, i) => !isFolder[i]),
      folders: names.filter((_, i) => isFolder[i]).sort(),
    };
  } catch (error) {
    throw toHdmError(error, folder, 'disk');
  }
}

/** A link to nothing counts as a file: reading it says what is wrong, by name. */
async function leadsToFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

function repeatsOf(folderName: string): Inherited | undefined {
  const [, repeats, className] = REPEATS.exec(folderName) ?? [];
  // `0_name` would be a folder that is never used; it is taken for a name.
  return Number(repeats) > 0 ? { repeats: Number(repeats), className: className!.trim() } : undefined;
}

function endsIn(file: string, endings: readonly string[]): boolean {
  return endings.includes(extname(file).toLowerCase());
}

function stem(file: string): string {
  return basename(file, extname(file));
}

function noPictures(root: string): HdmError {
  const problem = `expected pictures (${PICTURE_ENDINGS.join(' ')}) here or in subfolders, found none`;
  return new HdmError('bad-file', root, problem, 'Choose the folder that the pictures lie in');
}
