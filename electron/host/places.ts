/** @file Where the studio keeps what is its own. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import envPaths from 'env-paths';
import { toHdmError } from '../../engine/errors.ts';
import { makeFolder } from './make-folder.ts';

export interface Places {
  /** The folder of everything below, unless settings say otherwise for pictures and models. */
  readonly data: string;
  readonly database: string;
  readonly pictures: string;
  readonly thumbnails: string;
  readonly models: string;
  /** Training runs, a folder each. */
  readonly runs: string;
  readonly wildcards: string;
  /** Downloads that are not complete. */
  readonly downloads: string;
  /** Files sent by windows, and those made for them; emptied at each start. */
  readonly uploads: string;
  readonly made: string;
  readonly logs: string;
}

/**
 * The folders below `data`, made where they are missing. The default is the system's place for programs' data. Throws
 * `disk` for one that cannot be made.
 */
export function openPlaces(data: string = usualFolder()): Places {
  const folder = (name: string): string => {
    makeFolder(join(data, name), 0o700);
    return join(data, name);
  };
  return {
    data,
    pictures: folder('pictures'),
    thumbnails: folder('thumbnails'),
    models: folder('models'),
    runs: folder('runs'),
    wildcards: folder('wildcards'),
    downloads: folder('downloads'),
    uploads: folder('uploads'),
    made: folder('made'),
    logs: folder('logs'),
    database: join(data, 'studio.db'),
  };
}

/** Deletes what is in a folder of the studio's own. Throws `disk` when that fails. */
export function emptyFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw toHdmError(error, folder, 'disk');
  }
}

function usualFolder(): string {
  return process.env['HDM_STUDIO_DATA'] ?? envPaths('HDM Studio', { suffix: '' }).data;
}
