/** @file A picture as the database has it, and as windows know it. */
import { basename } from 'node:path';
import { PLACES, type Picture } from '../../contract.ts';

export interface PictureRow {
  readonly number: number;
  readonly id: string;
  readonly file: string;
  readonly width: number;
  readonly height: number;
  readonly prompt: string;
  readonly negative_prompt: string;
  readonly seed: number;
  readonly model_name: string;
  readonly folder: string | null;
  readonly is_starred: number;
  readonly created_at: number;
  /** JSON. */
  readonly tags: string;
}

/** Begins a query for picture rows. */
export const SELECT_PICTURE = `
  SELECT number, id, file, width, height, prompt, negative_prompt, seed, model_name, folder, is_starred, created_at,
    (SELECT json_group_array(tag ORDER BY tag) FROM picture_tags WHERE picture = number) AS tags
  FROM pictures`;

export function toPicture(row: PictureRow): Picture {
  const fileName = basename(row.file);
  return {
    id: row.id,
    createdAt: row.created_at,
    fileName,
    width: row.width,
    height: row.height,
    prompt: row.prompt,
    negativePrompt: row.negative_prompt,
    seed: row.seed,
    modelName: row.model_name,
    isStarred: row.is_starred === 1,
    tags: JSON.parse(row.tags) as string[],
    ...(row.folder !== null && { folder: row.folder }),
    url: `${PLACES.pictures}${row.id}/${encodeURIComponent(fileName)}`,
    thumbnail: `${PLACES.thumbnails}${row.id}.webp`,
  };
}
