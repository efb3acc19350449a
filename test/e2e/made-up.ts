/** @file A library of a few made-up pictures, the same in every run: for what is looked at, and for the library's tests. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PictureSettingsSchema, type PictureSettings } from '../../engine/image/settings.ts';
import { saveImage } from '../../engine/image/save.ts';
import { DEFAULTS } from '../../engine/pipeline/request.ts';
import type { Prepared } from './data.ts';

/** 1 March 2026, noon in UTC. */
const FIRST_MOMENT = 1_772_366_400_000;
const HOUR_MS = 3_600_000;

const SIZES = [
  [256, 256],
  [208, 320],
  [320, 208],
  [192, 336],
] as const;
const THINGS = ['house', 'boat', 'tree', 'fish', 'star', 'moon'];
const PLACES = ['by the sea at sunset', 'in deep snow', 'on a green hill', 'under a night sky'];

/** Prompt of the picture with this number. */
export function madeUpPrompt(number: number): string {
  return `a ${take(THINGS, number)} ${take(PLACES, Math.floor(number / 2))}, soft light, number ${number}`;
}

export function madeUpId(number: number): string {
  return `made-up-${String(number).padStart(3, '0')}`;
}

/** Adds pictures 0, 1, …, the last of them newest: every 5th starred, every 4th with a tag, every 6th in a folder. */
export async function addMadeUpPictures({ database, places }: Prepared, count: number): Promise<void> {
  const folder = join(places.pictures, 'made-up');
  mkdirSync(folder, { recursive: true });
  const insert = database.prepare(
    `INSERT INTO pictures (id, file, width, height, prompt, negative_prompt, seed, model_name, folder, is_starred,
       created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertTag = database.prepare('INSERT INTO picture_tags (picture, tag) VALUES (?, ?)');
  database.prepare("INSERT INTO folders (name) VALUES ('Prints'), ('Sketches')").run();
  for (let number = 0; number < count; number++) {
    const settings = settingsOf(number);
    const { width, height, prompt, negativePrompt, seed, model } = settings;
    const file = join(folder, `${madeUpId(number)}.png`);
    await saveImage(file, paint(settings), settings);
    const values = [madeUpId(number), file, width, height, prompt, negativePrompt, seed, model.name];
    const { lastInsertRowid } = insert.run(
      ...values,
      number % 6 === 0 ? 'Prints' : null,
      Number(number % 5 === 0),
      FIRST_MOMENT + number * HOUR_MS,
    );
    if (number % 4 === 0) insertTag.run(lastInsertRowid, 'favourite');
  }
}

function settingsOf(number: number): PictureSettings {
  const [width, height] = take(SIZES, number);
  const { prompt: _, camera, ...defaults } = DEFAULTS;
  return PictureSettingsSchema.parse({
    ...{ version: 1, app: 'hdm-studio', appVersion: '0.1.0', ...defaults, ...camera },
    ...{ prompt: madeUpPrompt(number), negativePrompt: 'blurry', width, height, seed: 1000 + number },
    ...{ adapters: [], model: { name: 'tiny model' }, precision: 'f32', device: 'cpu' },
  });
}

/** Waves of colour, of the seed's own. */
function paint({ width, height, seed }: PictureSettings): Parameters<typeof saveImage>[1] {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = [x / 256, y / 256];
      for (let channel = 0; channel < 3; channel++) {
        const turn = u * ((seed % 5) + 1) + v * ((seed % 3) + channel) + seed * 0.37 + channel * 0.8;
        data[(y * width + x) * 3 + channel] = 128 + 100 * Math.sin(turn);
      }
    }
  }
  return { width, height, data };
}

function take<T>(list: readonly T[], index: number): T {
  return list[index % list.length]!;
}
