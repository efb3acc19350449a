/** @file A run is a folder: what lies where in it, and that only one process writes to it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readJson } from '../../checkpoints/tensors.ts';
import { HdmError, toHdmError } from '../../errors.ts';
import { parseRecipe, type Recipe } from '../recipe.ts';

export const RUN_FILES = {
  recipe: 'recipe.json',
  run: 'run.json',
  log: 'log.jsonl',
  lock: 'lock',
  checkpoints: 'checkpoints',
  state: 'state',
  samples: 'samples',
  /** Parts that the run made itself or keeps a copy of. */
  parts: 'parts',
  /** Cached latents of the stage that is trained. */
  latents: 'latents',
} as const;

/** Of an unfinished folder or file; what has such a name is thrown away when the run is opened. */
export const UNFINISHED = '.unfinished';

const source = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('folder'), path: z.string() }),
  z.object({ kind: z.literal('manifest'), path: z.string() }),
  z.object({ kind: z.literal('toy'), seed: z.int(), count: z.int(), isSimple: z.literal(true).optional() }),
]);

/** What a run is about besides its recipe: `run.json`. */
const runInfo = z.object({
  version: z.literal(1),
  data: source,
  /** Pictures of the dataset: another number would mean other batches. */
  pictures: z.int(),
  device: z.string(),
  precision: z.enum(['f32', 'f16', 'bf16']),
  startedAt: z.number(),
});

export type RunInfo = z.infer<typeof runInfo>;

export function isRun(folder: string): boolean {
  return existsSync(join(folder, RUN_FILES.recipe)) && existsSync(join(folder, RUN_FILES.run));
}

/** Makes the folder of a new run. Throws `bad-usage` when there is one already, or anything else in it. */
export function createRun(folder: string, recipe: Recipe, info: RunInfo): void {
  try {
    mkdirSync(folder, { recursive: true });
    if (readdirSync(folder).length > 0) throw notEmpty(folder);
    for (const inside of [RUN_FILES.checkpoints, RUN_FILES.state, RUN_FILES.samples, RUN_FILES.parts]) {
      mkdirSync(join(folder, inside));
    }
    writeFileSync(join(folder, RUN_FILES.run), JSON.stringify(info, null, 2));
    writeFileSync(join(folder, RUN_FILES.recipe), JSON.stringify(recipe, null, 2));
  } catch (error) {
    throw toHdmError(error, folder, 'disk');
  }
}

function notEmpty(folder: string): HdmError {
  return isRun(folder)
    ? new HdmError(
        'bad-usage',
        folder,
        'there is a run in it',
        'Go on with it by --resume, or choose another folder',
      )
    : new HdmError('bad-usage', folder, 'the folder is not empty', 'Choose another: nothing is overwritten');
}

/** Throws `bad-usage` when there is no run in the folder. */
export function openRunFolder(folder: string): { recipe: Recipe; info: RunInfo } {
  if (!isRun(folder)) {
    throw new HdmError('bad-usage', folder, 'there is no run in it', 'Leave --resume out to start one');
  }
  const path = join(folder, RUN_FILES.recipe);
  return {
    recipe: parseRecipe(readJson(path, z.unknown()), path),
    info: readJson(join(folder, RUN_FILES.run), runInfo),
  };
}

/** Names of steps sort as their numbers do. */
export function stepName(step: number): string {
  return `step-${String(step).padStart(6, '0')}`;
}

/** Steps that have an entry in a folder of a run, rising. */
export function stepsIn(folder: string): number[] {
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder).flatMap((name) => /^step-(\d+)$/.exec(name)?.[1] ?? []);
  return found.map(Number).sort((a, b) => a - b);
}

/** The number in the name of a step's folder. */
export function stepOf(folder: string): number {
  return Number(/step-(\d+)$/.exec(folder)![1]);
}

/** Removes what a killed process left half-written. */
export function discardUnfinished(folder: string): void {
  for (const inside of ['', RUN_FILES.checkpoints, RUN_FILES.state, RUN_FILES.samples, RUN_FILES.parts]) {
    const place = join(folder, inside);
    if (!existsSync(place)) continue;
    for (const name of readdirSync(place).filter((file) => file.includes(UNFINISHED))) {
      rmSync(join(place, name), { recursive: true, force: true });
    }
  }
}

/**
 * Takes the run for this process; returns what gives it back. A lock of a process that is gone counts for nothing.
 * Throws `bad-usage` while another process trains in it.
 */
export function lockRun(folder: string): () => void {
  const path = join(folder, RUN_FILES.lock);
  const holder = existsSync(path) ? Number(readFileSync(path, 'utf8')) : Number.NaN;
  if (holder !== process.pid && isAlive(holder)) {
    throw new HdmError('bad-usage', folder, `process ${holder} is training in it`, 'Stop that one first');
  }
  try {
    writeFileSync(path, String(process.pid));
  } catch (error) {
    throw toHdmError(error, folder, 'disk');
  }
  return () => rmSync(path, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    return Number.isInteger(pid) && process.kill(pid, 0);
  } catch {
    return false;
  }
}
