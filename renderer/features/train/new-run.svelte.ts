/** @file A run that is being set up: data, recipe, model, settings, and what it will cost. */
import type {
  DatasetInfo,
  DatasetSource,
  Model,
  Recipe,
  TrainingCost,
  TrainingPlan,
  TrainingSettings,
} from '../../../electron/contract.ts';
import type { Studio } from '../../studio.svelte.ts';

/** What can be chosen: the simplest toy scenes are a choice of their own. */
export type SourceKind = DatasetSource['kind'] | 'simple';
type Stage = TrainingSettings['stages'][number];

const TOY: DatasetSource = { kind: 'toy', seed: 0, count: 100_000 };
const SIMPLE: DatasetSource = { ...TOY, isSimple: true };

export class NewRun {
  readonly #studio: Studio;
  #name = $state('');
  #kind = $state<SourceKind>('toy');
  #sources = $state.raw<{ readonly [K in SourceKind]?: DatasetSource }>({
    toy: TOY,
    simple: SIMPLE,
  });
  #data = $state.raw<DatasetInfo>();
  #dataError = $state('');
  #recipes = $state.raw<readonly Recipe[]>([]);
  #recipeId = $state<string>();
  #modelId = $state<string>();
  #settings = $state.raw<TrainingSettings>();
  #cost = $state.raw<{ readonly key: string; readonly value: TrainingCost }>();
  #costError = $state('');
  #isMeasuring = $state(false);
  #isStarting = $state(false);

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  /** Asks for what the form needs; again whenever it is opened. */
  async open(): Promise<void> {
    this.#recipes = await this.#studio.call('runs.recipes', {});
    if (!this.recipe && this.#recipes[0]) await this.chooseRecipe(this.#recipes[0].id);
    if (!this.#data) await this.#look();
  }

  // ---- Data ----

  get kind(): SourceKind {
    return this.#kind;
  }

  /** Undefined while no folder or list is chosen. */
  get source(): DatasetSource | undefined {
    return this.#sources[this.#kind];
  }

  /** What is in it; undefined until it was looked at. */
  get data(): DatasetInfo | undefined {
    return this.#data;
  }

  get dataError(): string {
    return this.#dataError;
  }

  chooseKind(kind: SourceKind): void {
    this.#kind = kind;
    void this.#look();
  }

  async chooseSource(source: DatasetSource): Promise<void> {
    const kind = kindOf(source);
    this.#sources = { ...this.#sources, [kind]: source };
    this.#kind = kind;
    await this.#look();
  }

  async #look(): Promise<void> {
    const { source } = this;
    this.#data = undefined;
    this.#dataError = '';
    if (!source) return;
    try {
      const data = await this.#studio.call('datasets.open', { source });
      if (this.source === source) this.#data = data;
    } catch (error) {
      if (this.source === source) this.#dataError = (error as Error).message;
    }
  }

  // ---- Recipe and model ----

  get recipes(): readonly Recipe[] {
    return this.#recipes;
  }

  get recipe(): Recipe | undefined {
    return this.#recipes.find(({ id }) => id === this.#recipeId);
  }

  /** With the pictures that it is made for, if it is for certain ones. */
  async chooseRecipe(id: string): Promise<void> {
    this.#recipeId = id;
    this.#settings = this.recipe?.settings;
    if (this.recipe?.source) await this.chooseSource(this.recipe.source);
  }

  /** Models that it can go on from. */
  get models(): readonly Model[] {
    return this.#studio.models.filter(({ kind, problem }) => kind === 'model' && problem === undefined);
  }

  get modelId(): string | undefined {
    const { models } = this;
    const isThere = (id: string | undefined): boolean => models.some((model) => model.id === id);
    const usual = this.#studio.settings.modelId;
    return [this.#modelId, usual].find(isThere) ?? models[0]?.id;
  }

  chooseModel(id: string): void {
    this.#modelId = id;
  }

  // ---- Settings ----

  get name(): string {
    return this.#name;
  }

  set name(name: string) {
    this.#name = name;
  }

  get settings(): TrainingSettings | undefined {
    return this.#settings;
  }

  change(patch: Partial<TrainingSettings>): void {
    if (this.#settings) this.#settings = { ...this.#settings, ...patch };
  }

  changeStage(index: number, patch: Partial<Stage>): void {
    const stages = this.#settings?.stages.map((stage, i) => (i === index ? { ...stage, ...patch } : stage));
    if (stages) this.change({ stages });
  }

  // ---- What it costs, and the start ----

  /** Undefined while something is missing. */
  get plan(): TrainingPlan | undefined {
    const { recipe, source, settings, modelId } = this;
    const needsModel = recipe !== undefined && recipe.needs !== 'nothing';
    if (!recipe || !source || !settings || !this.#data || (needsModel && !modelId)) return undefined;
    const name = this.#name.trim() || recipe.id;
    return { name, recipeId: recipe.id, source, settings, ...(needsModel && { modelId: modelId! }) };
  }

  /** As measured for the plan as it is now. */
  get cost(): TrainingCost | undefined {
    return this.#cost && this.#cost.key === this.#costKey ? this.#cost.value : undefined;
  }

  get costError(): string {
    return this.#costError;
  }

  get isMeasuring(): boolean {
    return this.#isMeasuring;
  }

  async measure(): Promise<void> {
    const [{ plan }, key] = [this, this.#costKey];
    if (!plan) return;
    this.#isMeasuring = true;
    this.#costError = '';
    try {
      this.#cost = { key, value: await this.#studio.call('runs.measure', { plan }) };
    } catch (error) {
      if ((error as { code?: string }).code !== 'cancelled') this.#costError = (error as Error).message;
    } finally {
      this.#isMeasuring = false;
    }
  }

  stopMeasuring(): void {
    void this.#studio.call('runs.cancelMeasure', {});
  }

  get isStarting(): boolean {
    return this.#isStarting;
  }

  /** The id of the run. Throws the host's reason. */
  async start(): Promise<string> {
    this.#isStarting = true;
    try {
      return (await this.#studio.call('runs.start', { plan: this.plan! })).id;
    } finally {
      this.#isStarting = false;
    }
  }

  /** What a step costs does not depend on how many there are. */
  get #costKey(): string {
    const { plan } = this;
    if (!plan) return '';
    const { recipeId, modelId, settings, source } = plan;
    const stages = settings.stages.map(({ batch, size }) => [batch, size]);
    const { device, precision } = this.#studio.settings;
    return JSON.stringify([recipeId, modelId, source, { ...settings, stages }, device, precision]);
  }
}

function kindOf(source: DatasetSource): SourceKind {
  return source.kind === 'toy' && source.isSimple ? 'simple' : source.kind;
}
