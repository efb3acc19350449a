/**
 * @file Models fetched from an address, only when the person asked. A download goes on where it was cut off, also
 * after a restart of everything, and becomes a model when its sizes and SHA-256 are right.
 */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { HdmError, toHdmError } from '../../../engine/errors.ts';
import type { Download, Failure, Input, Model, Offer } from '../../contract.ts';
import type { Events } from '../events.ts';
import type { HandlersOf } from '../handlers.ts';
import type { SettingsStore } from '../parts.ts';
import type { Places } from '../places.ts';
import { lookAt, type Found, type RemoteFile } from './offers.ts';
import { DownloadRows, type DownloadRow } from './rows.ts';
import { freeBytes, requireSpace } from './space.ts';
import { Speed } from './speed.ts';
import { receivedBytes, transferAll } from './transfer.ts';
import type { Fetch } from './web.ts';

export interface DownloadsOptions {
  readonly database: DatabaseSync;
  readonly events: Events;
  readonly places: Places;
  readonly settings: SettingsStore;
  /** Takes what has come as models; throws when it is none. */
  readonly models: { addAll(path: string, options: { licence?: string; name?: string }): Model[] };
  readonly fetch?: Fetch;
  /** Waits after failures in a row; after the last one the download has failed. */
  readonly retryDelaysMs?: readonly number[];
}

interface Item {
  row: DownloadRow;
  /** Of each file, bytes that are here. */
  received: number[];
  readonly speed: Speed;
  /** While it runs. */
  run?: { readonly controller: AbortController; readonly ended: Promise<void> };
}

const RETRY_DELAYS_MS = [1_000, 3_000, 10_000, 30_000];
/** At most so often windows are told how far downloads are. */
const TELL_MS = 250;

export class Downloads {
  readonly handlers: HandlersOf<'downloads'>;
  readonly #table: DownloadRows;
  readonly #events: Events;
  readonly #places: Places;
  readonly #settings: SettingsStore;
  readonly #models: DownloadsOptions['models'];
  readonly #fetch: Fetch;
  readonly #retryDelaysMs: readonly number[];
  readonly #items: Map<string, Item>;
  #toldAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DownloadsOptions) {
    this.#table = new DownloadRows(options.database);
    this.#events = options.events;
    this.#places = options.places;
    this.#settings = options.settings;
    this.#models = options.models;
    this.#fetch = options.fetch ?? globalThis.fetch;
    this.#retryDelaysMs = options.retryDelaysMs ?? RETRY_DELAYS_MS;
    this.#items = new Map(this.#table.all().map((row) => [row.id, newItem(row)]));
    this.handlers = {
      'downloads.look': ({ address }) => this.#look(address),
      'downloads.start': (input) => this.#start(input),
      'downloads.pause': ({ id }) => this.#pause(this.#item(id)),
      'downloads.resume': ({ id }) => this.#resume(this.#item(id)),
      'downloads.remove': ({ id }) => this.#remove(this.#item(id)),
    };
  }

  /** Goes on with those that ran when the host ended. */
  start(): void {
    for (const item of this.#items.values()) {
      const { state } = item.row;
      if (state === 'running' || state === 'checking') this.#run(item);
      else if (state !== 'done') void this.#measure(item);
    }
  }

  /** Stops all; those that ran go on at the next start. */
  async close(): Promise<void> {
    await Promise.all([...this.#items.values()].map((item) => stop(item)));
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** In the order in which they were asked for. */
  list(): Download[] {
    return [...this.#items.values()].map(toDownload);
  }

  async #look(address: string): Promise<Offer> {
    const found = await lookAt(this.#fetch, address, this.#settings.get().hubAddress);
    const { name, licence, licenceUrl, files } = found;
    return {
      address: found.address,
      name,
      ...(licence !== undefined && { licence }),
      ...(licenceUrl !== undefined && { licenceUrl }),
      files: files.map(({ url: _url, ...file }) => file),
      totalBytes: totalOf(files),
      freeBytes: await freeBytes([this.#places.downloads, this.#settings.get().modelsFolder]),
    };
  }

  async #start({ address, files: wanted }: Input<'downloads.start'>): Promise<Download> {
    const found = await lookAt(this.#fetch, address, this.#settings.get().hubAddress);
    const files = choose(found, wanted);
    const known = [...this.#items.values()].find(({ row }) => isSame(row, found.address, files));
    if (known) {
      await this.#resume(known);
      return toDownload(known);
    }
    const total = totalOf(files);
    await this.#requireSpace(total, total);
    const { name, isRepository, licence } = found;
    const item = newItem({
      ...{ id: randomUUID(), address: found.address, name, isRepository, target: '', files },
      ...(licence !== undefined && { licence }),
      state: 'running',
    });
    this.#items.set(item.row.id, item);
    this.#run(item);
    return toDownload(item);
  }

  async #pause(item: Item): Promise<Record<string, never>> {
    if (!item.run) return {};
    await stop(item);
    // It may have come to its end meanwhile.
    if (isUnderWay(item.row)) this.#change(item, { state: 'paused' });
    return {};
  }

  async #resume(item: Item): Promise<Record<string, never>> {
    if (item.run || item.row.state === 'done') return {};
    await this.#measure(item);
    const total = totalOf(item.row.files);
    await this.#requireSpace(total - sum(item.received), total);
    if (!item.run) this.#run(item);
    return {};
  }

  async #remove(item: Item): Promise<Record<string, never>> {
    await stop(item);
    const { id } = item.row;
    await rm(this.#workOf(id), { recursive: true, force: true });
    this.#items.delete(id);
    this.#table.remove(id);
    this.#tell();
    return {};
  }

  #run(item: Item): void {
    const controller = new AbortController();
    const { error: _error, ...row } = item.row;
    this.#save(item, { ...row, state: 'running' });
    const ended = this.#transfer(item, controller.signal)
      .catch((error: unknown) => {
        // Stopped: who stopped it says what it is now.
        if (!controller.signal.aborted)
          this.#change(item, { state: 'failed', error: toFailure(error, item.row) });
      })
      .finally(() => delete item.run);
    item.run = { controller, ended };
  }

  async #transfer(item: Item, signal: AbortSignal): Promise<void> {
    await this.#measure(item);
    const work = this.#workOf(item.row.id);
    const target = await transferAll({
      fetch: this.#fetch,
      row: () => item.row,
      ...{ signal, work, retryDelaysMs: this.#retryDelaysMs },
      modelsFolder: this.#settings.get().modelsFolder,
      onState: (state) => this.#change(item, { state }),
      onValidator: (index, validator) => this.#keepValidator(item, index, validator),
      onReceived: (index, bytes) => this.#received(item, index, bytes),
      onTarget: (path) => this.#change(item, { target: path }),
    });
    await rm(work, { recursive: true, force: true });
    this.#change(item, { state: 'done', ...this.#toModel(item.row, target) });
  }

  /** Files that have come and are no model stay, with the reason: they may be parts of one. */
  #toModel(
    { name, licence, isRepository }: DownloadRow,
    target: string,
  ): { modelId?: string; error?: Failure } {
    try {
      const options = { ...(licence !== undefined && { licence }), ...(isRepository && { name }) };
      const [model] = this.#models.addAll(target, options);
      return model ? { modelId: model.id } : {};
    } catch (error) {
      const { code, message } = toHdmError(error, target, 'bad-model');
      return { error: { code, message } };
    }
  }

  #keepValidator(item: Item, index: number, validator: string | undefined): void {
    const { validator: known, ...file } = item.row.files[index]!;
    if (known === validator) return;
    const changed = { ...file, ...(validator !== undefined && { validator }) };
    this.#change(item, { files: item.row.files.with(index, changed) });
  }

  #received(item: Item, index: number, bytes: number): void {
    const more = bytes - (item.received[index] ?? 0);
    item.received[index] = bytes;
    if (more > 0) item.speed.add(more);
    this.#tellSoon();
  }

  /** Looks how much is here. */
  async #measure(item: Item): Promise<void> {
    item.received = await receivedBytes(this.#workOf(item.row.id), item.row.files);
    this.#tellSoon();
  }

  #change(item: Item, change: Partial<DownloadRow>): void {
    this.#save(item, { ...item.row, ...change });
  }

  #save(item: Item, row: DownloadRow): void {
    item.row = row;
    this.#table.save(row);
    this.#tell();
  }

  #tellSoon(): void {
    const left = this.#toldAt + TELL_MS - performance.now();
    if (left <= 0) this.#tell();
    else this.#timer ??= setTimeout(() => this.#tell(), left).unref();
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#toldAt = performance.now();
    this.#events.emit('downloads', this.list());
  }

  async #requireSpace(missing: number, total: number): Promise<void> {
    const target = this.#settings.get().modelsFolder;
    await requireSpace({ folder: this.#places.downloads, target }, { missing, total });
  }

  #workOf(id: string): string {
    return join(this.#places.downloads, id);
  }

  #item(id: string): Item {
    const item = this.#items.get(id);
    if (item) return item;
    throw new HdmError(
      'bad-usage',
      `download ${id}`,
      'there is no such download any more',
      'Look at the list again',
    );
  }
}

function newItem(row: DownloadRow): Item {
  return { row, received: row.files.map(() => 0), speed: new Speed() };
}

/** The files that were wanted. Throws `bad-usage` for one that is not there. */
function choose({ files, address }: Found, wanted: readonly string[]): RemoteFile[] {
  return [...new Set(wanted)].map((name) => {
    const file = files.find((each) => each.name === name);
    if (file) return file;
    throw new HdmError('bad-usage', address, `there is no file "${name}"`, 'Look at the address again');
  });
}

function isSame(
  { address, state, files }: DownloadRow,
  wanted: string,
  others: readonly RemoteFile[],
): boolean {
  const names = (list: readonly RemoteFile[]): string =>
    list.map(({ name, sha256 }) => `${name} ${sha256}`).join();
  return state !== 'done' && address === wanted && names(files) === names(others);
}

async function stop(item: Item): Promise<void> {
  item.run?.controller.abort();
  await item.run?.ended;
}

function isUnderWay({ state }: DownloadRow): boolean {
  return state === 'running' || state === 'checking';
}

function toDownload({ row, received, speed }: Item): Download {
  const { id, name, address, state, error, modelId, files } = row;
  const total = totalOf(files);
  return {
    ...{ id, name, address, state },
    receivedBytes: state === 'done' ? total : sum(received),
    totalBytes: total,
    bytesPerSecond: state === 'running' ? speed.bytesPerSecond() : 0,
    ...(error && { error }),
    ...(modelId !== undefined && { modelId }),
  };
}

function toFailure(error: unknown, { name }: DownloadRow): Failure {
  const { code, message } = toHdmError(error, name, 'network');
  return { code, message };
}

function totalOf(files: readonly RemoteFile[]): number {
  return sum(files.map(({ sizeBytes }) => sizeBytes ?? 0));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
