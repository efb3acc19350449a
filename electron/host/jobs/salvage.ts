/** @file What a process that ended in the middle left behind: a whole picture, or a part of one. */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { decodeImage } from '../../../engine/image/pixels.ts';
import { readSettings } from '../../../engine/image/restore.ts';
import type { NewPicture } from '../parts.ts';
import type { StoredJob } from './store.ts';

const TEMPORARY = /^\.hdm-.*\.tmp$/;

/**
 * The picture of a job whose file lies there complete, although nobody said so: drawn, but never told. Undefined
 * when there is none; beginnings of files beside it and its thumbnail are then deleted.
 */
export async function salvage(job: StoredJob, thumbnail: string): Promise<NewPicture | undefined> {
  const { id, file, prompt, negativePrompt, drawing } = job;
  const modelName = await modelOf(file);
  if (modelName === undefined) {
    removeBeginnings(dirname(file));
    removeBeginnings(dirname(thumbnail));
    return undefined;
  }
  const { width, height, seed } = drawing;
  const settings = { prompt, negativePrompt, width, height, seed };
  return { id, file, settings, modelName, createdAt: Math.round(statSync(file).mtimeMs) };
}

/** The model in the settings of a whole picture of ours; undefined when it is none. */
async function modelOf(file: string): Promise<string | undefined> {
  if (!existsSync(file)) return undefined;
  try {
    await decodeImage(file); // to the last pixel
    const { source, settings } = await readSettings(file);
    return source === 'hdm-studio' ? settings.model?.name : undefined;
  } catch {
    return undefined; // damaged or another program's: the job then gets another file
  }
}

function removeBeginnings(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    if (TEMPORARY.test(name)) rmSync(join(folder, name), { force: true });
  }
}
