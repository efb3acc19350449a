/** @file Where the studio keeps what is its own. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import envPaths from 'env-paths';

export interface Places {
  /** The folder of everything below, unless settings say otherwise for pictures and models. */
  readonly data: string;
  readonly database: string;
  readonly pictures: string;
  readonly thumbnails: string;
  readonly models: string;
  readonly wildcards: string;
  /** Downloads that are not complete. */
  readonly downloads: string;
  /** Files sent by windows, and those made for them; emptied at each start. */
  readonly uploads: string;
  readonly made: string;
  readonly logs: string;
}

/** The folders below `data`, made where they are missing. The default is the system's place for programs' data. */
export function openPlaces(data: string = usualFolder()): Places {
  const folder = (name: string): string => {
    mkdirSync(join(data, name), { recursive: true, mode: 0o700 });
    return join(data, name);
  };
  return {
    data,
    pictures: folder('pictures'),
    thumbnails: folder('thumbnails'),
    models: folder('models'),
    wildcards: folder('wildcards'),
    downloads: folder('downloads'),
    uploads: folder('uploads'),
    made: folder('made'),
    logs: folder('logs'),
    database: join(data, 'studio.db'),
  };
}

function usualFolder(): string {
  return process.env['HDM_STUDIO_DATA'] ?? envPaths('HDM Studio', { suffix: '' }).data;
}
