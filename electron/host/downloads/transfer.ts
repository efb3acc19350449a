/** @file All files of one download, one after the other: fetched, checked, and at the end moved to where they belong. */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { HdmError } from '../../../engine/errors.ts';
import { freePath, safeFileName } from '../models/model-files.ts';
import { move } from '../move.ts';
import { fetchRest, sha256Of, sizeOf } from './fetch-file.ts';
import type { RemoteFile } from './offers.ts';
import type { DownloadRow } from './rows.ts';
import { NetworkError, type Fetch } from './web.ts';

/** One download as its transfer sees it. */
export interface Transfer {
  readonly fetch: Fetch;
  /** As it is now: it changes while files come. */
  readonly row: () => DownloadRow;
  readonly signal: AbortSignal;
  /** Where files lie until all are there. */
  readonly work: string;
  readonly modelsFolder: string;
  /** After each failure in a row. */
  readonly retryDelaysMs: readonly number[];
  readonly onState: (state: 'running' | 'checking') => void;
  readonly onValidator: (index: number, validator: string | undefined) => void;
  readonly onReceived: (index: number, bytes: number) => void;
  /** Kept before the files are moved there, so that a killed process knows where they went. */
  readonly onTarget: (target: string) => void;
}

/** Fetches what is missing and gives where it lies now. Throws `network`, `bad-file`, or the reason of the signal. */
export async function transferAll(transfer: Transfer): Promise<string> {
  const { row, work, signal } = transfer;
  const { target, files } = row();
  const isMoved = target !== '' && existsSync(target) && !existsSync(join(work, CHECKED, files[0]!.name));
  if (isMoved) return target;
  for (const index of files.keys()) {
    signal.throwIfAborted();
    await transferOne(transfer, index);
  }
  return moveToTarget(transfer, join(work, CHECKED));
}

/** How much of each file of a download is here. */
export async function receivedBytes(work: string, files: readonly RemoteFile[]): Promise<number[]> {
  return Promise.all(
    files.map(async ({ name }, index) => {
      return (await sizeOf(join(work, CHECKED, name))) || (await sizeOf(partOf(work, index)));
    }),
  );
}

/** Folder of the files that are whole. */
const CHECKED = 'files';

function partOf(work: string, index: number): string {
  return join(work, `${index}.part`);
}

async function transferOne(transfer: Transfer, index: number): Promise<void> {
  const { row, work, signal } = transfer;
  const file = row().files[index]!;
  const [part, checked] = [partOf(work, index), join(work, CHECKED, file.name)];
  if (existsSync(checked)) return;
  await mkdir(dirname(checked), { recursive: true });
  await persistently(transfer, index, part);
  if (file.sha256 !== undefined) {
    transfer.onState('checking');
    await requireSha256(part, file, signal);
    transfer.onState('running');
  }
  await rename(part, checked);
}

/** Tries again after a passing failure; each try that brings something counts as the first. */
async function persistently(transfer: Transfer, index: number, part: string): Promise<void> {
  const { fetch, row, signal, retryDelaysMs } = transfer;
  for (let failures = 0; ; failures++) {
    const before = await sizeOf(part);
    const { validator, ...file } = row().files[index]!;
    try {
      return await fetchRest({
        ...{ fetch, file, part, signal },
        ...(validator !== undefined && { validator }),
        onValidator: (value) => transfer.onValidator(index, value),
        onReceived: (bytes) => transfer.onReceived(index, bytes),
      });
    } catch (error) {
      if ((await sizeOf(part)) > before) failures = 0;
      const delay = retryDelaysMs[failures];
      if (!(error instanceof NetworkError) || !error.isPassing || delay === undefined) throw error;
      await wait(Math.max(delay, error.waitMs), undefined, { signal });
    }
  }
}

async function requireSha256(part: string, file: RemoteFile, signal: AbortSignal): Promise<void> {
  const found = await sha256Of(part, signal);
  if (found === file.sha256) return;
  await rm(part, { force: true });
  const problem = `${file.name} is not what it should be: its SHA-256 is ${found}, expected ${file.sha256}`;
  throw new HdmError('bad-file', file.url, problem, 'It was deleted; try again, or get it from elsewhere');
}

async function moveToTarget({ row, modelsFolder, onTarget }: Transfer, checked: string): Promise<string> {
  const { isRepository, name, files } = row();
  await mkdir(modelsFolder, { recursive: true });
  const target = freePath(modelsFolder, safeFileName(isRepository ? name : lastPart(files[0]!.name)));
  onTarget(target);
  await move(isRepository ? checked : join(checked, files[0]!.name), target);
  return target;
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}
