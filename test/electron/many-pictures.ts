/** @file A library of any size, made in seconds: for what must stay quick with 50 000 pictures. */
import { linkSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import sharp from 'sharp';
import { transaction } from '../../electron/host/database.ts';
import { Thumbnails } from '../../electron/host/library/thumbnails.ts';
import type { Places } from '../../electron/host/places.ts';

export interface ManyPictures {
  readonly database: DatabaseSync;
  readonly places: Places;
  readonly count: number;
  /** Also real files and thumbnails: links to a few shared ones. Without them there are rows only. */
  readonly withFiles?: boolean;
}

const SIZES = [
  [256, 256],
  [256, 384],
  [384, 256],
  [192, 336],
] as const;
const COLOURS = ['red', 'orange', 'yellow', 'green', 'cyan', 'blue', 'purple', 'pink'];
const THINGS = ['circle', 'house', 'tree', 'flower', 'fish', 'boat', 'moon'];
const SCENES = ['on grass', 'in the snow', 'by the sea', 'at night', 'at sunset'];
export const MANY_TAGS = ['good', 'print', 'later'];
export const MANY_FOLDERS = ['Boats', 'Houses'];
export const MANY_MODELS = ['first model', 'second model'];

/**
 * Adds pictures `many-00000`, `many-00001`, …, the last of them newest: every 10th starred, every 5th with a tag,
 * every 4th in a folder, every 100th in the trash.
 */
export async function addManyPictures({
  database,
  places,
  count,
  withFiles = false,
}: ManyPictures): Promise<void> {
  const folder = join(places.pictures, 'many');
  const link = withFiles ? await linker(folder, places) : undefined;
  const insert = database.prepare(
    `INSERT INTO pictures (id, file, width, height, prompt, negative_prompt, seed, model_name, folder, is_starred,
       created_at, deleted_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertTag = database.prepare('INSERT INTO picture_tags (picture, tag) VALUES (?, ?)');
  const insertFolder = database.prepare('INSERT INTO folders (name) VALUES (?)');
  const start = Date.now() - count * 60_000;
  transaction(database, () => {
    MANY_FOLDERS.forEach((name) => insertFolder.run(name));
    for (let index = 0; index < count; index++) {
      const id = `many-${String(index).padStart(5, '0')}`;
      const [width, height] = take(SIZES, index);
      const time = start + index * 60_000;
      const file = join(folder, `${id}.png`);
      const { lastInsertRowid } = insert.run(
        id,
        file,
        width,
        height,
        `a ${take(COLOURS, index)} ${take(THINGS, index)} ${take(SCENES, index)}, number ${index}`,
        'blurry, low quality',
        index,
        take(MANY_MODELS, Math.floor(index / 7)),
        index % 4 === 0 ? take(MANY_FOLDERS, index / 4) : null,
        Number(index % 10 === 0),
        time,
        index % 100 === 99 ? time : null,
      );
      if (index % 5 === 0) insertTag.run(lastInsertRowid, take(MANY_TAGS, index / 5));
      link?.(id, index);
    }
  });
}

type Link = (id: string, index: number) => void;

async function linker(folder: string, places: Places): Promise<Link> {
  const shared = join(places.pictures, 'shared');
  mkdirSync(folder, { recursive: true });
  mkdirSync(shared, { recursive: true });
  const thumbnails = new Thumbnails(places.thumbnails);
  const sources = SIZES.map(([width, height], index) => ({
    picture: join(shared, `${width}x${height}.png`),
    thumbnail: join(shared, `${width}x${height}.webp`),
    image: sharp({ create: { width, height, channels: 3, background: COLOURS[index]! } }),
  }));
  for (const { picture, thumbnail, image } of sources) {
    await image.toFile(picture);
    await sharp(picture).toFile(thumbnail);
  }
  return (id, index) => {
    const { picture, thumbnail } = take(sources, index);
    linkSync(picture, join(folder, `${id}.png`));
    linkSync(thumbnail, thumbnails.pathOf(id));
  };
}

function take<T>(list: readonly T[], index: number): T {
  return list[index % list.length]!;
}
