/** @file Files that windows send: pictures to begin from, models, settings in a picture. Gone at the next start. */
import { randomUUID } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { HdmError, toHdmError } from '../../engine/errors.ts';
import type { Uploads as UploadsOfHost } from './parts.ts';
import { emptyFolder, type Places } from './places.ts';

export interface ReceiveOptions {
  readonly maxBytes: number;
  /** As the window calls the file; only its ending is kept. */
  readonly name?: string;
}

export class Uploads implements UploadsOfHost {
  readonly #folder: string;
  readonly #files = new Map<string, string>();

  /** Empties the folder. */
  constructor({ places }: { readonly places: Places }) {
    this.#folder = places.uploads;
    emptyFolder(this.#folder);
  }

  /**
   * Keeps what a window sends, whole or not at all. Throws `bad-usage` when it is cut off or has more than
   * `maxBytes`, `disk` when it cannot be written.
   */
  async receive(stream: AsyncIterable<Uint8Array>, options: ReceiveOptions): Promise<{ id: string }> {
    const id = randomUUID();
    const path = join(this.#folder, `${id}${endingOf(options.name)}`);
    const temporary = join(this.#folder, `.${id}.tmp`);
    try {
      await writeStream(stream, temporary, options.maxBytes);
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw toHdmError(error, 'upload', 'disk');
    }
    this.#files.set(id, path);
    return { id };
  }

  /** Path of a file that a window sent. Throws `bad-usage` for an unknown id. */
  fileOf(id: string): string {
    const path = this.#files.get(id);
    if (path !== undefined) return path;
    throw new HdmError('bad-usage', `upload ${id}`, 'there is no such file here any more', 'Send it again');
  }
}

/** The ending of a name from outside, when it is one that can be trusted in a path. */
function endingOf(name = ''): string {
  const ending = extname(name).toLowerCase();
  return /^\.[a-z\d]{1,12}$/.test(ending) ? ending : '';
}

async function writeStream(stream: AsyncIterable<Uint8Array>, path: string, maxBytes: number): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await writeChunks(whole(stream), file, maxBytes);
  } finally {
    await file.close();
  }
}

async function writeChunks(
  stream: AsyncIterable<Uint8Array>,
  file: FileHandle,
  maxBytes: number,
): Promise<void> {
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.byteLength;
    if (size > maxBytes) {
      const problem = `the file has more than the ${maxBytes} bytes that may be sent`;
      throw new HdmError(
        'bad-usage',
        'upload',
        problem,
        'Put a large file on the computer itself, then import it',
      );
    }
    await file.writeFile(chunk);
  }
}

/** The same chunks; what the sender does wrong gets words that tell it from a fault of the disk. */
async function* whole(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    const problem = 'the connection ended before the whole file had come';
    throw new HdmError('bad-usage', 'upload', problem, 'Send it again', error);
  }
}
