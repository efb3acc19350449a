/**
 * @file The models and adapters that the person has. The files are the truth: what is in them is read again when
 * they change; the database holds where they lie, their names, and where parts lie that are not inside.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import {
  missingParts,
  openCheckpoint,
  type Checkpoint,
  type Elsewhere,
} from '../../../engine/checkpoints/checkpoint.ts';
import { HdmError, toHdmError } from '../../../engine/errors.ts';
import type { Input, Model } from '../../contract.ts';
import type { Loadable } from '../../engine/protocol.ts';
import type { Events } from '../events.ts';
import type { HandlersOf } from '../handlers.ts';
import { move } from '../move.ts';
import type { Models, SettingsStore, Uploads } from '../parts.ts';
import type { Places } from '../places.ts';
import { AdapterFit } from './adapter-fit.ts';
import { contentsOf, modelsAt, onlyAdapter } from './contents.ts';
import { findParts, requireFitting } from './find-parts.ts';
import { Inspections, present } from './inspections.ts';
import { inspectModel } from './inspect.ts';
import { freePath, isBelow, safeFileName, usualName, visibleNames, wholeModel } from './model-files.ts';
import { ModelRows, type ModelRow } from './rows.ts';
import { requireWeights } from './weights-check.ts';

export interface ModelShelfOptions {
  readonly database: DatabaseSync;
  readonly events: Events;
  readonly places: Places;
  readonly settings: SettingsStore;
  readonly uploads: Uploads;
  /** Folder of the model that comes with the studio. */
  readonly starter?: string | undefined;
}

export interface FoundOptions {
  /** What the place where it came from said. */
  readonly licence?: string;
  /** Default: the name of the file or folder. */
  readonly name?: string;
}

/** The model that comes with the studio keeps its id wherever the studio lies. */
const STARTER_ID = 'starter';
const ENDING = '.safetensors';
/** The contract allows a little more, for the number after it. */
const MAX_NAME_LENGTH = 180;

export class ModelShelf implements Models {
  readonly handlers: HandlersOf<'models'>;
  readonly #table: ModelRows;
  readonly #events: Events;
  readonly #places: Places;
  readonly #settings: SettingsStore;
  readonly #uploads: Uploads;
  readonly #starter: string | undefined;
  readonly #inspections = new Inspections();
  readonly #adapterFit = new AdapterFit();
  readonly #rows: Map<string, ModelRow>;

  constructor({ database, events, places, settings, uploads, starter }: ModelShelfOptions) {
    this.#table = new ModelRows(database);
    this.#events = events;
    this.#places = places;
    this.#settings = settings;
    this.#uploads = uploads;
    this.#starter = starter;
    this.#rows = new Map(this.#table.all().map((row) => [row.id, row]));
    this.handlers = {
      'models.import': ({ path }) => this.addFound(path),
      'models.keepUpload': (input) => this.#keepUpload(input),
      'models.setParts': (input) => this.#setParts(input),
      'models.rename': (input) => this.#rename(input),
      'models.remove': (input) => this.#remove(input),
    };
  }

  /** Models, then adapters, each by name. Reads again what changed on the disk. */
  list(): Model[] {
    const checkpoints = this.#checkpoints();
    const models = this.#visible().map((row) => this.#toModel(row, checkpoints));
    return models.sort((a, b) => b.kind.localeCompare(a.kind) || a.name.localeCompare(b.name));
  }

  /** Throws `bad-usage` for an unknown id. */
  get(id: string): Model {
    return this.#toModel(this.#row(id));
  }

  loadable(
    id: string,
    adapters: readonly { readonly modelId: string; readonly strength: number }[],
  ): Omit<Loadable, 'device' | 'precision'> {
    const row = this.#row(id);
    const { problem } = this.#inspections.of(row);
    if (problem !== undefined) throw unusable(row, problem);
    return {
      path: row.path,
      ...present(row.elsewhere),
      adapters: adapters.map(({ modelId, strength }) => ({ path: this.#adapterPath(modelId), strength })),
    };
  }

  /** By its name or the name of its file; the ending does not matter. */
  findByName(name: string, kind: Model['kind']): Model | undefined {
    const models = this.list().filter((model) => model.kind === kind);
    const wanted = withoutEnding(name).toLowerCase();
    const isCalled = (text: string): boolean => withoutEnding(text).toLowerCase() === wanted;
    return (
      models.find((model) => model.name === name) ??
      models.find((model) => isCalled(model.name)) ??
      models.find(({ path }) => isCalled(basename(path)))
    );
  }

  /**
   * Adds the model or adapter at a path, or gives the one that is known by it. A text encoder or VAE completes the
   * model that lacks it, which is given. Throws `bad-model`, `bad-file` or `disk` with the first thing that is wrong.
   */
  addFound(path: string, options: FoundOptions = {}): Model {
    const row = guarded(path, () => this.#add(path, options));
    this.#settle();
    return this.get(row.id);
  }

  /** The same for a folder that may hold several; at least one is given. */
  addAll(path: string, options: FoundOptions = {}): Model[] {
    const paths = guarded(path, () => modelsAt(path));
    if (paths.length <= 1) return [this.addFound(paths[0] ?? path, options)];
    const { name: _name, ...rest } = options;
    return paths.map((found) => this.addFound(found, rest));
  }

  /**
   * Looks for models that are not known yet: in the models folder, that of the variable HDM_STUDIO_MODEL, and the
   * one that comes with the studio. Gives what could not be added and why.
   */
  async scan(): Promise<HdmError[]> {
    const problems: HdmError[] = [];
    const attempt = (path: string, add: () => void): void => {
      try {
        add();
      } catch (error) {
        problems.push(toHdmError(error, path, 'bad-model'));
      }
    };
    for (const child of this.#modelFolders().flatMap(childrenOf)) {
      await setImmediate(); // a long look at many models must not hold up a window
      attempt(child, () => modelsAt(child).forEach((path) => this.#addNew(path)));
    }
    const starter = this.#starter;
    if (starter !== undefined && existsSync(starter)) attempt(starter, () => this.#addStarter(starter));
    const given = process.env['HDM_STUDIO_MODEL'];
    if (given) attempt(given, () => this.#choose(this.#add(given, {}).id));
    this.#settle();
    return problems;
  }

  #add(path: string, { licence, name }: FoundOptions, id: string = randomUUID()): ModelRow {
    const target = onlyAdapter(wholeModel(path));
    const known = this.#rows.values().find((row) => row.path === target);
    if (known && known.kind !== 'forgotten') return known;
    if (contentsOf(target) === 'part') return this.#usePart(target);
    const { kind } = inspectModel(target);
    if (kind === 'adapter') this.#adapterFit.requireLayers(target, this.#checkpoints());
    const usual = name ?? usualName(target);
    return this.#save({
      id: known?.id ?? id,
      kind,
      name: this.#freeName(usual),
      path: target,
      elsewhere: {},
      ...(licence !== undefined && { licence }),
    });
  }

  /** What a person took off the list does not come back by itself. */
  #addNew(path: string): void {
    if (!this.#rows.values().some((row) => row.path === path)) this.#add(path, {});
  }

  #addStarter(path: string): void {
    const known = this.#rows.get(STARTER_ID);
    if (known) this.#save({ ...known, path });
    else this.#add(path, { name: 'HDM Starter' }, STARTER_ID);
  }

  /** Gives a text encoder or VAE to the models that lack one, and the first of those. */
  #usePart(path: string): ModelRow {
    const completed = this.#complete([path])[0];
    if (completed) return completed;
    const problem =
      'this is a part of a model (text encoder or VAE), and no model here lacks one of its size';
    throw new HdmError('bad-model', path, problem, 'Import the model itself, then choose this as its part');
  }

  /** After something came or went. */
  #settle(): void {
    this.#complete(this.#modelFolders());
    const first = this.list().find(canDraw);
    if (first) this.#choose(first.id);
    this.#events.emit('models', this.list());
  }

  /** The chosen model stays chosen while it is on the list. */
  #choose(id: string): void {
    const { modelId } = this.#settings.get();
    const isThere = modelId !== undefined && this.#rows.get(modelId)?.kind === 'model';
    if (!isThere) this.#settings.change({ modelId: id });
  }

  /** Looks for what models lack; gives those for which something was found. */
  #complete(places: readonly string[]): ModelRow[] {
    const completed: ModelRow[] = [];
    for (const row of this.#visible()) {
      const model = this.#inspections.of(row).inspection?.checkpoint;
      if (!model || missingParts(model).length === 0) continue;
      const models = this.#checkpoints().filter(({ path }) => path !== row.path);
      const known = present(row.elsewhere);
      const elsewhere = findParts(model, known, { models, places });
      if (Object.keys(elsewhere).length > Object.keys(known).length) {
        completed.push(this.#save({ ...row, elsewhere }));
      }
    }
    return completed;
  }

  async #keepUpload({ uploadId, name }: Input<'models.keepUpload'>): Promise<Model> {
    const upload = this.#uploads.fileOf(uploadId);
    const { modelsFolder } = this.#settings.get();
    const title = withoutEnding(name);
    const path = freePath(modelsFolder, `${safeFileName(title)}${ENDING}`);
    try {
      mkdirSync(modelsFolder, { recursive: true });
      await move(upload, path);
      return this.addFound(path, { name: title });
    } catch (error) {
      await rm(path, { force: true });
      throw toHdmError(error, name, 'disk');
    }
  }

  #setParts({ id, ...parts }: Input<'models.setParts'>): Model {
    const row = this.#row(id);
    const given = Object.entries(parts).filter(([, path]) => path !== undefined);
    // The tokenizer of another text encoder is of no use to a new one.
    const isNewEncoder = parts.textEncoder !== undefined && parts.tokenizer === undefined;
    const cleared = new Set([...given.map(([part]) => part), ...(isNewEncoder ? ['tokenizer'] : [])]);
    const kept = Object.entries(present(row.elsewhere)).filter(([part]) => !cleared.has(part));
    const chosen = given.flatMap(([part, path]) => (path ? [[part, resolve(path)]] : []));
    const elsewhere = Object.fromEntries([...kept, ...chosen]) as Elsewhere;
    if (chosen.length > 0) guarded(row.path, () => requireParts(row.path, elsewhere));
    this.#save({ ...row, elsewhere });
    this.#settle();
    return this.get(id);
  }

  #rename({ id, name }: Input<'models.rename'>): Record<string, never> {
    const row = this.#row(id);
    if (this.#visible().some((other) => other.id !== id && other.name === name)) {
      throw new HdmError('bad-usage', name, 'another model has this name', 'Choose another one');
    }
    this.#save({ ...row, name });
    this.#events.emit('models', this.list());
    return {};
  }

  async #remove({ id, deleteFiles }: Input<'models.remove'>): Promise<Record<string, never>> {
    const row = this.#row(id);
    if (deleteFiles) await this.#deleteFiles(row);
    // It would be found again at the next start.
    if (!deleteFiles && (this.#isOwned(row.path) || id === STARTER_ID)) {
      this.#save({ ...row, kind: 'forgotten' });
    } else {
      this.#rows.delete(id);
      this.#inspections.forget(id);
      this.#table.remove(id);
    }
    this.#settle();
    return {};
  }

  async #deleteFiles({ path }: ModelRow): Promise<void> {
    if (!existsSync(path)) return;
    if (!this.#isOwned(path)) {
      const problem = "it does not lie in the studio's models folder, so its files stay";
      throw new HdmError('bad-usage', path, problem, 'Take it off the list, and delete the files yourself');
    }
    try {
      await rm(path, { recursive: true });
      if (path.endsWith(ENDING)) await rm(`${withoutEnding(path)}.json`, { force: true });
    } catch (error) {
      throw toHdmError(error, path, 'disk');
    }
  }

  #adapterPath(id: string): string {
    const row = this.#row(id);
    const { inspection, problem } = this.#inspections.of(row);
    if (problem !== undefined) throw unusable(row, problem);
    if (inspection?.kind === 'adapter') return row.path;
    throw new HdmError('bad-usage', row.name, 'this is a model, not an adapter', 'Choose an adapter');
  }

  #toModel(row: ModelRow, checkpoints = this.#checkpoints()): Model {
    const { inspection, sizeBytes, ...known } = this.#inspections.of(row);
    const kind = inspection?.kind ?? (row.kind === 'adapter' ? 'adapter' : 'model');
    const misfit =
      inspection?.kind === 'adapter'
        ? this.#adapterFit.problemOf(row.path, known.fingerprint, checkpoints)
        : undefined;
    const problem = known.problem ?? misfit;
    const licence = row.licence ?? inspection?.licence;
    const { usualSide, positions, examples } = inspection ?? {};
    return {
      id: row.id,
      kind,
      name: row.name,
      path: row.path,
      sizeBytes,
      parts: inspection?.parts ?? [],
      ...(problem !== undefined && { problem }),
      ...(usualSide !== undefined && { usualSide }),
      ...(positions !== undefined && { positions }),
      ...(licence !== undefined && { licence }),
      ...(examples !== undefined && { examples }),
      isOwned: this.#isOwned(row.path),
    };
  }

  /** All models that can be opened. */
  #checkpoints(): Checkpoint[] {
    return this.#visible().flatMap((row) => this.#inspections.of(row).inspection?.checkpoint ?? []);
  }

  #visible(): ModelRow[] {
    return [...this.#rows.values()].filter(({ kind }) => kind !== 'forgotten');
  }

  #row(id: string): ModelRow {
    const row = this.#rows.get(id);
    if (row && row.kind !== 'forgotten') return row;
    throw new HdmError('bad-usage', `model ${id}`, 'there is no such model any more', 'Choose another one');
  }

  #save(row: ModelRow): ModelRow {
    this.#table.save(row);
    this.#rows.set(row.id, row);
    return row;
  }

  #isOwned(path: string): boolean {
    return isBelow(this.#modelFolders(), path);
  }

  #modelFolders(): string[] {
    return [
      ...new Set([this.#settings.get().modelsFolder, this.#places.models].map((path) => resolve(path))),
    ];
  }

  #freeName(usual: string): string {
    const name = usual.trim().slice(0, MAX_NAME_LENGTH);
    const taken = new Set(this.#visible().map((row) => row.name));
    for (let number = 1; ; number++) {
      const free = number === 1 ? name : `${name} (${number})`;
      if (!taken.has(free)) return free;
    }
  }
}

/** Throws for parts that are damaged, incomplete, or do not go with the model. */
function requireParts(path: string, elsewhere: Elsewhere): void {
  const checkpoint = openCheckpoint(path, elsewhere);
  requireFitting(checkpoint);
  requireWeights(checkpoint);
}

function childrenOf(folder: string): string[] {
  return visibleNames(folder).map((name) => join(folder, name));
}

function canDraw({ kind, problem }: Model): boolean {
  return kind === 'model' && problem === undefined;
}

function unusable({ name }: ModelRow, problem: string): HdmError {
  return new HdmError('bad-model', name, problem.replace(/\.$/, ''));
}

function withoutEnding(name: string): string {
  return name.toLowerCase().endsWith(ENDING) ? name.slice(0, -ENDING.length) : name;
}

function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw toHdmError(error, path, 'disk');
  }
}
