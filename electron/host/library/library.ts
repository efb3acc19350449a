/** @file Every picture that was made here: found, starred, sorted, put away and taken back. */
import { randomUUID } from 'node:crypto';
import { basename, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { HdmError } from '../../../engine/errors.ts';
import { PLACES, type Input, type Output, type Picture } from '../../contract.ts';
import { transaction } from '../database.ts';
import type { Events } from '../events.ts';
import type { HandlersOf } from '../handlers.ts';
import type { Library, NewPicture, ReadDrawing } from '../parts.ts';
import type { Places } from '../places.ts';
import { changePictures, filesOf, setDeleted, type Changes } from './changes.ts';
import { exportCopies, exportZip } from './export.ts';
import { Folders } from './folders.ts';
import { Listing } from './listing.ts';
import { SELECT_PICTURE, toPicture, type PictureRow } from './rows.ts';
import { Thumbnails } from './thumbnails.ts';
import { emptyTrash } from './trash.ts';

export interface LibraryOptions {
  readonly database: DatabaseSync;
  readonly events: Events;
  readonly places: Places;
  readonly readDrawing: ReadDrawing;
  /** Shows a file in the system's file manager, where there is one. */
  readonly reveal?: (file: string) => void;
}

export class PictureLibrary implements Library {
  readonly #database: DatabaseSync;
  readonly #events: Events;
  readonly #places: Places;
  readonly #readDrawing: ReadDrawing;
  readonly #reveal: LibraryOptions['reveal'];
  readonly #listing: Listing;
  readonly #folders: Folders;
  readonly #thumbnails: Thumbnails;
  /** Begins at the clock: a window that outlives the host must not take an old page for a new one. */
  #revision = Date.now();

  constructor({ database, events, places, readDrawing, reveal }: LibraryOptions) {
    this.#database = database;
    this.#events = events;
    this.#places = places;
    this.#readDrawing = readDrawing;
    this.#reveal = reveal;
    this.#listing = new Listing(database);
    this.#folders = new Folders(database);
    this.#thumbnails = new Thumbnails(places.thumbnails);
  }

  readonly handlers: HandlersOf<'library'> = {
    'library.list': (input) => this.#list(input),
    'library.get': ({ id }) => this.get(id),
    'library.settings': ({ id }) => this.#readDrawing(this.fileOf(id)),
    'library.change': ({ ids, ...changes }) => this.#update(ids, () => this.#change(ids, changes)),
    'library.delete': ({ ids }) => this.#update(ids, () => setDeleted(this.#database, ids, Date.now())),
    'library.restore': ({ ids }) => this.#update(ids, () => setDeleted(this.#database, ids, null)),
    'library.emptyTrash': () => this.#emptyTrash(),
    'library.groups': () => this.#folders.groups(),
    'library.addFolder': ({ name }) => this.#write(() => this.#folders.add(name)),
    'library.renameFolder': ({ name, to }) => this.#write(() => this.#folders.rename(name, to)),
    'library.removeFolder': ({ name }) => this.#write(() => this.#folders.remove(name)),
    'library.reveal': ({ id }) => this.#show(id),
    'library.export': (input) => this.#export(input),
  };

  get count(): number {
    return this.#listing.total({});
  }

  get revision(): number {
    return this.#revision;
  }

  add({ id, file, settings, modelName, createdAt }: NewPicture): Picture {
    const { width, height, prompt, negativePrompt, seed } = settings;
    this.#database
      .prepare(
        `INSERT INTO pictures (id, file, width, height, prompt, negative_prompt, seed, model_name, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(id, file, width, height, prompt, negativePrompt, seed, modelName, createdAt);
    this.#changed();
    return this.get(id);
  }

  announce(added?: Picture): void {
    const { count, revision } = this;
    this.#events.emit('library', { count, revision, ...(added && { added }) });
  }

  get(id: string): Picture {
    return toPicture(this.#row(id));
  }

  find(id: string): Picture | undefined {
    const row = this.#findRow(id);
    return row && toPicture(row);
  }

  fileOf(id: string): string {
    return this.#row(id).file;
  }

  thumbnailOf(id: string): string {
    return this.#thumbnails.pathOf(id);
  }

  /** The path of a picture's thumbnail, made when it is missing. Throws `bad-usage`, `bad-file` or `disk`. */
  async ensureThumbnail(id: string): Promise<string> {
    return this.#thumbnails.ensure(id, this.fileOf(id));
  }

  #list(input: Input<'library.list'>): Output<'library.list'> {
    const { total, rows } = this.#listing.page(input);
    return { total, revision: this.#revision, pictures: rows.map(toPicture) };
  }

  #change(ids: readonly string[], changes: Changes): void {
    if (changes.folder !== undefined && changes.folder !== null) this.#folders.ensure(changes.folder);
    changePictures(this.#database, ids, changes);
  }

  async #emptyTrash(): Promise<Output<'library.emptyTrash'>> {
    try {
      return { count: await emptyTrash(this.#database, (id) => this.thumbnailOf(id)) };
    } finally {
      this.#changed();
      this.announce();
    }
  }

  #show(id: string): Record<string, never> {
    const file = this.fileOf(id);
    if (!this.#reveal) {
      const problem = 'this works in the desktop app only';
      throw new HdmError('bad-usage', 'show in folder', problem, `The file is ${file}`);
    }
    this.#reveal(file);
    return {};
  }

  async #export({ ids, folder }: Input<'library.export'>): Promise<Output<'library.export'>> {
    const files = filesOf(this.#database, ids);
    if (folder !== undefined) return { count: await exportCopies(files, folder) };
    const path = join(this.#places.made, `${randomUUID()}.zip`);
    const count = await exportZip(files, path);
    return { count, url: `${PLACES.downloads}${basename(path)}` };
  }

  /** All of `work` on pictures that are all here, or nothing. */
  #update(ids: readonly string[], work: () => void): Record<string, never> {
    return this.#write(() => {
      filesOf(this.#database, ids); // throws when one is missing
      work();
    });
  }

  #write(work: () => void): Record<string, never> {
    transaction(this.#database, work);
    this.#changed();
    this.announce();
    return {};
  }

  #changed(): void {
    this.#revision++;
    this.#listing.forget();
  }

  #row(id: string): PictureRow {
    const row = this.#findRow(id);
    if (row) return row;
    const advice = 'It may have been deleted for good in another window';
    throw new HdmError('bad-usage', 'library', `there is no picture "${id}"`, advice);
  }

  #findRow(id: string): PictureRow | undefined {
    return this.#database.prepare(`${SELECT_PICTURE} WHERE id = ?`).get(id) as PictureRow | undefined;
  }
}
