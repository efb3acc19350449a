/**
 * @file All that a run needs to go on bit for bit: the variables of its trainer in full precision, its counters and its
 * position. A state is written beside its place and renamed, so it is there whole or not at all; the one before is kept.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { readJson } from '../../checkpoints/tensors.ts';
import { HdmError, toHdmError } from '../../errors.ts';
import type { TensorData } from '../../graph/dtype.ts';
import { openSafetensors, readTensors } from '../../weights/safetensors.ts';
import { writeSafetensors } from '../../weights/write-safetensors.ts';
import type { Trainer } from '../trainer.ts';
import { KINDS, type Kind } from '../variables.ts';
import { RUN_FILES, stepName, stepsIn, UNFINISHED } from './folder.ts';

const whole = z.int().nonnegative();

const stateSchema = z.object({
  version: z.literal(1),
  position: z.object({
    stage: whole,
    /** Steps of this stage, and of the run. */
    stageStep: whole,
    step: whole,
    /** Pictures seen. */
    seen: whole,
    rank: whole,
    worldSize: z.int().positive(),
  }),
  counters: z.object({ updates: whole, lossScale: z.number(), calm: whole, skipped: whole }),
  /** Updates that were skipped one after the other. */
  skippedInRow: whole,
  best: z.object({ step: whole, loss: z.number() }).nullable(),
  /** CRC-32 of the numbers of each file. */
  checksums: z.partialRecord(z.enum(Object.keys(KINDS) as [Kind]), z.int()),
});

export type SavedState = z.infer<typeof stateSchema>;
export type Position = SavedState['position'];
/** What a state says besides its tensors. */
export type Progress = Pick<SavedState, 'position' | 'skippedInRow' | 'best'>;

const GENERATIONS = 2;

/** Writes the state. Throws `disk`; the states before stay as they are. */
export async function saveState(
  folder: string,
  trainer: Trainer,
  progress: Progress,
): Promise<FoundState & { sizeBytes: number }> {
  const home = join(folder, RUN_FILES.state);
  const place = join(home, stepName(progress.position.step));
  const unfinished = `${place}${UNFINISHED}`;
  try {
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished, { recursive: true });
    const { sizeBytes, checksums } = await writeTensors(unfinished, trainer);
    const state: SavedState = { version: 1, ...progress, counters: trainer.counters, checksums };
    writeFileSync(join(unfinished, 'state.json'), JSON.stringify(state, null, 2), { flush: true });
    rmSync(place, { recursive: true, force: true }); // of a run that was at this step before, and the same
    renameSync(unfinished, place);
    syncFolder(home);
    for (const step of stepsIn(home).slice(0, -GENERATIONS)) {
      rmSync(join(home, stepName(step)), { recursive: true, force: true });
    }
    return { folder: place, state, sizeBytes };
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw toHdmError(error, place, 'disk');
  }
}

/** One kind after the other, so that memory holds one of them. */
async function writeTensors(
  folder: string,
  trainer: Trainer,
): Promise<{ sizeBytes: number; checksums: SavedState['checksums'] }> {
  const checksums: SavedState['checksums'] = {};
  let sizeBytes = 0;
  for (const kind of trainer.remembered) {
    const tensors = await trainer.read(kind);
    writeSafetensors(join(folder, `${kind}.safetensors`), tensors);
    checksums[kind] = checksumOf(tensors);
    for (const { data } of tensors.values()) sizeBytes += data.byteLength;
  }
  return { sizeBytes, checksums };
}

export interface FoundState {
  readonly folder: string;
  readonly state: SavedState;
}

/**
 * The newest state that is whole, and what is wrong with newer ones; undefined for a run that ended before it had one.
 * Throws `bad-file` when none is whole.
 */
export function findState(folder: string): { found: FoundState; damaged: readonly string[] } | undefined {
  const home = join(folder, RUN_FILES.state);
  const damaged: string[] = [];
  for (const step of stepsIn(home).reverse()) {
    const place = join(home, stepName(step));
    try {
      const state = readJson(join(place, 'state.json'), stateSchema);
      for (const kind of Object.keys(state.checksums) as Kind[]) readKind(place, state, kind);
      return { found: { folder: place, state }, damaged };
    } catch (error) {
      damaged.push(toHdmError(error, place).message);
    }
  }
  const hasBegun = damaged.length > 0 || stepsIn(join(folder, RUN_FILES.checkpoints)).length > 0;
  if (!hasBegun) return undefined;
  const problem = damaged[0] ?? 'there is none';
  const advice = 'Start a new run from one of its checkpoints, with the method "continue"';
  throw new HdmError('bad-file', `${home}: no saved state can be used`, problem.replace(/\.$/, ''), advice);
}

/** Sets the trainer to a saved state; only its values and averages when `isInherited`, as a new stage begins with. */
export async function restoreState(
  trainer: Trainer,
  { folder, state }: FoundState,
  isInherited = false,
): Promise<void> {
  const inherited: readonly Kind[] = ['value', 'average'];
  for (const kind of trainer.remembered) {
    if (isInherited && !inherited.includes(kind)) continue;
    await trainer.write(kind, readKind(folder, state, kind));
  }
  const { lossScale } = state.counters;
  trainer.restore(isInherited ? { ...trainer.counters, lossScale } : state.counters);
}

/** Throws `bad-file` when numbers are missing or are not those that were written. */
function readKind(folder: string, { checksums }: SavedState, kind: Kind): Map<string, TensorData> {
  const path = join(folder, `${kind}.safetensors`);
  if (!existsSync(path)) throw new HdmError('bad-file', path, 'it is missing from the saved state');
  const tensors = readTensors(openSafetensors(path));
  if (checksumOf(tensors) === checksums[kind]) return tensors;
  throw new HdmError('bad-file', path, 'its numbers are not those that were saved');
}

/** In the order of the names: files have another one. */
export function checksumOf(tensors: ReadonlyMap<string, TensorData>): number {
  return [...tensors.keys()].sort().reduce((sum, name) => {
    const { buffer, byteOffset, byteLength } = tensors.get(name)!.data;
    return crc32(new Uint8Array(buffer, byteOffset, byteLength), sum);
  }, 0);
}

/** A renamed folder is on the disk for certain when its parent is. Windows knows no such call. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
