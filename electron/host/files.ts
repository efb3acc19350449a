/** @file Folders and files of the host's machine, for choosing one from a browser that runs elsewhere. */
import { existsSync, type Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, extname, join, resolve } from 'node:path';
import { toHdmError } from '../../engine/errors.ts';
import type { Output } from '../contract.ts';
import type { HandlersOf } from './handlers.ts';
import type { SettingsStore } from './parts.ts';
import type { Places } from './places.ts';

type Listing = Output<'files.list'>;
type Entry = Listing['entries'][number];

export interface FilesOptions {
  readonly places: Places;
  readonly settings: SettingsStore;
}

/** More are of no use in a list, and would take long to look at. */
const MAX_ENTRIES = 2_000;
const ENDINGS = ['.safetensors', '.json', '.jsonl', '.csv', '.png', '.webp', '.jpg', '.jpeg'];

/** Answers `files.list`; without a folder it shows the person's own. Throws `disk` when it cannot be read. */
export function filesHandlers({ places, settings }: FilesOptions): HandlersOf<'files'> {
  return {
    'files.list': ({ folder }) => listFolder(resolve(folder ?? usualFolder(places, settings))),
  };
}

/** A service may run as a user who has no folder. */
function usualFolder(places: Places, settings: SettingsStore): string {
  return [homedir(), settings.get().modelsFolder].find((folder) => existsSync(folder)) ?? places.data;
}

async function listFolder(folder: string): Promise<Listing> {
  const parent = dirname(folder);
  try {
    const found = (await readdir(folder, { withFileTypes: true })).filter(isOfInterest);
    const entries: Entry[] = [];
    for (const { name } of found.sort(foldersFirst)) {
      if (entries.length === MAX_ENTRIES) break;
      const entry = await toEntry(name, join(folder, name));
      if (entry) entries.push(entry);
    }
    return { folder, ...(parent !== folder && { parent }), entries: entries.sort(byKindThenName) };
  } catch (error) {
    throw toHdmError(error, folder, 'disk');
  }
}

/** A link may lead to a folder, whatever it is called. */
function isOfInterest(entry: Dirent): boolean {
  if (entry.name.startsWith('.')) return false;
  return entry.isDirectory() || entry.isSymbolicLink() || hasKnownEnding(entry.name);
}

function hasKnownEnding(name: string): boolean {
  return ENDINGS.includes(extname(name).toLowerCase());
}

/** Undefined for what cannot be chosen: links that lead nowhere or in circles, pipes, files of other kinds. */
async function toEntry(name: string, path: string): Promise<Entry | undefined> {
  const target = await stat(path).catch(() => undefined);
  if (target?.isDirectory()) return { name, path, kind: 'folder' };
  if (target?.isFile() && hasKnownEnding(name)) return { name, path, kind: 'file', sizeBytes: target.size };
  return undefined;
}

function foldersFirst(a: Dirent, b: Dirent): number {
  return Number(b.isDirectory()) - Number(a.isDirectory()) || byName(a, b);
}

function byKindThenName(a: Entry, b: Entry): number {
  return Number(b.kind === 'folder') - Number(a.kind === 'folder') || byName(a, b);
}

const collator = new Intl.Collator('en', { numeric: true });

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return collator.compare(a.name, b.name);
}
