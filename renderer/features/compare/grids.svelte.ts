/** @file X/Y grids: one that is planned, one that is shown and fills as its pictures come, those from before. */
import type { Axis, Drawing, Estimate, Grid, Job } from '../../../electron/contract.ts';
import { Asked } from '../../asked.svelte.ts';
import type { Studio } from '../../studio.svelte.ts';
import type { DrawingForm } from '../create/form.svelte.ts';
import type { Start } from '../create/start.svelte.ts';
import { AxisDraft } from './axis-draft.svelte.ts';
import type { AxisContext } from './axis-values.ts';
import { costsOf, type AxisOf } from './grid-cost.ts';

export type Cell = Grid['cells'][number];

const ESTIMATE_REST_MS = 350;
/** More kinds of pictures are not asked about one by one. */
const MOST_KINDS = 40;

export class Grids {
  readonly #studio: Studio;
  readonly #form: DrawingForm;
  readonly #start: Start;
  readonly x: AxisDraft;
  readonly y: AxisDraft;
  readonly estimate: Asked<{ drawing: Drawing; axes: readonly AxisOf[] }, Estimate>;
  #shown = $state.raw<Grid>();
  #list = $state.raw<readonly Grid[]>([]);
  #isAdding = $state(false);
  #error = $state<string>();
  #listError = $state<string>();
  readonly #jobs = $derived.by(() => new Map(this.#studio.jobs.map((job) => [job.id, job])));

  /** Made while a component is set up. */
  constructor(studio: Studio, form: DrawingForm, start: Start) {
    this.#studio = studio;
    this.#form = form;
    this.#start = start;
    const context = (): AxisContext => ({
      drawing: form.drawable,
      choices: studio.choices,
      models: studio.models.filter(({ kind, problem }) => kind === 'model' && problem === undefined),
    });
    this.x = new AxisDraft(context, 'guidanceScale');
    this.y = new AxisDraft(context, undefined);
    this.estimate = new Asked({
      studio,
      question: () => (this.isReady ? { drawing: form.drawable, axes: this.axes } : undefined),
      ask: (question) => this.#estimate(question),
      rest: ESTIMATE_REST_MS,
    });
    this.#followJobs();
  }

  /** The drawing whose settings are varied: the form of Create. */
  get drawing(): Drawing {
    return this.#form.drawable;
  }

  get axes(): readonly AxisOf[] {
    return [this.x, this.y].flatMap(({ setting, values }) => (setting ? [{ setting, values }] : []));
  }

  /** Pictures of the planned grid. */
  get count(): number {
    return this.axes.reduce((count, { values }) => count * values.length, 1);
  }

  /** Both axes vary the same, which only words of the prompt may. */
  get isTwice(): boolean {
    return this.x.setting === this.y.setting && this.x.setting !== 'prompt';
  }

  get isReady(): boolean {
    const { model } = this.#form;
    const isRight = [this.x, this.y].every(({ setting, problem }) => !setting || !problem);
    return model !== undefined && !model.problem && this.x.setting !== undefined && isRight && !this.isTwice;
  }

  get hasModel(): boolean {
    return this.#form.model !== undefined && !this.#form.model.problem;
  }

  get isAdding(): boolean {
    return this.#isAdding;
  }

  /** Why the planned grid was refused. */
  get error(): string | undefined {
    return this.#error;
  }

  /** The grid to look at. */
  get shown(): Grid | undefined {
    return this.#shown;
  }

  /** Newest first. */
  get list(): readonly Grid[] {
    return this.#list;
  }

  get listError(): string | undefined {
    return this.#listError;
  }

  show(grid: Grid): void {
    this.#shown = grid;
  }

  jobOf({ jobId }: Cell): Job | undefined {
    return this.#jobs.get(jobId);
  }

  stateOf(cell: Cell): Job['state'] {
    return this.jobOf(cell)?.state ?? cell.state;
  }

  async add(): Promise<void> {
    const [x, y] = this.axes;
    if (!x || !this.isReady || this.#isAdding) return;
    this.#isAdding = true;
    this.#error = undefined;
    try {
      await this.#start.prepare(); // a starting picture and its mask are brought to the host
      const input = { drawing: this.#form.drawable, x: toAxis(x), ...(y && { y: toAxis(y) }) };
      this.#shown = await this.#studio.call('grids.add', input);
      void this.load();
    } catch (error) {
      this.#error = (error as Error).message;
    } finally {
      this.#isAdding = false;
    }
  }

  /** Asks for the list; shows the newest when nothing is shown yet. */
  async load(): Promise<void> {
    try {
      this.#list = await this.#studio.call('grids.list', {});
      this.#listError = undefined;
      const shown = this.#list.find(({ id }) => id === this.#shown?.id);
      this.#shown = shown ?? this.#shown ?? this.#list[0];
    } catch (error) {
      this.#listError = (error as Error).message;
    }
  }

  /** Cells that wait or are drawn. */
  get unfinished(): readonly Cell[] {
    return (this.#shown?.cells ?? []).filter((cell) => ['queued', 'running'].includes(this.stateOf(cell)));
  }

  /** Cells without a picture whose jobs can be queued again. */
  get failed(): readonly Cell[] {
    const isFailed = (cell: Cell): boolean =>
      ['failed', 'cancelled', 'interrupted'].includes(this.stateOf(cell)) && this.jobOf(cell) !== undefined;
    return (this.#shown?.cells ?? []).filter(isFailed);
  }

  /** Throws `CallError`. */
  async cancel(): Promise<void> {
    await this.#studio.call('jobs.cancel', { ids: this.unfinished.map(({ jobId }) => jobId) });
  }

  /** Throws `CallError`. */
  async retry(cells: readonly Cell[]): Promise<void> {
    await this.#studio.call('jobs.retry', { ids: cells.map(({ jobId }) => jobId) });
  }

  /** The settings of a grid as the next plan. */
  plan({ drawing, x, y }: Grid): void {
    this.#form.use(drawing);
    this.x.set(x.setting, x.values);
    this.y.set(y?.setting, y?.values ?? []);
  }

  /** Asks for the shown grid again when jobs of it have ended. */
  #followJobs(): void {
    let asked = '';
    $effect(() => {
      const grid = this.#shown;
      const ended = (grid?.cells ?? []).filter((cell) => isBehind(cell, this.jobOf(cell)));
      const key = `${grid?.id} ${ended.map(({ jobId }) => jobId).join()}`;
      if (!grid || ended.length === 0 || key === asked || this.#studio.connection !== 'open') return;
      asked = key;
      this.#studio.call('grids.get', { id: grid.id }).then(
        (fresh) => {
          if (this.#shown?.id === fresh.id) this.#shown = fresh;
          this.#list = this.#list.map((each) => (each.id === fresh.id ? fresh : each));
        },
        () => (asked = ''), // asked again at the next change
      );
    });
  }

  async #estimate({ drawing, axes }: { drawing: Drawing; axes: readonly AxisOf[] }): Promise<Estimate> {
    const kinds = costsOf(drawing, axes);
    const count = axes.reduce((product, { values }) => product * values.length, 1);
    const asked = kinds.length <= MOST_KINDS ? kinds : [{ drawing, count }];
    return sumOf(await Promise.all(asked.map((kind) => this.#studio.call('jobs.estimate', kind))));
  }
}

function toAxis({ setting, values }: AxisOf): Axis {
  return { setting, values: [...values] };
}

/** The grid does not know yet what has become of the job. */
function isBehind(cell: Cell, job: Job | undefined): boolean {
  if (!job) return cell.state === 'queued' || cell.state === 'running';
  return job.state === 'done' && !cell.picture;
}

function sumOf(estimates: readonly Estimate[]): Estimate {
  const times = estimates.flatMap(({ seconds }) => (seconds ? [seconds] : []));
  const memory = estimates.flatMap(({ memoryBytes }) => (memoryBytes === undefined ? [] : [memoryBytes]));
  const sum = (end: 'low' | 'high'): number => times.reduce((total, time) => total + time[end], 0);
  return {
    measurements: Math.min(...estimates.map(({ measurements }) => measurements)),
    // A part that nobody measured leaves the whole unknown.
    ...(times.length === estimates.length && { seconds: { low: sum('low'), high: sum('high') } }),
    ...(memory.length > 0 && { memoryBytes: Math.max(...memory) }),
  };
}
