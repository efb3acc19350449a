/** @file Captions as files: the text beside a picture. */
import { stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { writeWhole } from '../../../engine/image/save.ts';

/** In the order in which the engine looks for them. */
const ENDINGS = ['.txt', '.caption'];

/** Writes the caption of a picture, whole or not at all: into the file that it has, else into a new `.txt`. */
export async function writeCaption(picture: string, caption: string): Promise<void> {
  const stem = join(dirname(picture), basename(picture, extname(picture)));
  const paths = ENDINGS.map((ending) => `${stem}${ending}`);
  const there = await Promise.all(paths.map(isFile));
  const path = paths[Math.max(0, there.indexOf(true))]!;
  await writeWhole(path, Buffer.from(`${caption}\n`));
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
