/** @file A zip file with what helps to find a fault. Prompts and pictures are in it only when the person says so. */
import { randomUUID } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { extname, join, resolve } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { pipeline } from 'node:stream/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { ZipFile } from 'yazl';
import packageJson from '../../package.json' with { type: 'json' };
import { toHdmError } from '../../engine/errors.ts';
import { PLACES, type Input, type Job } from '../contract.ts';
import type { HandlersOf } from './handlers.ts';
import { lastLogLines } from './log.ts';
import type { Engine, Models, SettingsStore } from './parts.ts';
import type { Places } from './places.ts';
import { privateWords, withoutPerson } from './private-words.ts';

export interface DiagnosticsOptions {
  readonly database: DatabaseSync;
  readonly places: Places;
  readonly settings: SettingsStore;
  readonly engine: Engine;
  readonly models: Models;
  readonly jobs: () => readonly Job[];
}

type Consent = Input<'diagnostics.make'>;

const LOG_LINES = 2_000;
const PICTURES = 20;
/** Trying the devices may hang just when diagnostics are wanted. */
const DEVICES_TIMEOUT_MS = 30_000;

/** Answers `diagnostics.make`. Throws `disk` when the file cannot be written. */
export function diagnosticsHandlers(options: DiagnosticsOptions): HandlersOf<'diagnostics'> {
  return {
    'diagnostics.make': async (consent) => {
      const name = `hdm-studio-diagnostics-${randomUUID()}.zip`;
      await writeZip(join(options.places.made, name), await contents(options, consent));
      return { url: `${PLACES.downloads}${name}` };
    },
  };
}

/** Name inside the zip file, and bytes. */
type Contents = Map<string, Uint8Array>;

async function contents(options: DiagnosticsOptions, consent: Consent): Promise<Contents> {
  const words = await privateWords(options.database);
  const hide = (text: string): string => withoutPerson(consent.withPrompts ? text : words.hide(text));
  const files: Contents = new Map();
  const add = (name: string, value: unknown): void => {
    const text = typeof value === 'string' ? value : withoutPerson(JSON.stringify(value, null, 2));
    files.set(name, Buffer.from(`${text}\n`));
  };
  add('studio.json', systemFacts());
  add('settings.json', options.settings.get());
  add('engine.json', { state: engineState(options, hide), devices: await devices(options.engine) });
  add('models.json', modelList(options.models));
  add(
    'failed-jobs.json',
    options.jobs().flatMap((job) => failedJob(job, consent, hide)),
  );
  add('log.txt', lastLogLines(options.places.logs, LOG_LINES).map(hide).join('\n'));
  if (consent.withPictures) await addPictures(files, options, consent);
  return files;
}

function systemFacts(): object {
  return {
    studio: packageJson.version,
    node: process.version,
    system: `${platform()} ${arch()} ${release()}`,
    processor: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
    memoryBytes: totalmem(),
    madeAt: new Date().toISOString(),
  };
}

function engineState({ engine }: DiagnosticsOptions, hide: (text: string) => string): object {
  const { error, ...state } = engine.state;
  return { ...state, ...(error && { error: { code: error.code, message: hide(error.message) } }) };
}

async function devices(engine: Engine): Promise<unknown> {
  const late = new AbortController();
  try {
    const timeout = wait(DEVICES_TIMEOUT_MS, 'they did not answer in time', { signal: late.signal });
    return await Promise.race([engine.devices(), timeout]);
  } catch (error) {
    return `they cannot be asked: ${toHdmError(error, 'engine').message}`;
  } finally {
    late.abort();
  }
}

function modelList(models: Models): object[] {
  return models.list().map(({ name, kind, sizeBytes, parts, problem, usualSide }) => ({
    ...{ name, kind, sizeBytes, usualSide, problem },
    parts: parts.map(({ part, summary, path }) => ({ part, summary, isThere: path !== undefined })),
  }));
}

/** What was asked of a job that failed; texts only with consent. */
function failedJob(job: Job, { withPrompts }: Consent, hide: (text: string) => string): object[] {
  if (!job.error) return [];
  const { prompt, negativePrompt, from, ...numbers } = job.drawing;
  const texts = { prompt, negativePrompt, chosenPrompt: job.prompt };
  return [
    {
      ...{ id: job.id, state: job.state, code: job.error.code, message: hide(job.error.message) },
      drawing: { ...numbers, strength: from?.strength, ...(withPrompts && texts) },
    },
  ];
}

async function addPictures(
  files: Contents,
  { database, settings }: DiagnosticsOptions,
  { withPrompts }: Consent,
): Promise<void> {
  const { picturesFolder } = settings.get();
  const newest = database
    .prepare('SELECT id, file FROM pictures WHERE deleted_at IS NULL ORDER BY number DESC LIMIT ?')
    .all(PICTURES);
  for (const { id, file } of newest as { id: string; file: string }[]) {
    const path = resolve(picturesFolder, file);
    if (!existsSync(path)) continue;
    const ending = withPrompts ? extname(path) : '.png';
    files.set(`pictures/${id}${ending}`, withPrompts ? await readFile(path) : await pixelsAlone(path));
  }
}

/** A picture without the settings inside, which hold the prompt. */
async function pixelsAlone(path: string): Promise<Uint8Array> {
  const { default: sharp } = await import('sharp'); // large, and needed here only
  return sharp(path).png().toBuffer();
}

async function writeZip(path: string, files: Contents): Promise<void> {
  const temporary = `${path}.tmp`;
  const zip = new ZipFile();
  for (const [name, bytes] of files) zip.addBuffer(Buffer.from(bytes), name);
  zip.end();
  try {
    await pipeline(zip.outputStream, createWriteStream(temporary, { flags: 'wx', mode: 0o600 }));
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw toHdmError(error, path, 'disk');
  }
}
