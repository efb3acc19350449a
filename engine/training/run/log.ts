/** @file The log of a run: a line of JSON for each event, only ever added to. */
import { appendFileSync, closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { toHdmError } from '../../errors.ts';
import { trainingEvent, type Happening, type TrainingEvent } from './events.ts';

export type Listener = (event: TrainingEvent) => void;

/** Kinds that come again, the same, when a run goes on from a state older than its log. */
const REPEATED: ReadonlySet<Happening['kind']> = new Set([
  'step',
  'validation',
  'sample',
  'checkpoint',
  'removed',
]);

export class RunLog {
  readonly #path: string;
  readonly #listen: Listener;
  readonly #told: ReadonlySet<string>;

  constructor(path: string, listen: Listener) {
    this.#path = path;
    this.#listen = listen;
    endTornLine(path);
    this.#told = new Set(
      readLog(path)
        .filter(({ kind }) => REPEATED.has(kind))
        .map(keyOf),
    );
  }

  /** Stamps an event and tells it. What the log says already is not written twice. */
  record(happening: Happening): void {
    const event: TrainingEvent = { ...happening, at: Date.now() };
    try {
      if (!this.#told.has(keyOf(event))) appendFileSync(this.#path, `${JSON.stringify(event)}\n`);
    } catch (error) {
      throw toHdmError(error, this.#path, 'disk');
    }
    this.#listen(event);
  }
}

/** The events of a log, without a line that was cut off. */
export function readLog(path: string): TrainingEvent[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8').split('\n').flatMap(parseLine);
}

function parseLine(line: string): TrainingEvent[] {
  if (line === '') return [];
  try {
    return [trainingEvent.parse(JSON.parse(line))];
  } catch {
    return []; // cut off by a crash, or of a newer version
  }
}

function keyOf(event: TrainingEvent): string {
  const what = 'file' in event ? event.file : 'folder' in event ? event.folder : '';
  return `${event.kind} ${event.step} ${what}`;
}

/** A process that was killed may have left half a line; the next one must not continue it. */
function endTornLine(path: string): void {
  if (!existsSync(path)) return;
  const descriptor = openSync(path, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const last = Buffer.alloc(1);
    if (size > 0) readSync(descriptor, last, 0, 1, size - 1);
    if (size > 0 && last.toString() !== '\n') appendFileSync(path, '\n');
  } finally {
    closeSync(descriptor);
  }
}
