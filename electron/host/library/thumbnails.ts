/** @file Small pictures of the pictures: WebP files, which can be made again at any time. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { HdmError } from '../../../engine/errors.ts';
import { THUMBNAIL_SIDE } from '../../engine/protocol.ts';

const ID = /^[\w-]{1,64}$/;

export class Thumbnails {
  readonly #folder: string;
  /** Two windows may ask for the same one. */
  readonly #making = new Map<string, Promise<void>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Where the thumbnail of a picture is or will be; its folder is there afterwards. Throws `bad-usage` for what
   * is no id.
   */
  pathOf(id: string): string {
    if (!ID.test(id)) throw new HdmError('bad-usage', 'thumbnail', `"${id}" is no id of a picture`);
    // No folder of 50 000 files; the end of an id differs more than its begin, which may be a time.
    const folder = join(this.#folder, id.slice(-2).toLowerCase());
    mkdirSync(folder, { recursive: true });
    return join(folder, `${id}.webp`);
  }

  /** The path of a thumbnail, which is made of the picture's file when it is missing. Throws `bad-file` or `disk`. */
  async ensure(id: string, file: string): Promise<string> {
    const path = this.pathOf(id);
    if (existsSync(path)) return path;
    const making = this.#making.get(id) ?? makeThumbnail(file, path).finally(() => this.#making.delete(id));
    this.#making.set(id, making);
    await making;
    return path;
  }
}

async function makeThumbnail(file: string, path: string): Promise<void> {
  // Only when needed: the library for pictures takes memory and time to load.
  const [{ decodeImage }, { saveThumbnail }] = await Promise.all([
    import('../../../engine/image/pixels.ts'),
    import('../../../engine/image/thumbnail.ts'),
  ]);
  await saveThumbnail(path, await decodeImage(file), THUMBNAIL_SIDE);
}
