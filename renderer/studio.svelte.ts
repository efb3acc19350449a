/** @file What the window knows of the studio: the host's state, kept in step by its events. */
import { getContext, setContext } from 'svelte';
import type {
  CallName,
  Choices,
  Download,
  EngineState,
  EventName,
  EventValue,
  Input,
  Job,
  Model,
  Output,
  Picture,
  Run,
  Settings,
  Snapshot,
} from '../electron/contract.ts';
import type { Wire, WireState } from './wire.ts';

type Listener<N extends EventName> = (value: EventValue<N>) => void;

/**
 * A view: the host owns the truth. Every connection begins with the whole state, so a window that slept or a host
 * that was started again cannot leave anything behind.
 */
export class Studio {
  readonly #wire: Wire;
  readonly #listeners = new Set<{ name: EventName; listener: (value: never) => void }>();

  #connection = $state<WireState>('connecting');
  #snapshot = $state.raw<Snapshot>();
  #jobs = $state.raw<readonly Job[]>([]);
  #models = $state.raw<readonly Model[]>([]);
  #downloads = $state.raw<readonly Download[]>([]);
  #runs = $state.raw<readonly Run[]>([]);
  #engine = $state.raw<EngineState>({ state: 'idle' });
  #settings = $state.raw<Settings>();
  #library = $state.raw({ count: 0, revision: 0 });
  #newest = $state.raw<Picture>();

  constructor(wire: Wire) {
    this.#wire = wire;
    wire.start({
      onState: (state) => void this.#connected(state),
      onEvent: (name, value) => this.#take(name, value),
    });
  }

  get connection(): WireState {
    return this.#connection;
  }

  /** The first state has come: everything below is there. */
  get isReady(): boolean {
    return this.#snapshot !== undefined;
  }

  get version(): string {
    return this.#snapshot?.version ?? '';
  }

  get platform(): string {
    return this.#snapshot?.platform ?? '';
  }

  get isDesktop(): boolean {
    return this.#snapshot?.mode === 'desktop';
  }

  get choices(): Choices {
    return this.#required.choices;
  }

  /** What this window kept with `session.keep`, as it was when the window opened. */
  get workspace(): unknown {
    return this.#required.workspace;
  }

  /** Queued, running and lately ended, in the order of the queue. */
  get jobs(): readonly Job[] {
    return this.#jobs;
  }

  get models(): readonly Model[] {
    return this.#models;
  }

  get downloads(): readonly Download[] {
    return this.#downloads;
  }

  /** Training runs, the newest first. */
  get runs(): readonly Run[] {
    return this.#runs;
  }

  get engine(): EngineState {
    return this.#engine;
  }

  get settings(): Settings {
    return this.#settings ?? this.#required.settings;
  }

  get library(): { readonly count: number; readonly revision: number } {
    return this.#library;
  }

  /** The picture that came last while this window was open. */
  get newest(): Picture | undefined {
    return this.#newest;
  }

  /** Asks the host. Throws `CallError`. */
  call<N extends CallName>(name: N, input: Input<N>): Promise<Output<N>> {
    return this.#wire.call(name, input);
  }

  /** Hears an event itself, for what is not kept here. Returns what ends it. */
  on<N extends EventName>(name: N, listener: Listener<N>): () => void {
    const entry = { name, listener: listener as (value: never) => void };
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  get #required(): Snapshot {
    if (!this.#snapshot) throw new Error('internal: the studio was used before its first state came');
    return this.#snapshot;
  }

  async #connected(state: WireState): Promise<void> {
    this.#connection = state === 'open' ? this.#connection : state;
    if (state !== 'open') return;
    const snapshot = await this.call('session.open', {}).catch(() => undefined);
    if (!snapshot) return; // broken again already; the next connection asks again
    this.#snapshot = snapshot;
    this.#jobs = snapshot.jobs;
    this.#models = snapshot.models;
    this.#downloads = snapshot.downloads;
    this.#runs = snapshot.runs;
    this.#engine = snapshot.engine;
    this.#settings = snapshot.settings;
    this.#library = snapshot.library;
    this.#connection = 'open';
  }

  #take<N extends EventName>(name: N, value: EventValue<N>): void {
    this.#keepers[name](value);
    for (const entry of this.#listeners) {
      if (entry.name === name) (entry.listener as Listener<N>)(value);
    }
  }

  readonly #keepers: { readonly [N in EventName]: Listener<N> } = {
    jobs: (jobs) => (this.#jobs = jobs),
    progress: ({ jobId, progress }) => {
      this.#jobs = this.#jobs.map((job) => (job.id === jobId ? { ...job, progress } : job));
    },
    engine: (engine) => (this.#engine = engine),
    models: (models) => (this.#models = models),
    downloads: (downloads) => (this.#downloads = downloads),
    runs: (runs) => (this.#runs = runs),
    training: () => {}, // large: kept by those who show it
    report: () => {},
    settings: (settings) => (this.#settings = settings),
    library: ({ count, revision, added }) => {
      this.#library = { count, revision };
      if (added) this.#newest = added;
    },
  };
}

const KEY = Symbol('studio');

export function provideStudio(wire: Wire): Studio {
  return setContext(KEY, new Studio(wire));
}

export function getStudio(): Studio {
  return getContext<Studio>(KEY);
}
