/** @file The files of the built window, by their address: nothing outside their folder is ever read. */
import { readFile } from 'node:fs/promises';
import { extname, isAbsolute, join, relative, sep } from 'node:path';
import { decodePart } from './address.ts';

export interface WindowFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
  /** Value of Cache-Control. */
  readonly caching: string;
}

/** Content type by the ending of a file's name. */
export const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.zip': 'application/zip',
};

/** Vite puts a hash of the content into the names there. */
const HASHED = '/assets/';

/** The file at `path` of an address (`/` is index.html), or undefined when there is none. */
export async function readWindowFile(folder: string, path: string): Promise<WindowFile | undefined> {
  const file = fileInside(folder, path === '/' ? '/index.html' : path);
  const type = CONTENT_TYPES[extname(file ?? '').toLowerCase()];
  if (!file || !type) return undefined;
  try {
    const bytes = new Uint8Array(await readFile(file));
    return {
      bytes,
      type,
      caching: path.startsWith(HASHED) ? 'public, max-age=31536000, immutable' : 'no-cache',
    };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR' || code === 'ENAMETOOLONG')
      return undefined;
    throw error;
  }
}

function fileInside(folder: string, path: string): string | undefined {
  const name = decodePart(path);
  if (name === undefined) return undefined;
  const file = join(folder, name);
  const way = relative(folder, file);
  return way === '' || way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way) ? undefined : file;
}
