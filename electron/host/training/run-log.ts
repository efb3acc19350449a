/** @file What a run told, from its `log.jsonl` and as it comes, in the form that windows and reports need. */
import { createReadStream, existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { trainingEvent, type TrainingEvent } from '../../../engine/training/run/events.ts';
import type { Checkpoint, RunHistory, Sample, Validation } from '../../contract.ts';
import { PLACES } from '../../contract.ts';
import { Columns, emptyColumns, MOST_ROWS } from './columns.ts';
import { Pace } from './pace.ts';

export const LOG_FILE = 'log.jsonl';
/** Of the events that people read. */
const MOST_LINES = 500;

type Of<K extends TrainingEvent['kind']> = Extract<TrainingEvent, { kind: K }>;
interface KeptSample extends Sample {
  readonly file: string;
}
interface KeptCheckpoint extends Checkpoint {
  readonly folder: string;
}

export class RunLog {
  readonly #runId: string;
  readonly #folder: string;
  readonly #columns = new Columns();
  #validations: Validation[] = [];
  #samples: KeptSample[] = [];
  #checkpoints: KeptCheckpoint[] = [];
  #lines: TrainingEvent[] = [];
  /** Lines so far, those that were forgotten included. */
  #lineCount = 0;
  readonly pace = new Pace();

  constructor(runId: string, folder: string) {
    this.#runId = runId;
    this.#folder = folder;
  }

  /** Reads what was told so far. A line that cannot be read (the last one of a killed process) is left out. */
  static async read(runId: string, folder: string): Promise<RunLog> {
    const log = new RunLog(runId, folder);
    const path = join(folder, LOG_FILE);
    if (!existsSync(path)) return log;
    for await (const line of createInterface({ input: createReadStream(path) })) {
      const event = parse(line);
      if (event) log.add(event);
    }
    return log;
  }

  get lastStep(): number {
    return this.#columns.lastStep;
  }

  get checkpoints(): readonly KeptCheckpoint[] {
    return this.#checkpoints;
  }

  get samples(): readonly KeptSample[] {
    return this.#samples;
  }

  get validations(): readonly Validation[] {
    return this.#validations;
  }

  /** Returns true when it took back what was told before: a resumed run does some steps again. */
  add(event: TrainingEvent): boolean {
    this.pace.add(event);
    switch (event.kind) {
      case 'step':
        return this.#addStep(event);
      case 'validation':
        this.#validations = [
          ...this.#validations.filter(({ step }) => step < event.step),
          toValidation(event),
        ];
        return false;
      case 'sample':
        this.#addSample(event);
        return false;
      default:
        this.#addLine(event);
        return false;
    }
  }

  /** Everything, in at most `most` rows of steps. */
  whole(most = MOST_ROWS): RunHistory {
    return {
      runId: this.#runId,
      isWhole: true,
      steps: this.#columns.rows(0, most),
      validations: this.#validations,
      samples: this.#samples.map(withoutFile),
      log: this.#lines,
    };
  }

  /** Since `mark`, which `mark()` gave. */
  since(mark: Mark): RunHistory {
    return {
      runId: this.#runId,
      isWhole: false,
      steps: mark.steps < this.#columns.length ? this.#columns.rows(mark.steps) : emptyColumns(),
      validations: this.#validations.slice(mark.validations),
      samples: this.#samples.slice(mark.samples).map(withoutFile),
      log: this.#lineCount > mark.lines ? this.#lines.slice(mark.lines - this.#lineCount) : [],
    };
  }

  mark(): Mark {
    return {
      steps: this.#columns.length,
      validations: this.#validations.length,
      samples: this.#samples.length,
      lines: this.#lineCount,
    };
  }

  #addStep(event: Of<'step'>): boolean {
    const isAgain = event.step <= this.#columns.lastStep;
    if (isAgain) {
      this.#columns.cut(event.step);
      this.#validations = this.#validations.filter(({ step }) => step < event.step);
      this.#samples = this.#samples.filter(({ step }) => step < event.step);
    }
    this.#columns.add(event);
    return isAgain;
  }

  #addLine(event: TrainingEvent): void {
    if (event.kind === 'checkpoint') {
      const { step, folder, sizeBytes, isBest, change, at: savedAt } = event;
      const others = this.#checkpoints.filter((other) => other.step !== step);
      const kept = isBest ? others.map((other) => ({ ...other, isBest: false })) : others;
      this.#checkpoints = [...kept, { step, folder, sizeBytes, isBest, change, savedAt }];
    }
    if (event.kind === 'removed') {
      this.#checkpoints = this.#checkpoints.filter(({ step }) => step !== event.step);
    }
    // The log of a run says when it began again and why; what it did in between is seen in the charts.
    if (event.kind === 'phase') return;
    this.#lines.push(event);
    this.#lineCount++;
    if (this.#lines.length > MOST_LINES) this.#lines.shift();
  }

  /** One that a resumed run draws again is the same. */
  #addSample({ step, prompt, seed, file: name }: Of<'sample'>): void {
    const file = join(this.#folder, name);
    if (this.#samples.some((sample) => sample.file === file)) return;
    const url = `${PLACES.samples}${this.#runId}_${step}_${this.#samples.length}/${basename(name)}`;
    this.#samples.push({ step, prompt, seed, url, file });
  }
}

export interface Mark {
  readonly steps: number;
  readonly validations: number;
  readonly samples: number;
  readonly lines: number;
}

function withoutFile({ file: _file, ...sample }: KeptSample): Sample {
  return sample;
}

function toValidation({ step, loss, bands }: Of<'validation'>): Validation {
  return { step, loss, bands };
}

/** Steps are most of a log, and this program wrote them: for them the check of each field would take too long. */
function parse(line: string): TrainingEvent | undefined {
  try {
    const value = JSON.parse(line) as { kind?: unknown; step?: unknown; loss?: unknown };
    const isStep = value.kind === 'step' && typeof value.step === 'number' && typeof value.loss === 'number';
    return isStep ? (value as TrainingEvent) : trainingEvent.safeParse(value).data;
  } catch {
    return undefined;
  }
}
