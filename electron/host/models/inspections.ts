/** @file What is in each model, read again only when its files changed. */
import { existsSync } from 'node:fs';
import type { Elsewhere } from '../../../engine/checkpoints/checkpoint.ts';
import { inspectModel, problemText, type Inspection } from './inspect.ts';
import { modelFiles } from './model-files.ts';
import type { ModelRow } from './rows.ts';

export interface Known {
  /** Undefined: the files are gone. */
  readonly fingerprint: string | undefined;
  readonly sizeBytes: number;
  /** Absent when the model cannot be opened. */
  readonly inspection?: Inspection;
  /** Why it cannot be opened, or cannot draw. */
  readonly problem?: string;
}

export class Inspections {
  readonly #known = new Map<string, Known>();

  of({ id, path, elsewhere }: ModelRow): Known {
    const parts = present(elsewhere);
    const files = modelFiles(path, parts);
    const known = this.#known.get(id);
    if (known && known.fingerprint === files.fingerprint) return known;
    const fresh = { ...files, ...look(path, parts, files.fingerprint) };
    this.#known.set(id, fresh);
    return fresh;
  }

  forget(id: string): void {
    this.#known.delete(id);
  }
}

/** Those places of parts where something still lies; the others are looked for again. */
export function present(elsewhere: Elsewhere): Elsewhere {
  return Object.fromEntries(
    Object.entries(elsewhere as Record<string, string>).filter(([, path]) => existsSync(path)),
  );
}

function look(
  path: string,
  elsewhere: Elsewhere,
  fingerprint: string | undefined,
): Pick<Known, 'inspection' | 'problem'> {
  if (fingerprint === undefined) {
    return {
      problem:
        'The file is gone, or cannot be read. Put it back where it was, or take the model off the list.',
    };
  }
  try {
    const inspection = inspectModel(path, elsewhere);
    return { inspection, ...(inspection.problem !== undefined && { problem: inspection.problem }) };
  } catch (error) {
    return { problem: problemText(error, path) };
  }
}
