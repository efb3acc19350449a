/** @file One file from a server, continued where it was cut off. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { HdmError } from '../../../engine/errors.ts';
import type { RemoteFile } from './offers.ts';
import { ask, bodyOf, brokenConnection, requireGood, type Fetch, type NetworkError } from './web.ts';

export interface FetchTask {
  readonly fetch: Fetch;
  readonly file: RemoteFile;
  /** Where the bytes go; what lies there already is not fetched again. */
  readonly part: string;
  /** What tells whether the file on the server is still the same: its strong ETag, or when it was changed. */
  readonly validator?: string;
  readonly signal: AbortSignal;
  readonly onValidator: (validator: string | undefined) => void;
  /** Bytes of the file that are here now. */
  readonly onReceived: (bytes: number) => void;
}

/** A connection that brings nothing for so long is broken. */
const SILENCE_MS = 60_000;

/**
 * Fetches what is missing of a file. Throws a passing `NetworkError` when the connection broke, `bad-file` when the
 * server has another file than it said, and the reason of the signal.
 */
export async function fetchRest(task: FetchTask): Promise<void> {
  const { file, part } = task;
  const have = await sizeOf(part);
  if (have > 0 && have === file.sizeBytes) return task.onReceived(have);
  const isTooLong = have > (file.sizeBytes ?? Infinity);
  // Without either, the rest of another file might be joined to the beginning of this one.
  const mayResume = have > 0 && !isTooLong && (task.validator ?? file.sha256) !== undefined;
  await receive(task, mayResume ? have : 0);
}

/** SHA-256 of a file in hexadecimal digits. */
export async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash, { signal });
  return hash.digest('hex');
}

/** Size in bytes; 0 when there is nothing. */
export async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  return found?.size ?? 0;
}

async function receive(task: FetchTask, from: number): Promise<void> {
  const { fetch, file, part, validator } = task;
  const range = from > 0 && {
    range: `bytes=${from}-`,
    ...(validator !== undefined && { 'if-range': validator }),
  };
  const silence = new AbortController();
  const signal = AbortSignal.any([task.signal, silence.signal]);
  const watch = setTimeout(() => silence.abort(new Error('nothing came for a minute')), SILENCE_MS);
  try {
    const { response } = await ask(fetch, file.url, { signal, headers: { ...range } });
    if (response.status === 416) throw await notThisRange(part, file);
    requireGood(response, file.url, file.name);
    const start = response.status === 206 ? await requireStart(response, task, from) : 0;
    requireSize(response, file, start);
    task.onValidator(validatorOf(response.headers));
    await write(response, task, start, () => watch.refresh());
  } catch (error) {
    task.signal.throwIfAborted();
    if (error instanceof HdmError || isOfDisk(error)) throw error;
    throw brokenConnection(file.url, error);
  } finally {
    clearTimeout(watch);
  }
}

async function write(response: Response, task: FetchTask, start: number, onChunk: () => void): Promise<void> {
  const { file, part } = task;
  let have = start;
  task.onReceived(have);
  const output = await open(part, start > 0 ? 'a' : 'w', 0o600);
  try {
    for await (const chunk of bodyOf(response)) {
      onChunk();
      have += chunk.byteLength;
      if (have > (file.sizeBytes ?? Infinity)) throw otherSize(file, have);
      await output.writeFile(chunk);
      task.onReceived(have);
    }
    await output.sync();
  } finally {
    await output.close();
  }
  if (have < (file.sizeBytes ?? 0)) throw brokenConnection(file.url, new Error('it ended early'));
}

/** What lies here cannot be the beginning of what lies there: begin anew. */
async function notThisRange(part: string, file: RemoteFile): Promise<NetworkError> {
  await rm(part, { force: true });
  return brokenConnection(file.url, new Error('the server cannot go on from here'));
}

async function requireStart(response: Response, { part, file }: FetchTask, from: number): Promise<number> {
  const start = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1];
  if (Number(start) === from) return from;
  await response.body?.cancel();
  throw await notThisRange(part, file);
}

function requireSize({ headers }: Response, file: RemoteFile, start: number): void {
  const length = headers.get('content-length');
  const isCoded = (headers.get('content-encoding') ?? 'identity') !== 'identity';
  if (file.sizeBytes === undefined || length === null || isCoded) return;
  if (start + Number(length) !== file.sizeBytes) throw otherSize(file, start + Number(length));
}

function otherSize(file: RemoteFile, bytes: number): HdmError {
  const problem = `expected ${file.sizeBytes} bytes of ${file.name}, the server gives ${bytes}`;
  const advice = 'It may have changed there: remove this download and look at the address again';
  return new HdmError('bad-file', file.url, problem, advice);
}

/** A weak ETag does not promise the same bytes. */
function validatorOf(headers: Headers): string | undefined {
  const etag = headers.get('etag');
  return (etag?.startsWith('"') ? etag : headers.get('last-modified')) ?? undefined;
}

function isOfDisk(error: unknown): boolean {
  return (
    typeof (error as NodeJS.ErrnoException).path === 'string' ||
    (error as NodeJS.ErrnoException).syscall === 'write'
  );
}
