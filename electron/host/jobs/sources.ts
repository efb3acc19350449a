/** @file The pictures that jobs begin from: copies of uploads, which outlive them for as long as a job may run. */
import { constants, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Drawing } from '../../contract.ts';
import type { StartingImage } from '../../engine/protocol.ts';
import { HdmError, toHdmError } from '../../../engine/errors.ts';
import type { Library, Uploads } from '../parts.ts';
import type { Places } from '../places.ts';

type Beginning = NonNullable<Drawing['from']>;
type ImageSource = Beginning['image'];

export class Sources {
  readonly #folder: string;
  readonly #uploads: Uploads;
  readonly #library: Library;

  constructor({ places, uploads, library }: { places: Places; uploads: Uploads; library: Library }) {
    this.#folder = join(places.data, 'sources');
    this.#uploads = uploads;
    this.#library = library;
  }

  /** Where the pictures of a drawing lie now. Throws `bad-usage` for an unknown one. */
  find(from: Beginning): StartingImage {
    return toImage(from, (source) => this.#fileOf(source));
  }

  /** Copies the uploads of a drawing for the jobs of a group. Throws `disk` when that fails. */
  keep(groupId: string, { image, mask }: Beginning): void {
    for (const source of [image, mask]) {
      if (source?.kind !== 'upload') continue;
      const copy = this.#copyOf(groupId, source);
      if (existsSync(copy)) continue;
      try {
        mkdirSync(join(this.#folder, groupId), { recursive: true, mode: 0o700 });
        // Where the file system can, the copy shares its blocks and costs nothing.
        copyFileSync(this.#uploads.fileOf(source.id), copy, constants.COPYFILE_FICLONE);
      } catch (error) {
        throw toHdmError(error, copy, 'disk');
      }
    }
  }

  /** Where the pictures lie that were kept for a group. Throws `bad-file` when one is gone. */
  kept(groupId: string, from: Beginning): StartingImage {
    return toImage(from, (source) => {
      const path = source.kind === 'upload' ? this.#copyOf(groupId, source) : this.#fileOf(source);
      if (existsSync(path)) return path;
      throw new HdmError('bad-file', path, 'the picture to begin from is gone', 'Choose it again');
    });
  }

  /** Deletes what no group of these needs. */
  sweep(groups: ReadonlySet<string>): void {
    if (!existsSync(this.#folder)) return;
    for (const groupId of readdirSync(this.#folder)) {
      if (groups.has(groupId)) continue;
      try {
        rmSync(join(this.#folder, groupId), { recursive: true, force: true });
      } catch {
        // Open in another program. The next sweep takes it: no wish of a person shall fail for that.
      }
    }
  }

  #fileOf({ kind, id }: ImageSource): string {
    return kind === 'upload' ? this.#uploads.fileOf(id) : this.#library.fileOf(id);
  }

  #copyOf(groupId: string, { id }: ImageSource): string {
    return join(this.#folder, groupId, id);
  }
}

function toImage(
  { image, mask, strength }: Beginning,
  fileOf: (source: ImageSource) => string,
): StartingImage {
  return { path: fileOf(image), strength, ...(mask && { maskPath: fileOf(mask) }) };
}
