/**
 * @file Checkpoints that are scored, one at a time: the engine draws toy scenes with one and judges them. Between two
 * pictures it lets others have the device; a run under way waits for it.
 */
import { randomUUID } from 'node:crypto';
import { HdmError } from '../../../engine/errors.ts';
import { SCORED, summaryOf } from '../../../engine/eval/summary.ts';
import { nearestSide } from '../../../engine/pipeline/request.ts';
import { isAdapterMethod } from '../../../engine/training/recipe.ts';
import type { Input, Run, Score, TrainingPlan } from '../../contract.ts';
import type { Loadable, ScoreResult } from '../../engine/protocol.ts';
import { LongTurn } from '../long-turn.ts';
import { onlyAdapter } from '../models/contents.ts';
import type { Arbiter, Models, SettingsStore, TrainingEngine } from '../parts.ts';
import type { StoredRun } from './store.ts';

export interface ScoresOptions {
  readonly engine: TrainingEngine;
  readonly arbiter: Arbiter;
  readonly models: Pick<Models, 'loadable'>;
  readonly settings: SettingsStore;
  readonly runOf: (id: string) => StoredRun;
  /** Where a checkpoint lies. Throws `bad-usage` when it is gone. */
  readonly placeOf: (run: StoredRun, step: number) => Promise<string>;
  readonly keep: (runId: string, score: Score) => void;
  /** It began, went on or ended. */
  readonly onChange: () => void;
}

interface Scoring {
  readonly runId: string;
  readonly stop: AbortController;
  readonly shown: NonNullable<Run['scoring']>;
}

/** Enough to tell a good checkpoint from a bad one, and done in a minute or two with a small model. */
const EFFORT = { prompts: 24, steps: 8, categories: [...SCORED, 'camera'] } as const;
/** Larger pictures of the same scenes tell nothing more. */
const LARGEST = 256;

export class Scores {
  readonly #options: ScoresOptions;
  #scoring: Scoring | undefined;

  constructor(options: ScoresOptions) {
    this.#options = options;
  }

  /** How far the scoring of this run's checkpoint is. */
  of(runId: string): Run['scoring'] {
    return this.#scoring?.runId === runId ? this.#scoring.shown : undefined;
  }

  /** Answers when the score is kept. Throws `bad-usage` for what cannot be scored, and what the engine throws. */
  async score({ id, step }: Input<'runs.score'>): Promise<void> {
    const { runOf, keep, onChange } = this.#options;
    const run = runOf(id);
    if (!(step > (scoredAfter(run) ?? Infinity))) {
      const problem = 'only models that learned the toy scenes of all kinds can be scored';
      throw new HdmError('bad-usage', run.plan.name, problem, 'Look at its samples');
    }
    if (this.#scoring) {
      const problem = 'another checkpoint is being scored';
      throw new HdmError('bad-usage', run.plan.name, problem, 'Wait for it, or cancel it');
    }
    const stop = new AbortController();
    this.#show({ runId: id, stop, shown: { step, done: 0, total: 0 } });
    try {
      const { device, evaluation } = await this.#ask(run, step, stop.signal);
      keep(id, { step, scoredAt: Date.now(), device, ...summaryOf(evaluation) });
    } finally {
      this.#scoring = undefined;
      onChange();
    }
  }

  /** Of one run, or whichever is scored. */
  cancel(runId = this.#scoring?.runId): void {
    if (this.#scoring?.runId === runId) this.#scoring?.stop.abort();
  }

  async #ask(run: StoredRun, step: number, signal: AbortSignal): Promise<ScoreResult> {
    const { engine, arbiter } = this.#options;
    const id = randomUUID();
    const model = await this.#loadable(run, step);
    const turn = new LongTurn({ id, user: 'score', engine, arbiter, signal });
    try {
      await turn.take();
      const options = { ...EFFORT, size: sizeAt(run.plan, step) };
      return await engine.score(
        { id, model, options },
        {
          signal,
          onProgress: ({ step: done, steps: total }) => {
            turn.noteReached();
            this.#show({ ...this.#scoring!, shown: { step, done, total } });
          },
        },
      );
    } finally {
      turn.end();
    }
  }

  /** The checkpoint as a model; an adapter beside the one that it changes. */
  async #loadable(run: StoredRun, step: number): Promise<Loadable> {
    const { models, settings, placeOf } = this.#options;
    const { device, precision } = settings.get();
    const path = await placeOf(run, step);
    if (!isAdapterMethod(run.method)) return { path, adapters: [], device, precision };
    const adapters = [{ path: onlyAdapter(path), strength: 1 }];
    return { ...models.loadable(run.plan.modelId!, []), adapters, device, precision };
  }

  #show(scoring: Scoring): void {
    this.#scoring = scoring;
    this.#options.onChange();
  }
}

/**
 * The judge knows the world of all toy scenes, and the pictures of a whole model: checkpoints after this step are such.
 */
export function scoredAfter({ plan, method }: Pick<StoredRun, 'plan' | 'method'>): number | undefined {
  const { source, settings } = plan;
  if (source.kind !== 'toy' || source.isSimple || method === 'vae') return undefined;
  const first = settings.stages.findIndex(({ trains }) => trains === 'denoiser');
  return settings.stages.slice(0, first).reduce((sum, { steps }) => sum + steps, 0);
}

/** Side of the pictures that the checkpoint learned from last. */
function sizeAt({ settings: { stages } }: TrainingPlan, step: number): number {
  let end = 0;
  const stage = stages.find(({ steps }) => step <= (end += steps)) ?? stages.at(-1)!;
  return Math.min(LARGEST, nearestSide(stage.size));
}
