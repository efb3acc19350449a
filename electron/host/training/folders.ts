/** @file Where runs lie: a folder each, named so that a person finds it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const LONGEST = 60;

/** Such as `2026-11-27 My style`; another one of that name gets a number. */
export function freeRunFolder(parent: string, name: string, createdAt: number): string {
  const day = new Date(createdAt).toISOString().slice(0, 10);
  const plain = name
    .replace(/[^\p{L}\p{N} ._-]/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, LONGEST);
  const usual = `${day} ${plain}`.replace(/[. ]+$/, '');
  for (let number = 1; ; number++) {
    const path = join(parent, number === 1 ? usual : `${usual} (${number})`);
    if (!existsSync(path)) return path;
  }
}
